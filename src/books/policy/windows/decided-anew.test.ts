import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import { until } from '../../../../test/support/until.ts';
import { type Db, inTransaction, type Sql } from '../../../base/db/index.ts';
import { document, policyOf } from '../document/document.fixture.ts';
import { subjectOf } from '../evaluate/subject.fixture.ts';
import {
  activatePolicy,
  decideBatchAgain,
  holdWindows,
  insertDecisions,
  Policies,
  storePolicy,
} from '../index.ts';

const RULES = [
  '- { id: all, type: allow }',
  '- { id: t, type: tiers, match: { assets: [USDC] }, tiers: [{ name: any, commitAt: safe }] }',
  '- { id: w, type: window, match: { assets: [USDC] }, per: account, window: 1h, amount: "500" }',
];

let at: MainDatabase;
let stopping: Db;
const policies = new Policies();
beforeAll(async () => {
  at = await MainDatabase.start();
  stopping = at.pool('payonce_app', 2);
});
afterAll(() => at.stop());

async function rule(comment: string): Promise<void> {
  const rules = [...RULES, `# ${comment}`];
  const policy = policyOf(...rules);
  await inTransaction(at.app, async (sql) => {
    const version = await storePolicy(sql, { document: document(...rules), policy });
    await activatePolicy(sql, version);
  });
}

/** What deciding anew does of one withdrawal; `before` the decision is stored its windows stand locked. */
async function decideAnew(id: string, before: () => Promise<void> = async () => {}) {
  await inTransaction(at.app, async (sql) => {
    const policy = (await policies.forDecisions(sql))!;
    const subject = subjectOf({ tenantId: id, amount: 100_000_000n });
    const { decisions, charge } = await decideBatchAgain(sql, policy, [{ id, subject }]);
    const [decision] = [...decisions];
    await before();
    const row = { tenantId: id, subjectId: id, policyVersion: policy.version };
    const [decisionId] = await insertDecisions(sql, [{ ...row, decision: decision! }]);
    await charge(sql, new Map([[id, decisionId!]]));
  });
}

const end = async (id: string, held: (sql: Sql) => Promise<void> = async () => {}) =>
  inTransaction(stopping, async (sql) => {
    const windows = await holdWindows(sql, [id]);
    await held(sql);
    await windows.giveBack(sql, new Set([id]));
  });

const spent = async (id: string) =>
  (
    await at.rows<{ count: bigint }>(
      `SELECT coalesce(sum((b ->> 2)::bigint), 0)::bigint AS count
       FROM policy_counter, jsonb_each(spends) AS m(meter, buckets), jsonb_array_elements(buckets) AS b
       WHERE tenant_id = $1`,
      [id],
    )
  )[0]!.count;

describe('who ends while it is decided anew', () => {
  it('waits for that, gives nothing back by what was before, and all when it asks again', async () => {
    await rule('first');
    const id = randomUUID();
    await decideAnew(id);
    await rule('second');
    let ending: Promise<void> | undefined;
    await decideAnew(id, async () => {
      ending = end(id);
      ending.catch(() => {});
      await until('the end to wait for the windows', async () => {
        const rows = await at.rows(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        return rows.length > 0;
      });
    });
    await expect(ending).rejects.toThrow('decided anew');
    expect(await spent(id)).toBe(1n);
    await end(id);
    expect(await spent(id)).toBe(0n);
  });

  it('does not leave behind what the first decision with a window took meanwhile', async () => {
    await rule('third');
    const id = randomUUID();
    await expect(end(id, () => decideAnew(id))).rejects.toThrow('decided anew');
    expect(await spent(id)).toBe(1n);
    await end(id);
    expect(await spent(id)).toBe(0n);
  });

  it('keeps what it took where its windows were not held, as of a payment that persons took for paid', async () => {
    await rule('fifth');
    const id = randomUUID();
    await decideAnew(id);
    await inTransaction(stopping, async (sql) => {
      await (await holdWindows(sql, [])).giveBack(sql, new Set([id]));
    });
    expect(await spent(id)).toBe(1n);
    await end(id);
    expect(await spent(id)).toBe(0n);
  });

  it('is not kept from it by a charge of which no window is known any more', async () => {
    await rule('fourth');
    const id = randomUUID();
    await decideAnew(id);
    await at.rows('UPDATE policy_charge SET limit_nos = $2 WHERE subject_id = $1', [id, [999_999]]);
    await end(id);
    const released = 'SELECT FROM policy_charge WHERE subject_id = $1 AND released_at IS NOT NULL';
    expect(await at.rows(released, [id])).toHaveLength(1);
  });
});
