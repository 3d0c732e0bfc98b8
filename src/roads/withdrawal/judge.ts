import { walletGroupOf } from '../../base/config/index.ts';
import type { Sql } from '../../base/db/index.ts';
import { tenantNames } from '../../books/access/index.ts';
import { readKnownSince } from '../../books/destination/index.ts';
import {
  decideBatch,
  denied,
  evaluateTiers,
  insertDecisions,
  type PolicyDecision,
  type PolicySubject,
} from '../../books/policy/index.ts';
import type { WithdrawalContext } from './context.ts';
import type { StepRow } from './rows.ts';

/** What policy says of a batch, in the transaction in which it said so. */
type Judged = {
  policyVersion: string;
  decisionOf(row: StepRow): PolicyDecision;
  /** Stores the decisions about these; their ids in order. */
  store(sql: Sql, rows: readonly StepRow[]): Promise<string[]>;
  /** Takes what those spend that moved on, by subject the id of its decision; last of all. */
  charge(sql: Sql, decisionIds: ReadonlyMap<string, string>): Promise<void>;
};

/** Whom a decision may deny: by a document anyone, which is known only behind the windows' locks. */
export async function deniable(
  context: WithdrawalContext,
  rows: readonly StepRow[],
): Promise<readonly StepRow[]> {
  if ((await context.policies.present(context.db)) !== null) return rows;
  const { decisionOf } = judgeByTiers(context, rows);
  return rows.filter((row) => decisionOf(row).verdict === 'deny');
}

/** Decides by the document that rules; where there is none, by the tiers of the configuration. */
export async function judge(
  context: WithdrawalContext,
  sql: Sql,
  rows: readonly StepRow[],
): Promise<Judged> {
  const policy = await context.policies.forDecisions(sql);
  if (policy === null) return judgeByTiers(context, rows);
  // Who came first is asked first; what is not configured any more is denied unasked.
  const known = rows
    .filter((row) => context.assets.find(row.asset) !== undefined)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const subjects = await subjectsOf(context, sql, known);
  const { decisions, at, charge } = await decideBatch(
    sql,
    policy,
    known.map((row, index) => ({ id: row.id, subject: subjects[index]! })),
  );
  const decided = new Map(known.map((row, index) => [row.id, decisions[index]!]));
  const facts = new Map(known.map((row, index) => [row.id, subjects[index]!]));
  const decisionOf = (row: StepRow) => decided.get(row.id) ?? unknownAsset(row);
  return {
    policyVersion: policy.version,
    decisionOf,
    charge,
    store: (own, of) =>
      insertDecisions(
        own,
        of.map((row) => {
          const { wallet = null, riskScore = null, knownSince = null } = facts.get(row.id) ?? {};
          const inputs = { at, wallet, riskScore, knownSince };
          return {
            ...subjectIds(row),
            policyVersion: policy.version,
            decision: decisionOf(row),
            inputs,
          };
        }),
      ),
  };
}

function judgeByTiers(
  { assets, policyVersion }: WithdrawalContext,
  rows: readonly StepRow[],
): Judged {
  const decisions = new Map(
    rows.map((row) => {
      const asset = assets.find(row.asset);
      const { amount } = row;
      return [row.id, asset === undefined ? unknownAsset(row) : evaluateTiers({ asset, amount })];
    }),
  );
  const decisionOf = (row: StepRow) => decisions.get(row.id)!;
  return {
    policyVersion,
    decisionOf,
    charge: async () => {},
    store: (sql, of) =>
      insertDecisions(
        sql,
        of.map((row) => ({ ...subjectIds(row), policyVersion, decision: decisionOf(row) })),
      ),
  };
}

const subjectIds = ({ id, tenantId }: StepRow) => ({ subjectId: id, tenantId });

/** An asset that is no longer configured has no tier. */
function unknownAsset({ asset }: StepRow): PolicyDecision {
  return denied([], { rule: 'asset', detail: `${asset} is not configured` });
}

/** Withdrawals as policy sees them, in order; their assets are configured. */
export async function subjectsOf(
  { assets, settings }: Pick<WithdrawalContext, 'assets' | 'settings'>,
  sql: Sql,
  rows: readonly Pick<StepRow, 'tenantId' | 'account' | 'asset' | 'amount' | 'recipient'>[],
): Promise<PolicySubject[]> {
  const tenants = await tenantNames(sql, [...new Set(rows.map(({ tenantId }) => tenantId))]);
  const known = await readKnownSince(
    sql,
    rows.map(({ recipient: address, ...row }) => ({ ...row, address })),
  );
  return rows.map(
    ({ tenantId, account, asset: caip19, amount, recipient }, index): PolicySubject => {
      const asset = assets.find(caip19)!;
      const tenant = tenants.get(tenantId)!;
      return {
        kind: 'withdrawal',
        tenantId,
        tenant,
        account,
        asset: asset.caip19,
        amount,
        chain: asset.chain,
        wallet: walletGroupOf(settings, { tenant, chainId: asset.chainId }) ?? tenant,
        destination: recipient,
        merchant: null,
        endpoint: null,
        spender: null,
        contract: asset.address,
        method: asset.address === null ? 'native' : 'transfer',
        riskScore: null,
        knownSince: known[index]!,
      };
    },
  );
}
