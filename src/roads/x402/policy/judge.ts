import {
  type Assets,
  type Requirement,
  type Settings,
  walletGroupOf,
} from '../../../base/config/index.ts';
import type { Sql } from '../../../base/db/index.ts';
import { type AuthorizationMethod, proxyOf } from '../../../base/effect/index.ts';
import type { Address } from '../../../base/kernel/index.ts';
import { tenantNames } from '../../../books/access/index.ts';
import { thresholdOf } from '../../../books/approval/index.ts';
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
import { type Parties, riskOf } from './screen.ts';

export type PolicyContext = {
  assets: Assets;
  policies: Policies;
  settings: Pick<Settings, 'policyVersion' | 'lanes' | 'chains' | 'guard'>;
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
  /** What screening says; null: nobody is asked. */
  parties: Parties | null;
};

/** What policy says of payments, in the transaction that reserves them. */
type Judged = {
  policyVersion: string;
  /** In the order that was asked, as all that follows. */
  decisions: readonly PolicyDecision[];
  /** What they were decided by beside the payment itself; undefined: by nothing. */
  inputs: readonly (Record<string, unknown> | undefined)[];
  /** Takes what those spend that are reserved, by payment the id of its decision; last of all. */
  charge(sql: Sql, decisionIds: ReadonlyMap<string, string>): Promise<void>;
};

/** What persons have to say before a payment is reserved: what its tier wants, and what the signer does. None: nobody is asked. */
export function requirementsOf(
  { guard }: Pick<Settings, 'guard'>,
  { asset, amount }: Pick<JudgedPayment, 'asset' | 'amount'>,
  { verdict, approvals }: PolicyDecision,
): Requirement[] {
  if (verdict === 'deny') return [];
  const own = thresholdOf(guard.approvals.thresholds, { kind: 'payment', asset, amount });
  return [own, approvals].filter((one) => one !== null);
}

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
      decisions: payments.map((payment) => judgeConfigured(assets, payment)),
      inputs: payments.map(({ parties }) =>
        parties === null ? undefined : { screening: parties },
      ),
      charge: async () => {},
    };
  }
  const subjects = await subjectsOf({ assets, settings }, sql, payments);
  const asked = payments.map(({ id }, index) => ({ id, subject: subjects[index]! }));
  const batch = await decideBatch(sql, policy, asked);
  const { at, charge } = batch;
  return {
    policyVersion: policy.version,
    decisions: [...batch.decisions].map(unheld),
    inputs: payments.map(({ parties }, index) => {
      const { wallet, riskScore } = subjects[index]!;
      return { at, wallet, ...(parties === null ? {} : { riskScore, screening: parties }) };
    }),
    charge,
  };
}

/** Whom policy would not take now, by id, and why; without locks, so that nothing is promised to the others. */
export async function previewRefused(
  { assets, policies, settings }: PolicyContext,
  sql: Sql,
  payments: readonly JudgedPayment[],
): Promise<Map<string, 'denied' | 'unscreened'>> {
  const refused = new Map<string, 'denied' | 'unscreened'>();
  if (payments.length === 0) return refused;
  const policy = await policies.present(sql);
  const ruled = policy?.judgesPayments === true;
  const asked = ruled ? payments : payments.filter(({ parties }) => parties !== null);
  const decisions = ruled
    ? await previewDecisions(sql, policy, await subjectsOf({ assets, settings }, sql, asked))
    : asked.map((payment) => judgeConfigured(assets, payment));
  asked.forEach(({ id }, index) => {
    const { verdict, waits } = unheld(decisions[index]!);
    if (verdict === 'deny') refused.set(id, 'denied');
    else if (waits) refused.set(id, 'unscreened');
  });
  return refused;
}

export function judgeConfigured(assets: Assets, { asset, amount, parties }: JudgedPayment) {
  return evaluateTiers({ asset: assets.find(asset)!, amount }, riskOf(parties));
}

/**
 * Payments are not held: what a hold would be asked for is not taken. What would be held only since screening is away waits
 * for it instead.
 */
export function unheld(decision: PolicyDecision): PolicyDecision {
  const { verdict, holds, trace } = decision;
  if (verdict === 'deny' || holds.length === 0) return decision;
  if (holds.every(({ rule }) => rule === '@screening')) return { ...decision, waits: true };
  return denied(trace, { rule: '@persons', detail: 'a hold would have to be cleared' });
}

/** Payments as policy sees them, in order. */
export async function subjectsOf(
  { assets, settings }: { assets: Assets; settings: Pick<Settings, 'lanes' | 'guard'> },
  sql: Sql,
  payments: readonly JudgedPayment[],
): Promise<PolicySubject[]> {
  const tenants = await tenantNames(sql, [...new Set(payments.map(({ tenantId }) => tenantId))]);
  return payments.map((payment): PolicySubject => {
    const { tenantId, amount, payTo, payer, method } = payment;
    const asset = assets.find(payment.asset)!;
    const tenant = tenants.get(tenantId)!;
    return {
      kind: 'payment',
      ...{ tenantId, tenant, amount, account: null, destination: payTo, spender: payer },
      asset: asset.caip19,
      chain: asset.chain,
      wallet: walletGroupOf(settings, { tenant, chainId: asset.chainId }) ?? tenant,
      merchant: payment.merchantName,
      endpoint: payment.pricedEndpoint ?? (payment.endpoint || null),
      contract: proxyOf(method) ?? asset.address,
      method: method === 'eip3009' ? 'transferWithAuthorization' : 'permit2',
      ...riskOf(payment.parties),
      ...{ lookAlike: null, knownSince: null },
      configured: tierOf({ asset, amount }),
    };
  });
}
