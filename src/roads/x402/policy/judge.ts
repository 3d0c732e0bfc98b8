import { type Assets, type Settings, walletGroupOf } from '../../../base/config/index.ts';
import type { Sql } from '../../../base/db/index.ts';
import { type AuthorizationMethod, EXACT_PROXY } from '../../../base/effect/index.ts';
import type { Address } from '../../../base/kernel/index.ts';
import { tenantNames } from '../../../books/access/index.ts';
import {
  decideBatch,
  denied,
  evaluateTiers,
  type Policies,
  type PolicyDecision,
  type PolicySubject,
  previewDecisions,
  tierOf,
} from '../../../books/policy/index.ts';

export type PolicyContext = {
  assets: Assets;
  policies: Policies;
  settings: Pick<Settings, 'policyVersion' | 'lanes' | 'guard'>;
};

/** What of a payment policy goes by. */
export type JudgedPayment = {
  id: string;
  tenantId: string;
  merchantName: string;
  /** CAIP-19, of the configuration. */
  asset: string;
  amount: bigint;
  payer: Address;
  payTo: Address;
  method: AuthorizationMethod;
  /** What was paid for, as its payer named it. */
  endpoint: string;
  pricedEndpoint: string | null;
};

/** What policy says of payments, in the transaction that reserves them. */
export type Judged = {
  policyVersion: string;
  /** By a document; null: by the configuration, which every payment's row holds already. */
  inputs: { at: number } | null;
  /** In the order that was asked. */
  decisions: readonly PolicyDecision[];
  /** Takes what those spend that are reserved, by payment the id of its decision; last of all. */
  charge(sql: Sql, decisionIds: ReadonlyMap<string, string>): Promise<void>;
};

/**
 * Decides by the document that rules, if a rule of it is about payments; else by the configuration, without a further
 * look. Locks windows: after payments, before accounts.
 */
export async function judge(
  { assets, policies, settings }: PolicyContext,
  sql: Sql,
  payments: readonly JudgedPayment[],
): Promise<Judged> {
  const policy = await policies.forDecisions(sql);
  if (policy?.judgesPayments !== true) {
    return {
      policyVersion: settings.policyVersion,
      inputs: null,
      decisions: payments.map(({ asset, amount }) =>
        evaluateTiers({ asset: assets.find(asset)!, amount }),
      ),
      charge: async () => {},
    };
  }
  const subjects = await subjectsOf({ assets, settings }, sql, payments);
  const asked = payments.map(({ id }, index) => ({ id, subject: subjects[index]! }));
  const { decisions, at, charge } = await decideBatch(sql, policy, asked);
  return {
    policyVersion: policy.version,
    inputs: { at },
    decisions: decisions.map(unattended),
    charge,
  };
}

/** Whom the document that rules would deny now, by id; without locks, so that nothing is promised to the others. */
export async function previewDenied(
  { assets, policies, settings }: PolicyContext,
  sql: Sql,
  payments: readonly JudgedPayment[],
): Promise<Set<string>> {
  if (payments.length === 0) return new Set();
  const policy = await policies.present(sql);
  if (policy?.judgesPayments !== true) return new Set();
  const subjects = await subjectsOf({ assets, settings }, sql, payments);
  const decisions = await previewDecisions(sql, policy, subjects);
  const no = payments.filter((_, index) => unattended(decisions[index]!).verdict === 'deny');
  return new Set(no.map(({ id }) => id));
}

/** A payer waits for seconds: what persons would have to be asked about first is not taken. */
function unattended(decision: PolicyDecision): PolicyDecision {
  const { verdict, approvals, holds, trace } = decision;
  if (verdict === 'deny' || (approvals === null && holds.length === 0)) return decision;
  return denied(trace, { rule: '@persons', detail: 'persons would have to be asked' });
}

/** Payments as policy sees them, in order. */
async function subjectsOf(
  { assets, settings }: Pick<PolicyContext, 'assets' | 'settings'>,
  sql: Sql,
  payments: readonly JudgedPayment[],
): Promise<PolicySubject[]> {
  const tenants = await tenantNames(sql, [...new Set(payments.map(({ tenantId }) => tenantId))]);
  return payments.map((payment): PolicySubject => {
    const { tenantId, amount, payTo, payer, method } = payment;
    const asset = assets.find(payment.asset)!;
    const tenant = tenants.get(tenantId)!;
    const byPermit = method === 'permit2';
    return {
      kind: 'payment',
      ...{ tenantId, tenant, amount, account: null, destination: payTo, spender: payer },
      asset: asset.caip19,
      chain: asset.chain,
      wallet: walletGroupOf(settings, { tenant, chainId: asset.chainId }) ?? tenant,
      merchant: payment.merchantName,
      endpoint: payment.pricedEndpoint ?? (payment.endpoint || null),
      contract: byPermit ? EXACT_PROXY : asset.address,
      method: byPermit ? 'permit2' : 'transferWithAuthorization',
      ...{ riskScore: null, riskCategory: null, unscreened: null, lookAlike: null },
      knownSince: null,
      configured: tierOf({ asset, amount }),
    };
  });
}
