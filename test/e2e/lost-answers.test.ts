import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient, tokenPayments } from '../support/laws.ts';
import { RpcFaultProxy, type RpcRule } from '../support/rpc-fault-proxy.ts';
import { seedOf } from '../support/seed.ts';

const COUNT = 200;
const SEND = 'eth_sendRawTransaction';

/**
 * Every fifth send is delivered and its answer left out; whole requests are lost besides, in each of the ways that
 * there are. Which call meets which fault follows from the seed and the order in which the roles happen to call.
 */
const RULES: readonly RpcRule[] = [
  { method: SEND, probability: 0.2, fault: { kind: 'unanswered' } },
  { method: SEND, probability: 0.05, fault: { kind: 'lose_answer' } },
  { method: SEND, probability: 0.02, fault: { kind: 'status', status: 504, delivered: true } },
  { method: SEND, probability: 0.02, fault: { kind: 'truncate' } },
  { method: SEND, probability: 0.02, fault: { kind: 'wrong_hash' } },
  { method: SEND, probability: 0.02, fault: { kind: 'twice' } },
  { method: SEND, probability: 0.02, fault: { kind: 'drop' } },
  { method: '*', probability: 0.04, fault: { kind: 'status', status: 429 } },
  { method: '*', probability: 0.04, fault: { kind: 'status', status: 503 } },
  { method: '*', probability: 0.02, fault: { kind: 'truncate' } },
  { method: '*', probability: 0.01, fault: { kind: 'refuse_batch' } },
  { method: '*', probability: 0.02, fault: { kind: 'delay', ms: 100 } },
];

describe('a node that takes every send and loses the answers of a fifth of them', () => {
  let on: Installation;
  let proxy: RpcFaultProxy;

  beforeAll(async () => {
    on = await Installation.make({
      lanes: 2,
      settings: async (settings) => {
        const chain = settings.chains[0]!;
        proxy = await RpcFaultProxy.start(chain.rpc[0]!.url, { seed: seedOf('lost answers') });
        const rpc = [{ ...chain.rpc[0]!, url: proxy.url }];
        return { ...settings, chains: [{ ...chain, rpc, resendAfterMs: 1_000 }] };
      },
    });
    await on.startApi();
    await on.startSigner();
    await on.startWorker();
    await on.deposit('alice', 'USDC', '100000');
  });
  afterAll(async () => {
    await on?.stop();
    await proxy?.stop();
  });

  it('pays every recipient exactly once, and loses none', async () => {
    proxy.rule(RULES);
    const order = (n: number) =>
      on.withdraw(
        { account: 'alice', asset: 'USDC', amount: `${n + 1}`, to: recipient(n) },
        `lost-${n}`,
      );
    const ids: string[] = [];
    for (let wave = 0; wave < COUNT; wave += 20) {
      const numbers = Array.from({ length: 20 }, (_, n) => wave + n);
      // Each one twice: its client lost the first answer as well.
      const answers = await Promise.all([...numbers, ...numbers].map(order));
      expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
      const made = answers.slice(0, 20).map((answer) => answer.body['id'] as string);
      ids.push(...made);
      // The next wave meets a lane that has something on its way.
      await on.waitFor(made[0]!, 'BROADCASTED');
    }
    await quiet(on);
    const { calls, faults } = proxy.counts();
    console.info(`${calls[SEND]} sends of ${COUNT} transactions`, faults);
    const lost = ['unanswered', 'lose_answer', 'truncate', 'wrong_hash'].reduce(
      (sum, kind) => sum + (faults[`${kind} ${SEND}`] ?? 0),
      0,
    );
    expect(lost).toBeGreaterThanOrEqual(COUNT / 20);
    expect((faults['status'] ?? 0) + (faults['truncate'] ?? 0)).toBeGreaterThan(0);
    proxy.rule([]);

    const statuses = await on.rows<{ status: string; n: bigint }>(
      'SELECT status, count(*) AS n FROM withdrawal GROUP BY status',
    );
    expect(statuses).toEqual([{ status: 'COMPLETED', n: BigInt(COUNT) }]);
    expect(new Set(ids).size).toBe(COUNT);
    const paid = await tokenPayments(on);
    for (let n = 0; n < COUNT; n += 1) {
      const to = recipient(n);
      expect([to, paid.get(to)]).toEqual([to, [BigInt(n + 1) * 1_000_000n]]);
    }
    expect(paid.size).toBe(COUNT);
    const [attempts] = await on.rows<{ n: bigint }>('SELECT count(*) AS n FROM attempt');
    expect(attempts!.n).toBe(BigInt(COUNT));
    await expectLaws(on);
    // Some 15 s on two free cores; back-off makes it longer where others use them too.
  });
});
