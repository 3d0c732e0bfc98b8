import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import { ruleBy } from '../../../../test/support/policy.ts';
import { Assets, developmentSettings } from '../../../base/config/index.ts';
import { inTransaction, type Sql } from '../../../base/db/index.ts';
import { silentLog, systemClock, Transient } from '../../../base/kernel/index.ts';
import { type Claim, claim } from '../../../base/queue/index.ts';
import { Ledger } from '../../../books/ledger/index.ts';
import { activatePolicy, Policies } from '../../../books/policy/index.ts';
import { DepositService } from '../../deposit/index.ts';
import { WithdrawalService } from '../service.ts';
import { WITHDRAWAL_TOPICS } from '../topics.ts';
import { validateStep } from './validate.ts';

const settings = developmentSettings({
  ...{ databaseUrl: '', signerDatabaseUrl: null, rpcUrl: '', lanes: [] },
  token: `0x${'22'.repeat(20)}`,
});
const assets = new Assets(settings.assets);

const BASE = `version: 1
rules:
  - { id: all, type: allow }
  - { id: any, type: tiers, match: { assets: [USDC] }, tiers: [{ name: any, commitAt: safe }] }
`;
const limit = (per: string, amount: number) =>
  `${BASE}  - { id: w, type: window, match: { assets: [USDC] }, per: ${per}, window: 1h, amount: "${amount}" }\n`;

let at: MainDatabase;
/** Versions of documents: by accounts, by destinations, and one that allows nothing. */
let before: string;
let after: string;
let strict: string;
beforeAll(async () => {
  at = await MainDatabase.start();
  const on = { owner: at.owner, settings };
  before = await ruleBy(on, limit('account', 1_000));
  after = await ruleBy(on, limit('destination', 1_000));
  strict = await ruleBy(on, limit('destination', 1));
});
afterAll(() => at.stop());
beforeEach(async () => {
  await at.rows('TRUNCATE policy_counter, policy_charge');
});

const rule = (version: string | null) =>
  inTransaction(at.owner, (sql) => activatePolicy(sql, version));

/** Another policy comes to rule as soon as this process has looked which one does. */
class Overtaken extends Policies {
  readonly #by: string | null;

  constructor(by: string | null) {
    super();
    this.#by = by;
  }

  override async present(sql: Sql) {
    const present = await super.present(sql);
    await rule(this.#by);
    return present;
  }
}

const context = (policies: Policies) => ({
  ...{ db: at.app, ledger: new Ledger(at.app), assets, installationId: randomUUID() },
  ...{ policyVersion: settings.policyVersion, settings, policies, log: silentLog },
});

/** Withdrawals of 5 by one account, each to a destination of its own, and the claim of their jobs. */
async function requested(count: number): Promise<{ ids: string[]; claimed: Claim }> {
  const account = `a-${randomUUID()}`;
  const { tenantId } = at;
  await new DepositService(context(new Policies())).deposit(tenantId, {
    ...{ idempotencyKey: account, correlationId: 'c' },
    body: { account, asset: 'USDC', amount: '100', reference: account },
  });
  const service = new WithdrawalService({
    ...context(new Policies()),
    ...{ clock: systemClock, fees: new Map() },
    rules: { assets, lanes: [], now: () => Date.now() },
  });
  const orders = Array.from({ length: count }, () => ({
    ...{ idempotencyKey: randomUUID(), correlationId: 'c' },
    body: {
      account,
      asset: 'USDC',
      amount: '5',
      to: `0x${randomUUID().replaceAll('-', '')}00000000`,
    },
  }));
  const verdicts = await service.submit(tenantId, orders);
  expect(verdicts.map(({ kind }) => kind)).toEqual(orders.map(() => 'created'));
  const claimed = await claimAll();
  return { ids: claimed.jobs.map(({ subjectId }) => subjectId).sort(), claimed };
}

const claimAll = () => claim(at.app, WITHDRAWAL_TOPICS.requested, { limit: 10, leaseMs: 60_000 });

const states = (ids: readonly string[]) =>
  at.rows<{ status: string; version: string | null; dimensions: string[] }>(
    `SELECT w.status, d.policy_version AS version, ARRAY(
         SELECT DISTINCT k.dimension FROM policy_charge c JOIN policy_counter k ON k.counter_id = ANY(c.counter_ids)
         WHERE c.subject_id = w.withdrawal_id) AS dimensions
       FROM withdrawal w LEFT JOIN decision d USING (decision_id) WHERE withdrawal_id = ANY($1::uuid[]) ORDER BY 1`,
    [ids],
  );

it('decides by the document that came to rule after what is asked was put together, and takes from its windows', async () => {
  await rule(before);
  const { ids, claimed } = await requested(2);
  await validateStep(context(new Overtaken(after)), claimed);
  const paid = { status: 'EXECUTING', version: after, dimensions: ['destination'] };
  expect(await states(ids)).toEqual([paid, paid]);
});

it('denies by it, too, with the reserve released', async () => {
  await rule(before);
  const { ids, claimed } = await requested(1);
  await validateStep(context(new Overtaken(strict)), claimed);
  expect(await states(ids)).toEqual([{ status: 'REJECTED', version: strict, dimensions: [] }]);
});

it('does nothing where the first document denies what no account was opened for, and decides the next time', async () => {
  await rule(null);
  const { ids, claimed } = await requested(1);
  const overtaken = context(new Overtaken(strict));
  await expect(validateStep(overtaken, claimed)).rejects.toThrow(Transient);
  expect(await states(ids)).toEqual([{ status: 'RESERVED', version: null, dimensions: [] }]);
  await validateStep(overtaken, claimed);
  expect(await states(ids)).toEqual([{ status: 'REJECTED', version: strict, dimensions: [] }]);
});

it('decides by the configuration where the document ceased to rule meanwhile', async () => {
  await rule(before);
  const { ids, claimed } = await requested(1);
  await validateStep(context(new Overtaken(null)), claimed);
  const version = settings.policyVersion;
  expect(await states(ids)).toEqual([{ status: 'EXECUTING', version, dimensions: [] }]);
});

it('decides only about those whose jobs are its own yet', async () => {
  await rule(before);
  const { ids, claimed } = await requested(2);
  // Its lease ended, and another worker has the job.
  await at.rows(
    `UPDATE job SET lease_until = now() - interval '1 s', run_at = now() WHERE subject_id = $1`,
    [ids[0]],
  );
  const other = await claimAll();
  expect(other.jobs.map(({ subjectId }) => subjectId)).toEqual([ids[0]]);
  await validateStep(context(new Policies()), claimed);
  const paid = { status: 'EXECUTING', version: before, dimensions: ['account'] };
  expect(await states([ids[0]!])).toEqual([{ status: 'RESERVED', version: null, dimensions: [] }]);
  expect(await states([ids[1]!])).toEqual([paid]);
  await validateStep(context(new Policies()), other);
  expect(await states(ids)).toEqual([paid, paid]);
  const [spent] = await at.rows<{ payments: bigint }>(
    `SELECT sum((b ->> 2)::bigint)::bigint AS payments FROM policy_counter, jsonb_each(spends) AS m(meter, buckets),
       jsonb_array_elements(buckets) AS b`,
  );
  expect(spent).toEqual({ payments: 2n });
});
