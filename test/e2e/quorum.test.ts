import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient, tokenPayments } from '../support/laws.ts';
import { Mirrors } from '../support/mirrors.ts';
import type { RpcRule } from '../support/rpc-fault-proxy.ts';
import { flippedReceipts, forgedLogs, hastyTags } from '../support/rpc-lies.ts';
import { seedOf } from '../support/seed.ts';
import { until } from '../support/until.ts';

const COUNT = 20;

let mirrors: Mirrors;
let on: Installation;
let made = 0;

beforeAll(async () => {
  mirrors = await Mirrors.start({ seed: seedOf('quorum') });
  mirrors.startMining(100);
  on = await Installation.start({
    lanes: 2,
    node: mirrors.node,
    settings: (base) => {
      base.chains[0]!.rpc = mirrors.urls.map((url, index) => ({
        url,
        name: `node-${index}`,
        roles: ['read', 'send'],
      }));
      return base;
    },
  });
  await on.deposit('alice', 'USDC', '100000');
});
afterEach(() => {
  // The first one stays honest: the test itself looks by way of it.
  for (const index of mirrors.urls.keys()) rules(index, []);
});
afterAll(() => (on ?? mirrors)?.stop());

function rules(index: number, given: readonly RpcRule[]): void {
  mirrors.proxy(index).rule(given);
}

async function pay(): Promise<() => Promise<void>> {
  const first = made;
  made += COUNT;
  const answers = await Promise.all(
    Array.from({ length: COUNT }, (_, n) =>
      on.withdraw(
        { account: 'alice', asset: 'USDC', amount: '3', to: recipient(first + n) },
        `quorum-${first + n}`,
      ),
    ),
  );
  expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
  return async () => {
    await quiet(on);
    const paid = await tokenPayments(on);
    for (let n = 0; n < made; n += 1) expect(paid.get(recipient(n))).toEqual([3_000_000n]);
    await expectLaws(on);
  };
}

const completed = async () =>
  (await on.rows(`SELECT FROM withdrawal WHERE status = 'COMPLETED'`)).length;

describe('three nodes, of which two must agree', () => {
  it.each([
    ['forges receipts and logs', 2, () => [...flippedReceipts(), ...forgedLogs()]],
    ['is in haste with finality', 1, hastyTags],
  ])('complete without the one that %s', async (_, index, lies) => {
    rules(index, lies());
    const paid = await pay();
    await paid();
  });

  it('tell who said something else about one block', async () => {
    const told = await on.rows<{ data: unknown }>(
      `SELECT data FROM event WHERE type = 'chain.mismatch'`,
    );
    expect(told.map(({ data }) => data)).toContainEqual({
      ...{ chainId: 31_337, about: 'transfers', settled: true, nodes: ['node-2'] },
    });
  });

  it('wait while two of them are away, and go on when one is back', async () => {
    const away: RpcRule[] = [
      { method: '*', probability: 1, fault: { kind: 'status', status: 503 } },
    ];
    rules(1, away);
    rules(2, away);
    const before = await completed();
    const paid = await pay();
    // The one that is left mines and shows everything: it is not enough.
    const height = (await mirrors.heads()).latest;
    await until('many blocks', async () => (await mirrors.heads()).latest > height + 20);
    expect(await completed()).toBe(before);
    rules(1, []);
    await paid();
  });
});
