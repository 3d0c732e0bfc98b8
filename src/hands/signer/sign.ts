import { setImmediate } from 'node:timers/promises';
import { signedTransaction } from '../../base/effect/index.ts';
import { type Clock, type Hex, type Log, messageOf } from '../../base/kernel/index.ts';
import type { JournalEntry } from './journal.ts';
import type { Keystore } from './keystore/keystore.ts';

export type Signed = { requestId: string; raw: Buffer; hash: Hex };

/** What a slow key still owes: null when it did not sign. Never rejects. */
export type Owed = Promise<Signed | null>;

type Asked = { keyId: string; entry: JournalEntry };
type Signer = { keystore: Keystore; clock: Clock; log: Log };

/** How long a batch waits for its slowest key elsewhere: the orders of other lanes wait with it. */
const PATIENCE_MS = 250;

/**
 * Signs what the journal holds unsigned, all at once: each key bounds what it is asked for at a time. Signatures of
 * keys elsewhere that are not there in time are owed. Orders of a key that does not sign are left claimed and come back by take-over.
 */
export async function signAll(
  signer: Signer,
  asked: readonly Asked[],
): Promise<{ signed: Signed[]; owed: Owed[] }> {
  const all = asked.map((one) => signOne(signer, one));
  const results = new Map<Owed, Signed | null>();
  for (const one of all) void one.then((result) => results.set(one, result));
  // A turn of the event loop is enough for keys that sign at once.
  await setImmediate();
  if (results.size < all.length) {
    const enough = new AbortController();
    const inTime = Promise.race([Promise.all(all), signer.clock.sleep(PATIENCE_MS, enough.signal)]);
    await Promise.all([inTime, ...all.filter((_, index) => isHeld(signer, asked[index]!))]);
    enough.abort();
  }
  return {
    signed: all.flatMap((one) => results.get(one) ?? []),
    owed: all.filter((one) => !results.has(one)),
  };
}

function isHeld({ keystore }: Signer, { keyId }: Asked): boolean {
  return keystore.holds?.(keyId) === true;
}

async function signOne({ keystore, log }: Signer, { keyId, entry }: Asked): Owed {
  const { requestId, fingerprint, unsigned } = entry;
  try {
    const signature = await keystore.sign(keyId, fingerprint);
    return { requestId, ...signedTransaction(unsigned, signature) };
  } catch (error) {
    const fields = { signatureRequestId: requestId, keyId, error: messageOf(error) };
    log.error(fields, 'a key did not sign');
    return null;
  }
}

/** Collects what is owed, and tells when some of it has come. */
export class Debts {
  readonly #onPaid: () => void;
  readonly #open = new Set<Owed>();
  #paid: Signed[] = [];

  constructor(onPaid: () => void) {
    this.#onPaid = onPaid;
  }

  add(owed: readonly Owed[]): void {
    for (const one of owed) {
      this.#open.add(one);
      void one.then((signed) => {
        this.#open.delete(one);
        if (signed === null) return;
        this.#paid.push(signed);
        this.#onPaid();
      });
    }
  }

  /** What has come since the last time. */
  take(): Signed[] {
    return this.#paid.splice(0);
  }

  /** Resolves when nothing is owed. */
  async settled(): Promise<void> {
    await Promise.all(this.#open);
  }
}
