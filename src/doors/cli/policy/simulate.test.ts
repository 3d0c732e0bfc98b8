import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import { run } from '../cli.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'payonce-simulate-'));
let at: MainDatabase;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  at = await MainDatabase.start();
  env = { DATABASE_URL: at.databases.mainUrl };
  await at.rows(
    `WITH d AS (INSERT INTO decision (decision_id, tenant_id, subject_id, policy_version, verdict, tier, trace)
       VALUES (payonce_uuid7(), $1, payonce_uuid7(), 'config:1', 'allow', 'low', '[]') RETURNING decision_id)
     INSERT INTO withdrawal (withdrawal_id, tenant_id, account, asset, amount, fee, recipient, idempotency_key,
       correlation_id, status, decision_id)
     SELECT payonce_uuid7(), $1, 'alice', 'eip155:31337/slip44:60', 2000000000000000000, 0, decode(repeat('aa', 20), 'hex'),
       'k', 'c', 'RESERVED', decision_id FROM d`,
    [at.tenantId],
  );
});
afterAll(async () => {
  await at.stop();
  rmSync(folder, { recursive: true, force: true });
});
writeFileSync(
  join(folder, 'config.yaml'),
  `chains: [{ id: local, chainId: 31337, rpc: [{ url: "http://127.0.0.1:8545" }], fees: { maxFeePerGasGwei: "50" } }]
assets: [{ id: ETH, chain: local, decimals: 18, tiers: [{ name: low, commitAt: safe }] }]
signer:
  approvers: [{ id: ann, kind: evm, address: "0x1111111111111111111111111111111111111111" }, { id: bob, kind: evm, address: "0x2222222222222222222222222222222222222222" }]
  groups: [{ id: finance, members: [ann, bob] }, { id: board, members: [ann] }]
`,
);
writeFileSync(
  join(folder, 'asks.yaml'),
  `version: 1
rules:
  - { id: all, type: allow }
  - id: eth
    type: tiers
    match: { assets: [ETH] }
    tiers:
      - { name: high, commitAt: safe, approvals: { all: [{ group: finance, count: 2 }, { group: board, count: 1 }] } }
`,
);
writeFileSync(
  join(folder, 'draft.yaml'),
  `version: 1
rules:
  - { id: all, type: allow }
  - { id: cap, type: cap, match: { assets: [ETH] }, amount: "1" }
  - { id: eth, type: tiers, match: { assets: [ETH] }, tiers: [{ name: low, commitAt: safe }] }
`,
);
const simulateOf = (draft: string, ...flags: string[]) =>
  run(['policy', 'simulate', draft, '--config', 'config.yaml', ...flags], { cwd: folder, env });
const simulate = (...flags: string[]) => simulateOf('draft.yaml', ...flags);

test('tells what would have been otherwise, by which rule, and how much of what there was', async () => {
  const { code, out, err } = await simulate();
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const [, difference, , counts, last] = out.split('\n');
  expect(difference).toMatch(
    /^withdrawal +[0-9a-f-]{36} +\S+Z +alice +2 ETH +allowed \(low\) +denied +cap: at most 1000000000000000000$/,
  );
  expect(counts).toBe('       1  withdrawals allowed → denied');
  expect(last).toMatch(/^1 withdrawals and payments of 30 days; policy:[0-9a-f]{64}$/);
  expect(JSON.parse((await simulate('--json', '--tenant', 'demo')).out)).toMatchObject({
    ...{ looked: 1, differences: [{ account: 'alice', would: { outcome: 'denied' } }] },
  });
});

test('tells whom a tier would ask', async () => {
  const { out } = await simulateOf('asks.yaml');
  expect(out).toMatch(/allowed \(low\) +approved \(high; 2 of finance and 1 of board\) +-$/m);
});

test('asks whose withdrawals are meant where there are several tenants, and of how many days', async () => {
  await at.tenant('other');
  expect(await simulate()).toMatchObject({
    ...{ code: 2, err: 'payonce: name one with --tenant: there are demo, other\n' },
  });
  expect(await simulate('--tenant', 'other')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^0 withdrawals and payments of 30 days/),
  });
  expect(await simulate('--tenant', 'none')).toMatchObject({ code: 2 });
  expect(await simulate('--days', '0')).toMatchObject({
    code: 2,
    err: expect.stringMatching(/whole number from 1 to 366/),
  });
});
