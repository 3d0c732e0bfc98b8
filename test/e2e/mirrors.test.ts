import { afterAll, beforeAll, expect, it } from 'vitest';
import { rpcCall } from '../../src/doors/dev/index.ts';
import { Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient, tokenPayments } from '../support/laws.ts';
import { Mirrors } from '../support/mirrors.ts';
import { seedOf } from '../support/seed.ts';

const COUNT = 60;

let mirrors: Mirrors;
let on: Installation;

beforeAll(async () => {
  mirrors = await Mirrors.start({ seed: seedOf('mirrors') });
  mirrors.startMining(100);
  on = await Installation.start({ lanes: 2, node: mirrors.node });
  await on.deposit('alice', 'USDC', '10000');
});
afterAll(() => (on ?? mirrors)?.stop());

it('pays every recipient once on a chain of three nodes, on all of them', async () => {
  const answers = await Promise.all(
    Array.from({ length: COUNT }, (_, n) =>
      on.withdraw(
        { account: 'alice', asset: 'USDC', amount: `${n + 1}`, to: recipient(n) },
        `mirrored-${n}`,
      ),
    ),
  );
  expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
  await quiet(on);
  const paid = await tokenPayments(on);
  expect(paid.size).toBe(COUNT);
  for (let n = 0; n < COUNT; n += 1) {
    expect(paid.get(recipient(n))).toEqual([BigInt(n + 1) * 1_000_000n]);
  }
  await expectLaws(on);
  await mirrors.stopMining();
  const logs = await Promise.all(
    mirrors.urls.map((url) => rpcCall(url, 'eth_getLogs', [{ fromBlock: '0x0' }])),
  );
  expect(logs).toEqual([logs[0], logs[0], logs[0]]);
});
