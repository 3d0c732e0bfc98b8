import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import { type Db, inTransaction, type Sql } from '../../../base/db/index.ts';
import { document, policyOf, USDC } from '../document/document.fixture.ts';
import { subjectOf } from '../evaluate/subject.fixture.ts';
import type { PolicySubject } from '../evaluate/subject.ts';
import {
  activatePolicy,
  decideBatch,
  holdWindows,
  insertDecisions,
  Policies,
  storePolicy,
} from '../index.ts';

let at: MainDatabase;
/** Each as a process of its own. */
let workers: { db: Db; policies: Policies }[];
let tenantId: string;
beforeAll(async () => {
  at = await MainDatabase.start();
  workers = Array.from({ length: 4 }, () => ({
    db: at.pool('payonce_app', 8),
    policies: new Policies(),
  }));
});
afterAll(() => at.stop());
beforeEach(() => {
  // A tenant's windows are its own: each test begins with empty ones.
  tenantId = randomUUID();
});

const BASE = [
  '- { id: all, type: allow }',
  '- { id: t, type: tiers, match: { assets: [USDC] }, tiers: [{ name: any, commitAt: safe }] }',
];
const WINDOW =
  '- { id: w, type: window, match: { assets: [USDC] }, per: account, window: 1h, amount: "500" }';

async function rule(...rules: string[]): Promise<string> {
  const policy = policyOf(...BASE, ...rules);
  return inTransaction(at.app, async (sql) => {
    const version = await storePolicy(sql, { document: document(...BASE, ...rules), policy });
    await activatePolicy(sql, version);
    return version;
  });
}

type Asked = Partial<PolicySubject>;

/** What a step does: decide, store, take. The ids of those allowed. */
async function decide(
  asked: readonly Asked[],
  { db, policies } = workers[0]!,
  then: (sql: Sql, allowed: string[]) => Promise<void> = async () => {},
): Promise<string[]> {
  return inTransaction(db, async (sql) => {
    const policy = (await policies.forDecisions(sql))!;
    const subjects = asked.map((one) => ({
      id: randomUUID(),
      subject: subjectOf({ tenantId, ...one }),
    }));
    const { decisions: made, charge } = await decideBatch(sql, policy, subjects);
    const decisions = [...made];
    const ids = await insertDecisions(
      sql,
      subjects.map(({ id, subject }, index) => ({
        tenantId: subject.tenantId,
        subjectId: id,
        policyVersion: policy.version,
        decision: decisions[index]!,
      })),
    );
    const allowed = subjects.flatMap(({ id }, index) =>
      decisions[index]!.verdict === 'allow' ? [[id, ids[index]!] as const] : [],
    );
    await charge(sql, new Map(allowed));
    const subjectIds = allowed.map(([id]) => id);
    await then(sql, subjectIds);
    return subjectIds;
  });
}

async function giveBack(ids: readonly string[], { db } = workers[0]!): Promise<void> {
  await inTransaction(db, async (sql) => {
    const held = await holdWindows(sql, ids);
    await held.giveBack(sql, new Set(ids));
  });
}

const ONE = { amount: 1_000_000n };
const times = (count: number, asked: Asked = ONE) => Array.from({ length: count }, () => asked);

/** What the counters of this tenant hold, by dimension and name: base units and payments. */
async function spent(): Promise<Record<string, [string, number]>> {
  const rows = await at.rows<{ name: string; amount: bigint; count: bigint }>(
    `SELECT dimension || ' ' || CASE dimension WHEN 'tenant' THEN '' ELSE name END AS name, sum((b ->> 1)::numeric) AS amount,
       sum((b ->> 2)::bigint)::bigint AS count
     FROM policy_counter, jsonb_each(spends) AS m(meter, buckets), jsonb_array_elements(buckets) AS b
     WHERE tenant_id = $1 GROUP BY 1 ORDER BY 1`,
    [tenantId],
  );
  return Object.fromEntries(rows.map((row) => [row.name, [String(row.amount), Number(row.count)]]));
}

