import { walletGroupOf } from '../../../base/config/index.ts';
import type { Sql } from '../../../base/db/index.ts';
import { tenantNames } from '../../../books/access/index.ts';
import { readKnownSince, readLookAlikes, type Screened } from '../../../books/destination/index.ts';
import {
  type CompiledPolicy,
  decideBatch,
  denied,
  evaluateTiers,
  insertDecisions,
  type NewDecision,
  type PolicyDecision,
  type PolicySubject,
  type RulingPolicy,
  type ScreeningInputs,
  type Windows,
  windowsAsked,
} from '../../../books/policy/index.ts';
import type { WithdrawalContext } from '../context.ts';
import type { StepRow } from '../rows.ts';
import { riskOf } from './screen.ts';

/** What policy says of a batch, stored in the transaction in which it said so. */
type Judged = {
  policyVersion: string;
  decisionOf(row: StepRow): PolicyDecision;
  /** Of who waits nothing is stored. */
  decisionIdOf(row: StepRow): string;
  /** Takes what those spend that moved on, by subject the id of its decision. */
  charge(sql: Sql, decisionIds: ReadonlyMap<string, string>): Promise<void>;
};

/** What screening said of rows before; empty where nobody is asked. */
type ScreenedRows = ReadonlyMap<StepRow, Screened>;

/** What is looked up before the transaction begins; a policy may come to rule in between. */
type Foreseen = {
  screened: ScreenedRows;
  policy: CompiledPolicy | null;
  /** Names by id. */
  tenants: ReadonlyMap<string, string>;
  /** Whom a decision may deny: by a document anyone, which is known only behind the windows' locks. */
  deniable: readonly StepRow[];
};

export async function foresee(
  context: WithdrawalContext,
  rows: readonly StepRow[],
  screened: ScreenedRows,
): Promise<Foreseen> {
  const policy = await context.policies.present(context.db);
  if (policy === null) {
    const isDenied = (row: StepRow) => decideByTiers(context, row, screened).verdict === 'deny';
    return { screened, policy, tenants: new Map(), deniable: rows.filter(isDenied) };
  }
  return { screened, policy, tenants: await tenantsOf(context.db, rows), deniable: rows };
}

/** Rows as a document is asked about them, and the windows that they may take from. */
type Ready = { policy: CompiledPolicy; asked: readonly Asked[]; windows: Windows };
type Asked = { id: string; row: StepRow; subject: PolicySubject };

/** Beside another statement of the transaction, since this is most of what is put together for a decision. */
export async function makeReady(
  context: WithdrawalContext,
  sql: Sql,
  rows: readonly StepRow[],
  { screened, policy, tenants }: Foreseen,
): Promise<Ready | null> {
  if (policy === null) return null;
  // Who came first is asked first; what is not configured any more is denied unasked.
  const known = rows
    .filter(({ asset }) => context.assets.find(asset) !== undefined)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const subjects = await subjectsOf(context, sql, known, { screened, policy, tenants });
  const asked = known.map((row, index) => ({ id: row.id, row, subject: subjects[index]! }));
  return { policy, asked, windows: windowsAsked(policy, asked) };
}

/** Decides by the document that rules; where there is none, by the tiers of the configuration. */
export async function judge(
  context: WithdrawalContext,
  sql: Sql,
  rows: readonly StepRow[],
  by: { foreseen: Foreseen; ready: Ready | null },
  decideAll: typeof decideBatch = decideBatch,
): Promise<Judged> {
  const { screened } = by.foreseen;
  const policy = await context.policies.forDecisions(sql);
  if (policy === null) return judgeByTiers(context, sql, rows, screened);
  let { ready } = by;
  if (ready?.policy.version !== policy.version) {
    const tenants = by.foreseen.policy === null ? await tenantsOf(sql, rows) : by.foreseen.tenants;
    ready = (await makeReady(context, sql, rows, { ...by.foreseen, policy, tenants }))!;
  }
  return judgeByDocument(sql, rows, { screened, policy, ready, decideAll });
}

