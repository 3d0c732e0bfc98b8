import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import type { AssetSettings, Tier } from '../../base/config/index.ts';
import { inTransaction } from '../../base/db/index.ts';
import { evaluateTiers, insertDecisions, readTrace, type StoredTrace } from './index.ts';

const low: Tier = { name: 'low', upTo: 100n, commitAt: 'safe' };
const high: Tier = { name: 'high', upTo: 1_000n, commitAt: 'finalized' };
const any: Tier = { name: 'any', upTo: null, commitAt: 'finalized' };
const assetWith = (tiers: Tier[]): AssetSettings => ({
  id: 'USD',
  caip19: 'eip155:1/erc20:0x00',
  chain: 'local',
  chainId: 1,
  address: null,
  decimals: 0,
  minimum: 1n,
  fee: 0n,
  tiers,
});

describe('the tiers as policy', () => {
  it.each([
    [[low, high], 1n, 'low'],
    [[low, high], 100n, 'low'],
    [[low, high], 101n, 'high'],
    [[low, high], 1_000n, 'high'],
    [[low, high], 1_001n, null],
    [[low, high, any], 2n ** 256n - 1n, 'any'],
    [[], 1n, null],
  ] as const)(
    '%# give an amount the first tier that covers it, or deny it',
    (tiers, amount, name) => {
      const decision = evaluateTiers({ asset: assetWith([...tiers]), amount });
      expect(decision.tier?.name ?? null).toBe(name);
      expect(decision.verdict).toBe(name === null ? 'deny' : 'allow');
      expect(decision.trace.at(-1)!.verdict).toBe(decision.verdict);
    },
  );

  it('say in the trace what was looked at, in order', () => {
    const { trace } = evaluateTiers({ asset: assetWith([low, high]), amount: 5_000n });
    expect(trace.map((step) => `${step.rule} ${step.verdict}`)).toEqual([
      'tier:low no_match',
      'tier:high no_match',
      'default deny',
    ]);
  });
});

describe('decisions', () => {
  let at: MainDatabase;
  beforeAll(async () => {
    at = await MainDatabase.start();
  });
  afterAll(() => at.stop());

  it('are stored with version, tier and trace, in the order they were given', async () => {
    const subjects = [randomUUID(), randomUUID()];
    const asset = assetWith([low]);
    const decisions = subjects.map((subjectId, n) => ({
      tenantId: at.tenantId,
      subjectId,
      policyVersion: 'config:1',
      decision: evaluateTiers({ asset, amount: n === 0 ? 1n : 101n }),
    }));
    const ids = await insertDecisions(at.app, decisions);
    expect(await insertDecisions(at.app, [])).toEqual([]);
    const rows = await at.rows(
      'SELECT subject_id, verdict, tier, commit_at, policy_version, trace FROM decision ORDER BY decision_id = $1 DESC',
      [ids[0]],
    );
    expect(rows).toMatchObject([
      { subject_id: subjects[0], verdict: 'allow', tier: 'low', commit_at: 'safe' },
      { subject_id: subjects[1], verdict: 'deny', tier: null, commit_at: null },
    ]);
    expect(readTrace(rows[1]!['trace'] as StoredTrace)).toEqual(decisions[1]!.decision.trace);
  });

  it('are each stored under the id that is answered for it, and taken in order, however many', async () => {
    const taken: string[] = [];
    const decision = evaluateTiers({ asset: assetWith([low]), amount: 1n });
    function* many() {
      for (let n = 0; n < 630; n += 1) {
        const subjectId = randomUUID();
        taken.push(subjectId);
        yield { tenantId: at.tenantId, subjectId, policyVersion: 'config:many', decision };
      }
    }
    const ids = await inTransaction(at.app, (sql) => insertDecisions(sql, many()));
    const rows = await at.rows<{ decision_id: string; subject_id: string }>(
      `SELECT decision_id, subject_id FROM decision WHERE policy_version = 'config:many'`,
    );
    const stored = new Map(rows.map((row) => [row.decision_id, row.subject_id]));
    expect(ids.map((id) => stored.get(id))).toEqual(taken);
  });

  it('are not stored when one of them can not be made', async () => {
    const decision = evaluateTiers({ asset: assetWith([low]), amount: 1n });
    function* broken() {
      for (let n = 0; n < 300; n += 1) {
        yield {
          tenantId: at.tenantId,
          subjectId: randomUUID(),
          policyVersion: 'config:no',
          decision,
        };
      }
      throw new Error('no more');
    }
    const act = inTransaction(at.app, (sql) => insertDecisions(sql, broken()));
    await expect(act).rejects.toThrow('no more');
    expect(await at.rows(`SELECT FROM decision WHERE policy_version = 'config:no'`)).toEqual([]);
  });
});
