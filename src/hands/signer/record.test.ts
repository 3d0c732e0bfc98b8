import { afterEach, beforeEach, expect, it } from 'vitest';
import { fromHex, keccak256, Transient } from '../../base/kernel/index.ts';
import type { Signing } from './grammar.ts';
import type { SignerContext } from './index.ts';
import { CHAIN, type Installation, LANES, startInstallation } from './installation.fixture.ts';
import { recordUnsigned } from './record.ts';

let home: Installation;
beforeEach(async () => {
  home = await startInstallation();
});
afterEach(() => home?.stop());

const hashOf = (what: string) => keccak256(Buffer.from(what));

/** The first top-up of its intent, of a wallet that may begin so many a day, judged before another one was given. */
const topUp = (n: number, requestId: string, dayLimit = 1): Signing => ({
  ...{ requestId, kind: 'effect', firstEffect: true, dayLimit, spends: [], keyId: 'lane-1' },
  ...{ chainId: CHAIN, from: LANES[0]!, nonce: BigInt(n), laneEpoch: 1n, maxSpend: 1n },
  ...{ intentId: hashOf(`intent ${n}`), effectDigest: hashOf(`effect ${n}`) },
  ...{ unsigned: Buffer.from([n]), fingerprint: fromHex(hashOf(`bytes ${n}`)) },
});

async function record(
  { journal, handshake }: SignerContext,
  ...signings: Signing[]
): Promise<void> {
  await handshake.check();
  const main = await handshake.look();
  const witness = await handshake.witness();
  const { journal: standing } = await recordUnsigned(journal, signings, {
    main,
    lockHead: (sql) => handshake.lockHead(sql, main, witness),
    limits: new Map(),
  });
  handshake.advanced(standing!);
  await handshake.witnessed(standing!.head, witness);
}

it('of two signers that judged at once only one gives the last top-up of a day', async () => {
  const [one, other] = [home.signer('one'), home.signer('other')];
  const ids = [];
  for (const n of [0, 1]) ids.push((await home.order({ key: `k${n}`, nonce: n })).requestId);
  await home.owner.query(`UPDATE signature_request SET claimed_by = 'one', claimed_at = now()`);
  await record(one, topUp(0, ids[0]!));
  const late = record(other, topUp(1, ids[1]!));
  await expect(late).rejects.toThrow(Transient);
  await expect(late).rejects.toThrow(/last top-up of the day/);
  // Nothing of it is bound either: judged again, it is refused and its slot closed.
  expect(await home.journalRows('SELECT nonce::int FROM slot_binding')).toEqual([{ nonce: 0 }]);
  expect(await home.journalRows('SELECT FROM journal')).toHaveLength(1);
});

it('gives what is left of a day in one batch, and counts what was given before once', async () => {
  const signer = home.signer('one');
  const topUps: Signing[] = [];
  for (const n of [0, 1, 2, 3]) {
    topUps.push(topUp(n, (await home.order({ key: `k${n}`, nonce: n })).requestId, 3));
  }
  await home.owner.query(`UPDATE signature_request SET claimed_by = 'one', claimed_at = now()`);
  await record(signer, topUps[0]!);
  await expect(record(signer, ...topUps.slice(1))).rejects.toThrow(/last top-up of the day/);
  await record(signer, topUps[1]!, topUps[2]!);
  expect(await home.journalRows('SELECT FROM journal')).toHaveLength(3);
});