async function judgeByDocument(
  sql: Sql,
  rows: readonly StepRow[],
  by: {
    screened: ScreenedRows;
    policy: RulingPolicy;
    ready: Ready;
    decideAll: typeof decideBatch;
  },
): Promise<Judged> {
  const { screened, policy, ready } = by;
  const mine = new Set(rows);
  const asked = ready.asked.filter(({ row }) => mine.has(row));
  const { decisions, at, charge } = await by.decideAll(sql, policy, asked, ready.windows);
  function* decideEach(): Generator<Said> {
    let place = 0;
    for (const decision of decisions) {
      const { row, subject } = asked[place]!;
      const { wallet, riskScore, knownSince, lookAlike } = subject;
      const like = lookAlike === null ? {} : { lookAlike };
      const heard = screeningInputs(screened.get(row), decision);
      place += 1;
      mine.delete(row);
      yield { row, decision, inputs: { at, wallet, riskScore, knownSince, ...like, ...heard } };
    }
    // Not configured any more.
    for (const row of mine) {
      const decision = unknownAsset(row);
      const heard = screeningInputs(screened.get(row), decision);
      yield {
        row,
        decision,
        inputs: { at, wallet: null, riskScore: null, knownSince: null, ...heard },
      };
    }
  }
  return { ...(await storeEach(sql, policy.version, decideEach())), charge };
}

async function judgeByTiers(
  context: WithdrawalContext,
  sql: Sql,
  rows: readonly StepRow[],
  screened: ScreenedRows,
): Promise<Judged> {
  function* decideEach(): Generator<Said> {
    for (const row of rows) {
      const decision = decideByTiers(context, row, screened);
      const inputs = screeningInputs(screened.get(row), decision);
      yield { row, decision, ...(inputs === null ? {} : { inputs }) };
    }
  }
  const stored = await storeEach(sql, context.policyVersion, decideEach());
  return { ...stored, charge: async () => {} };
}

type Said = { row: StepRow; decision: PolicyDecision; inputs?: Record<string, unknown> };

/** Stores decisions while the next are made. */
async function storeEach(
  sql: Sql,
  policyVersion: string,
  said: Iterable<Said>,
): Promise<Omit<Judged, 'charge'>> {
  const decisions = new Map<string, PolicyDecision>();
  const kept: string[] = [];
  function* toStore(): Generator<NewDecision> {
    for (const { row, ...one } of said) {
      decisions.set(row.id, one.decision);
      if (one.decision.waits) continue;
      kept.push(row.id);
      yield { subjectId: row.id, tenantId: row.tenantId, policyVersion, ...one };
    }
  }
  const ids = await insertDecisions(sql, toStore());
  const idOf = new Map(kept.map((id, index) => [id, ids[index]!]));
  return {
    policyVersion,
    decisionOf: ({ id }) => decisions.get(id)!,
    decisionIdOf: ({ id }) => idOf.get(id)!,
  };
}

function decideByTiers(
  { assets }: Pick<WithdrawalContext, 'assets'>,
  row: StepRow,
  screened: ScreenedRows,
): PolicyDecision {
  const asset = assets.find(row.asset);
  if (asset === undefined) return unknownAsset(row);
  return evaluateTiers({ asset, amount: row.amount }, riskOf(screened.get(row)));
}

/** What a decision was told about its destination, and what is so when nobody can be asked again before it is paid. */
function screeningInputs(
  screened: Screened | undefined,
  { whenUnscreened }: PolicyDecision,
): { screening: ScreeningInputs } | null {
  return screened === undefined ? null : { screening: { ...screened, whenUnscreened } };
}

/** An asset that is no longer configured has no tier. */
function unknownAsset({ asset }: StepRow): PolicyDecision {
  return denied([], { rule: 'asset', detail: `${asset} is not configured` });
}

export function tenantsOf(
  sql: Sql,
  rows: readonly { tenantId: string }[],
): Promise<Map<string, string>> {
  return tenantNames(sql, [...new Set(rows.map(({ tenantId }) => tenantId))]);
}

type SubjectRow = Pick<StepRow, 'tenantId' | 'account' | 'asset' | 'amount' | 'recipient'>;

/** Withdrawals as policy sees them, in order; their assets are configured. */
export async function subjectsOf(
  { assets, settings }: Pick<WithdrawalContext, 'assets' | 'settings'>,
  sql: Sql,
  rows: readonly SubjectRow[],
  about: {
    screened: ReadonlyMap<SubjectRow, Screened>;
    policy: CompiledPolicy;
    tenants: ReadonlyMap<string, string>;
  },
): Promise<PolicySubject[]> {
  const { screened, policy, tenants } = about;
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
