import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient, tokenPayments } from '../support/laws.ts';
import { Mirrors } from '../support/mirrors.ts';
import type { RpcRule } from '../support/rpc-fault-proxy.ts';
import {
  flippedReceipts,
  forgedLogs,
  forkedAt,
  hastyTags,
  staleAt,
  wrongChainId,
} from '../support/rpc-lies.ts';
import { seedOf } from '../support/seed.ts';
import { until } from '../support/until.ts';

const FULL = process.env['PAYONCE_PROOF'] === 'full';
/** Of each phase. */
const COUNT = FULL ? 334 : 40;
const AT_ONCE = 20;
const UNIT = 1_000_000n;
const SEND = 'eth_sendRawTransaction';

/** What nodes do on a bad day, all at once. */
const NOISE: readonly RpcRule[] = [
  { method: SEND, probability: 0.1, fault: { kind: 'unanswered' } },
  { method: SEND, probability: 0.05, fault: { kind: 'lose_answer' } },
  { method: SEND, probability: 0.02, fault: { kind: 'wrong_hash' } },
  { method: SEND, probability: 0.02, fault: { kind: 'twice' } },
  { method: SEND, probability: 0.02, fault: { kind: 'drop' } },
  { method: '*', probability: 0.03, fault: { kind: 'status', status: 429 } },
  { method: '*', probability: 0.03, fault: { kind: 'status', status: 503 } },
  { method: '*', probability: 0.02, fault: { kind: 'truncate' } },
  { method: '*', probability: 0.01, fault: { kind: 'refuse_batch' } },
  { method: '*', probability: 0.01, fault: { kind: 'silence' } },
  { method: '*', probability: 0.02, fault: { kind: 'delay', ms: 200 } },
];
const AWAY: readonly RpcRule[] = [
  { method: '*', probability: 1, fault: { kind: 'status', status: 503 } },
];

let mirrors: Mirrors;
let on: Installation;
let made = 0;

beforeAll(async () => {
  mirrors = await Mirrors.start({ seed: seedOf('faulty mirrors') });
  mirrors.startMining(200);
  on = await Installation.start({
    lanes: 3,
    node: mirrors.node,
    settings: (base) => {
      const chain = base.chains[0]!;
      const rpc = mirrors.urls.map((url, index) => ({
        ...chain.rpc[0]!,
        ...{ url, name: `node-${index}`, timeoutMs: { read: 1_000, send: 1_000, logs: 2_000 } },
      }));
      return { ...base, chains: [{ ...chain, rpc, resendAfterMs: 1_000 }] };
    },
  });
  await on.deposit('alice', 'USDC', '10000000');
});
afterAll(() => (on ?? mirrors)?.stop());

/** Small ones settle at safe, every third at finalized. */
const amountOf = (n: number) => BigInt(n % 3 === 0 ? 1_001 + n : 1 + (n % 900));

/** Every one twice: its client lost the first answer. One that is told to ask again does. */
async function order(count: number): Promise<void> {
  for (const last = made + count; made < last; ) {
    const some = Array.from({ length: Math.min(AT_ONCE, last - made) }, (_, n) => made + n);
    const answers = await Promise.all(
      [...some, ...some].map((n) =>
        until('an answer', async () => {
          const { status } = await on.withdraw(
            { account: 'alice', asset: 'USDC', amount: String(amountOf(n)), to: recipient(n) },
            `faulty-${n}`,
          );
          return status !== 503 && status;
        }),
      ),
    );
    expect(new Set(answers)).toEqual(new Set([202]));
    made += some.length;
  }
}

const completed = async () =>
  (await on.rows(`SELECT FROM withdrawal WHERE status = 'COMPLETED'`)).length;

/** Nobody is paid twice, and nothing is completed that was not paid in truth. */
async function expectTruth(): Promise<void> {
  const done = await on.rows<{ key: string }>(
    `SELECT idempotency_key AS key FROM withdrawal WHERE status = 'COMPLETED'`,
  );
  // Looked at later than what was completed: what is paid by then includes it.
  const paid = await tokenPayments(on);
  for (const amounts of paid.values()) expect(amounts).toHaveLength(1);
  const unpaid = done.filter(({ key }) => !paid.has(recipient(Number(key.split('-')[1]))));
  expect(unpaid).toEqual([]);
}

describe('three nodes on a bad day, of which two must agree', () => {
  it.each<[string, number, () => Promise<readonly RpcRule[]>]>([
    ['stands still', 1, async () => staleAt(await mirrors.heads())],
    ['forges receipts and logs', 2, async () => [...flippedReceipts(), ...forgedLogs()]],
    ['is in haste with finality', 1, async () => hastyTags()],
    ['is on a chain of its own', 2, async () => forkedAt((await mirrors.heads()).latest + 1)],
    ['says that it is of another chain', 1, async () => wrongChainId(1)],
  ])(
    'pay while all are faulty and one of them %s',
    async (_, liar, lies) => {
      const told = await lies();
      for (const index of mirrors.urls.keys()) {
        mirrors.proxy(index).rule([...(index === liar ? told : []), ...NOISE]);
      }
      const before = await completed();
      await order(COUNT);
      await until('half of them', async () => (await completed()) >= before + COUNT / 2, 400_000);
      await expectTruth();
    },
    600_000,
  );

  it.runIf(FULL)(
    'pay through each fault once more, also those that are rare',
    async () => {
      for (const { method, fault } of NOISE) {
        mirrors.proxy(0).failNext(method === '*' ? 'eth_getBlockByNumber' : method, fault);
      }
      await order(COUNT / 2);
      await until('all of them', async () => (await completed()) === made, 600_000);
      await expectTruth();
    },
    900_000,
  );

  it('complete nothing while two of them are away, and everything when one is back', async () => {
    for (const index of mirrors.urls.keys()) mirrors.proxy(index).rule(index === 0 ? NOISE : AWAY);
    // What the worker was about to do is done with what it had seen.
    const { latest } = await mirrors.heads();
    await until('some blocks', async () => (await mirrors.heads()).latest > latest + 5);
    const before = await completed();
    await order(COUNT);
    const height = (await mirrors.heads()).latest;
    await until('many blocks', async () => (await mirrors.heads()).latest > height + 20);
    expect(await completed()).toBe(before);
    mirrors.proxy(2).rule(NOISE);
    await until('all of them', async () => (await completed()) === made, 900_000);
    for (const index of mirrors.urls.keys()) mirrors.proxy(index).rule([]);

    await quiet(on);
    const paid = await tokenPayments(on);
    expect(paid.size).toBe(made);
    for (let n = 0; n < made; n += 1) {
      expect([n, paid.get(recipient(n))]).toEqual([n, [amountOf(n) * UNIT]]);
    }
    const faults = mirrors.urls.map((_, index) => mirrors.proxy(index).counts().faults);
    const met = (kind: string) => faults.reduce((sum, of) => sum + (of[kind] ?? 0), 0);
    // A short run sends too little for the rare ones.
    const kinds = FULL ? NOISE.map(({ fault }) => fault.kind) : ['status', 'truncate'];
    expect([...kinds, 'lie'].filter((kind) => met(kind) === 0)).toEqual([]);
    console.info(`faulty mirrors: ${made} tries, faults ${JSON.stringify(faults)}`);
    await expectLaws(on);
  }, 1_500_000);
});