/** As if everything had been taken that long ago. */
async function age(ms: number): Promise<void> {
  await at.rows(
    `UPDATE policy_counter SET spends = (SELECT jsonb_object_agg(m.meter, (
         SELECT jsonb_agg(jsonb_build_array((b ->> 0)::bigint - $2::bigint / l.bucket_ms, b ->> 1, (b ->> 2)::int))
         FROM jsonb_array_elements(m.buckets) b))
       FROM jsonb_each(spends) AS m(meter, buckets) JOIN (SELECT DISTINCT meter, bucket_ms FROM policy_limit) l USING (meter))
     WHERE tenant_id = $1`,
    [tenantId, ms],
  );
  await at.rows(
    `UPDATE policy_charge SET at = at - $2 * interval '1 millisecond' WHERE tenant_id = $1`,
    [tenantId, ms],
  );
}

describe('a window', () => {
  it('is never exceeded by 1,000 requests at once on four workers, and used to the last unit', async () => {
    await rule(WINDOW);
    const steps = Array.from({ length: 125 }, (_, index) => times(1 + (index % 15)));
    const asked = steps.flat().length;
    expect(asked).toBe(975);
    steps.push(...Array.from({ length: 1_000 - asked }, () => times(1)));
    // As many steps at once as there are connections.
    const allowed: string[] = [];
    const takeSteps = async (worker: (typeof workers)[number]) => {
      for (let next = steps.pop(); next !== undefined; next = steps.pop()) {
        allowed.push(...(await decide(next, worker)));
      }
    };
    await Promise.all(
      Array.from({ length: 32 }, (_, index) => takeSteps(workers[index % workers.length]!)),
    );
    expect(allowed).toHaveLength(500);
    expect(await spent()).toEqual({ 'account alice': ['500000000', 500] });
  });

  it('is each account’s own', async () => {
    await rule(WINDOW);
    const all = { amount: 500_000_000n };
    const allowed = await decide([all, { ...all, account: 'bob' }, all]);
    expect(allowed).toHaveLength(2);
    expect(Object.keys(await spent())).toEqual(['account alice', 'account bob']);
  });

  it('takes nothing for what is denied, and not by half for what one of two limits denies', async () => {
    await rule(
      WINDOW,
      '- { id: t1, type: window, match: { assets: [USDC] }, per: tenant, window: 1h, count: 2 }',
    );
    expect(await decide([{ amount: 501_000_000n }, ...times(3)])).toHaveLength(2);
    expect(await spent()).toEqual({ 'account alice': ['2000000', 2], 'tenant ': ['2000000', 2] });
  });

  it('opens again when all of a bucket is behind it, and not before', async () => {
    await rule(WINDOW);
    const all = { amount: 500_000_000n };
    expect(await decide([all])).toHaveLength(1);
    await age(3_600_000 - 75_000);
    expect(await decide([ONE])).toHaveLength(0);
    await age(2 * 75_000);
    expect(await decide([all])).toHaveLength(1);
    expect(await spent()).toEqual({ 'account alice': ['500000000', 1] });
  });

  it('holds no more entries than it has buckets, however many payments there were', async () => {
    await rule(WINDOW.replace('500', '500000'));
    for (let round = 0; round < 60; round += 1) {
      await decide(times(3));
      await age(75_000);
    }
    const [row] = await at.rows<{ buckets: number }>(
      `SELECT jsonb_array_length(b) AS buckets FROM policy_counter, jsonb_each(spends) AS m(meter, b) WHERE tenant_id = $1`,
      [tenantId],
    );
    expect(row!.buckets).toBeLessThanOrEqual(50);
  });

  it('goes on counting when its limit changes', async () => {
    await rule(WINDOW);
    expect(await decide([{ amount: 400_000_000n }])).toHaveLength(1);
    await rule(WINDOW.replace('500', '450'));
    expect(await decide([{ amount: 100_000_000n }, { amount: 50_000_000n }])).toHaveLength(1);
  });
});

