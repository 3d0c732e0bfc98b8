import { walletGroupOf } from '../../base/config/index.ts';
import type { Sql } from '../../base/db/index.ts';
import { tenantNames } from '../../books/access/index.ts';
import { readKnownSince, readLookAlikes, type Screened } from '../../books/destination/index.ts';
import {
  type CompiledPolicy,
  decideBatch,
  denied,
  evaluateTiers,
  insertDecisions,
  type PolicyDecision,
  type PolicySubject,
  type ScreeningInputs,
} from '../../books/policy/index.ts';
import type { WithdrawalContext } from './context.ts';
import type { StepRow } from './rows.ts';
import { riskOf } from './screen.ts';

/** What policy says of a batch, in the transaction in which it said so. */
type Judged = {
  policyVersion: string;
  decisionOf(row: StepRow): PolicyDecision;
  /** Stores the decisions about these; their ids in order. */
  store(sql: Sql, rows: readonly StepRow[]): Promise<string[]>;
  /** Takes what those spend that moved on, by subject the id of its decision; last of all. */
  charge(sql: Sql, decisionIds: ReadonlyMap<string, string>): Promise<void>;
};

/** What screening said of rows before; empty where nobody is asked. */
type ScreenedRows = ReadonlyMap<StepRow, Screened>;

/** Whom a decision may deny: by a document anyone, which is known only behind the windows' locks. */
export async function deniable(
  context: WithdrawalContext,
  rows: readonly StepRow[],
  screened: ScreenedRows,
): Promise<readonly StepRow[]> {
  if ((await context.policies.present(context.db)) !== null) return rows;
  const { decisionOf } = judgeByTiers(context, rows, screened);
  return rows.filter((row) => decisionOf(row).verdict === 'deny');
}

/** Decides by the document that rules; where there is none, by the tiers of the configuration. */
export async function judge(
  context: WithdrawalContext,
  sql: Sql,
  rows: readonly StepRow[],
  screened: ScreenedRows,
  decideAll: typeof decideBatch = decideBatch,
): Promise<Judged> {
  const policy = await context.policies.forDecisions(sql);
  if (policy === null) return judgeByTiers(context, rows, screened);
  // Who came first is asked first; what is not configured any more is denied unasked.
  const known = rows
    .filter((row) => context.assets.find(row.asset) !== undefined)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const subjects = await subjectsOf(context, sql, known, { screened, policy });
  const { decisions, at, charge } = await decideAll(
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
          const of = facts.get(row.id);
          const { wallet = null, riskScore = null, knownSince = null } = of ?? {};
          const like = of?.lookAlike ? { lookAlike: of.lookAlike } : {};
          const decision = decisionOf(row);
          const asked = screeningInputs(screened.get(row), decision);
          return {
            ...subjectIds(row),
            policyVersion: policy.version,
            decision,
            inputs: { at, wallet, riskScore, knownSince, ...like, ...asked },
          };
        }),
      ),
  };
}

function judgeByTiers(
  { assets, policyVersion }: WithdrawalContext,
  rows: readonly StepRow[],
  screened: ScreenedRows,
): Judged {
  const decisions = new Map(
    rows.map((row) => {
      const asset = assets.find(row.asset);
      const { amount } = row;
      const risk = riskOf(screened.get(row));
      const decision =
        asset === undefined ? unknownAsset(row) : evaluateTiers({ asset, amount }, risk);
      return [row.id, decision];
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
        of.map((row) => {
          const decision = decisionOf(row);
          const inputs = screeningInputs(screened.get(row), decision);
          const more = inputs === null ? {} : { inputs };
          return { ...subjectIds(row), policyVersion, decision, ...more };
        }),
      ),
  };
}

/** What a decision was told about its destination, and what is so when nobody can be asked again before it is paid. */
function screeningInputs(
  screened: Screened | undefined,
  { whenUnscreened }: PolicyDecision,
): { screening: ScreeningInputs } | null {
  return screened === undefined ? null : { screening: { ...screened, whenUnscreened } };
}

const subjectIds = ({ id, tenantId }: StepRow) => ({ subjectId: id, tenantId });

/** An asset that is no longer configured has no tier. */
function unknownAsset({ asset }: StepRow): PolicyDecision {
  return denied([], { rule: 'asset', detail: `${asset} is not configured` });
}

type SubjectRow = Pick<StepRow, 'tenantId' | 'account' | 'asset' | 'amount' | 'recipient'>;

/** Withdrawals as policy sees them, in order; their assets are configured. */
export async function subjectsOf(
  { assets, settings }: Pick<WithdrawalContext, 'assets' | 'settings'>,
  sql: Sql,
  rows: readonly SubjectRow[],
  about: { screened: ReadonlyMap<SubjectRow, Screened>; policy: CompiledPolicy },
): Promise<PolicySubject[]> {
  const { screened, policy } = about;
  const tenants = await tenantNames(sql, [...new Set(rows.map(({ tenantId }) => tenantId))]);
  const known = policy.asksKnown
    ? await readKnownSince(
        sql,
        rows.map(({ recipient: address, ...row }) => ({ ...row, address })),
      )
    : [];
  const alike = policy.asksLookAlike
    ? await readLookAlikes(
        sql,
        rows.map(({ tenantId, recipient: address }) => ({ tenantId, address })),
      )
    : [];
  return rows.map((row, index): PolicySubject => {
    const { tenantId, account, asset: caip19, amount, recipient } = row;
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
      ...riskOf(screened.get(row)),
      lookAlike: alike[index] ?? null,
      knownSince: known[index] ?? null,
      configured: null,
    };
  });
}
