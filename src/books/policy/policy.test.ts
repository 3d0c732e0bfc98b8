import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import type { AssetSettings, Tier } from '../../base/config/index.ts';
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
});
