import { type Hex, keccakBytes, toHex } from '../../../base/kernel/index.ts';

/** A height of the journal's chain with its hash: the hash stands for everything up to there. */
export type Seal = { height: bigint; hash: Hex };

/** Height 0 and no hash: no batch was ever sealed. */
export const NOTHING_SEALED: Seal = { height: 0n, hash: `0x${'00'.repeat(32)}` };

/** What the journal has seen of the main database. */
export type Seen = {
  seal: Seal;
  /** A numbered batch of events: its position and its id; 0 and null: none yet. */
  position: bigint;
  eventId: string | null;
};

/** The newest of two; positions and heights only rise. */
export function newest(one: Seen, other: Seen): Seen {
  const event = other.position > one.position ? other : one;
  return {
    seal: other.seal.height > one.seal.height ? other.seal : one.seal,
    position: event.position,
    eventId: event.eventId,
  };
}

/** Where an installation's chain begins. */
export function genesis(installationId: string): Seal {
  const name = `payonce:journal:${installationId}`;
  return { height: 0n, hash: toHex(keccakBytes(Buffer.from(name, 'utf8'))) };
}

type SealedEntry = { requestId: string; intentId: Hex; fingerprint: Buffer };

/**
 * The next seal of a chain: keccak256 over the previous hash (32), the height (8), what was seen of the main
 * database (height 8, hash 32, position 8, event id 16 or zeros) and, by request id, each entry's
 * request id (16), intent id (32) and fingerprint (32). Whoever holds the journal can compute it again.
 */
export function nextSeal(previous: Seal, seen: Seen, entries: readonly SealedEntry[]): Seal {
  const height = previous.height + 1n;
  const sorted = [...entries].sort((a, b) => (a.requestId < b.requestId ? -1 : 1));
  const bytes = Buffer.alloc(104 + 80 * sorted.length);
  write(bytes, 0, previous.hash.slice(2));
  bytes.writeBigUInt64BE(height, 32);
  bytes.writeBigUInt64BE(seen.seal.height, 40);
  write(bytes, 48, seen.seal.hash.slice(2));
  bytes.writeBigUInt64BE(seen.position, 80);
  if (seen.eventId !== null) write(bytes, 88, seen.eventId.replaceAll('-', ''));
  sorted.forEach(({ requestId, intentId, fingerprint }, index) => {
    const at = 104 + 80 * index;
    write(bytes, at, requestId.replaceAll('-', ''));
    write(bytes, at + 16, intentId.slice(2));
    fingerprint.copy(bytes, at + 48);
  });
  return { height, hash: toHex(keccakBytes(bytes)) };
}

function write(bytes: Buffer, at: number, hex: string): void {
  bytes.write(hex, at, 'hex');
}