describe('a lifetime cap', () => {
  it('never opens again', async () => {
    await rule('- { id: l, type: lifetime, per: destination, count: 2 }');
    expect(await decide(times(3))).toHaveLength(2);
    await giveBack([randomUUID()]);
    expect(await decide([ONE])).toHaveLength(0);
  });
});

describe('what a decision took', () => {
  it.each([true, false])(
    'is held against limits that are there, though the first act by a policy was undone; stored with it: %s',
    async (stored) => {
      const id = randomUUID();
      const version = await rule(
        `- { id: w-${id}, type: window, per: account, window: 1h, count: 2 }`,
      );
      // As of versions that were stored without them.
      if (!stored) await at.rows('DELETE FROM policy_limit WHERE policy_version = $1', [version]);
      const undone = decide([ONE], workers[0], () => Promise.reject(new Error('undone')));
      await expect(undone).rejects.toThrow('undone');
      const ids = await decide(times(3));
      expect(ids).toHaveLength(2);
      await giveBack(ids);
      expect(await decide([ONE])).toHaveLength(1);
    },
  );

  it('is given back once, whoever asks, and how often', async () => {
    await rule(WINDOW);
    const [one, two] = await decide(times(2, { amount: 250_000_000n }));
    await Promise.all(workers.map((worker) => giveBack([one!], worker)));
    await giveBack([one!]);
    expect(await spent()).toEqual({ 'account alice': ['250000000', 1] });
    expect(await decide([{ amount: 250_000_001n }])).toHaveLength(0);
    expect(await decide([{ amount: 250_000_000n }])).toHaveLength(1);
    await giveBack([two!]);
    expect(await spent()).toEqual({ 'account alice': ['250000000', 1] });
  });

  it('stays when the transaction that gives it back is undone', async () => {
    await rule(WINDOW);
    const ids = await decide([{ amount: 500_000_000n }]);
    const undone = inTransaction(workers[0]!.db, async (sql) => {
      await (await holdWindows(sql, ids)).giveBack(sql, new Set(ids));
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await decide([ONE])).toHaveLength(0);
  });

  it('was never taken when the deciding transaction is undone', async () => {
    await rule(WINDOW);
    const undone = decide([{ amount: 500_000_000n }], workers[1], async () => {
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await spent()).toEqual({});
    expect(await decide([{ amount: 500_000_000n }])).toHaveLength(1);
  });

  it('of a bucket that was forgotten gives nothing back', async () => {
    await rule(WINDOW);
    const ids = await decide([{ amount: 500_000_000n }]);
    await age(4_000_000);
    expect(await decide([ONE])).toHaveLength(1);
    await giveBack(ids);
    expect(await spent()).toEqual({ 'account alice': ['1000000', 1] });
  });
});

describe('the policy that rules', () => {
  it('is replaced only when the decisions under way are committed', async () => {
    await rule(WINDOW);
    const order: string[] = [];
    let changing = Promise.resolve('');
    await decide([ONE], workers[0], async () => {
      changing = rule(WINDOW.replace('500', '1')).then((version) => {
        order.push('changed');
        return version;
      });
      // The change waits for this transaction's lock, or it would be there by now.
      await at.rows('SELECT 1');
      order.push('decided');
    });
    await changing;
    expect(order).toEqual(['decided', 'changed']);
  });

  it('may be none: the configuration’s tiers', async () => {
    await inTransaction(at.app, (sql) => activatePolicy(sql, null));
    expect(await inTransaction(at.app, (sql) => workers[0]!.policies.forDecisions(sql))).toBeNull();
    expect(await workers[0]!.policies.present(at.app)).toBeNull();
  });

  it('is stored as written and as meant, once for what means the same', async () => {
    const version = await rule(WINDOW);
    expect(await rule(WINDOW)).toBe(version);
    const rows = await at.rows<{ document: string; canonical: string }>(
      'SELECT document, canonical FROM policy_version WHERE version = $1',
      [version],
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]!.document).toContain('per: account');
    expect(rows[0]!.canonical).toContain(USDC.caip19);
    expect((await workers[0]!.policies.present(at.app))!.version).toBe(version);
  });
});
