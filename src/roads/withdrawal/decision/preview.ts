import { formatAmount, isRefusal, type Refusal } from '../../../base/kernel/index.ts';
import {
  denied,
  evaluateTiers,
  type PolicyDecision,
  previewDecisions,
} from '../../../books/policy/index.ts';
import { requirementsOf } from '../approval/ask.ts';
import type { WithdrawalContext } from '../context.ts';
import { parseRequest, type RequestRules, type WithdrawalOrder } from '../intake/request.ts';
import { subjectsOf, tenantsOf } from './judge.ts';
import { riskOf, screenedOf } from './screen.ts';

/** What would become of a request now; nothing is promised by it. */
export type PreviewView = {
  verdict: 'allow' | 'deny';
  /** Of a denial. */
  reason: string | null;
  policyVersion: string;
  riskTier: string | null;
  commitAt: 'safe' | 'finalized' | null;
  /** What persons would have to say; each of the list. */
  approvals: unknown[];
  holds: { hold: string; rule: string }[];
  /** What it would wait for before it is decided; null: nothing. */
  waiting: 'screening' | null;
  trace: unknown;
  fee: string;
  balance: { available: string; required: string; sufficient: boolean };
};

type PreviewContext = WithdrawalContext & { rules: RequestRules };

/** Asks policy about a request as it would be asked by validation, without a lock; changes nothing. */
export async function previewWithdrawal(
  context: PreviewContext,
  request: { tenantId: string; body: unknown; correlationId: string },
): Promise<PreviewView | Refusal> {
  const order = parseRequest(context.rules, { ...request, idempotencyKey: 'preview' });
  if (isRefusal(order)) return order;
  const { decision, policyVersion } = await decide(context, order);
  const { asset, amount } = order;
  const asked = decision.approvals === null ? [] : [decision.approvals];
  const required = requirementsOf(context, { asset: asset.caip19, amount });
  return {
    verdict: decision.verdict,
    reason: decision.reason,
    policyVersion,
    riskTier: decision.tier?.name ?? null,
    commitAt: decision.tier?.commitAt ?? null,
    approvals: decision.verdict === 'deny' ? [] : [...required, ...asked],
    holds: decision.holds.map(({ hold, rule }) => ({ hold, rule })),
    waiting: decision.waits ? 'screening' : null,
    trace: decision.trace,
    fee: formatAmount(asset.fee, asset.decimals),
    balance: await balanceOf(context, order),
  };
}

async function decide(
  context: PreviewContext,
  order: WithdrawalOrder,
): Promise<{ decision: PolicyDecision; policyVersion: string }> {
  const { db } = context;
  const { asset, amount, tenantId, account, recipient } = order;
  // Intake refuses it before any policy is asked.
  if (order.tier === null) {
    const { policyVersion } = context;
    return {
      decision: denied([], { rule: 'default', detail: 'no tier covers the amount' }),
      policyVersion,
    };
  }
  const policy = await context.policies.present(db);
  const row = { tenantId, account, asset: asset.caip19, amount, recipient };
  const screened = await screenedOf(context, db, [row]);
  if (policy === null) {
    const decision = evaluateTiers({ asset, amount }, riskOf(screened.get(row)));
    return { decision, policyVersion: context.policyVersion };
  }
  const tenants = await tenantsOf(db, [row]);
  const [subject] = await subjectsOf(context, db, [row], { screened, policy, tenants });
  const [decision] = await previewDecisions(db, policy, [subject!]);
  return { decision: decision!, policyVersion: policy.version };
}

async function balanceOf(
  { db }: PreviewContext,
  { tenantId, account, asset, amount }: WithdrawalOrder,
): Promise<PreviewView['balance']> {
  const { rows } = await db.query<{ balance: bigint }>({
    name: 'withdrawal_preview_balance',
    text: `SELECT balance FROM ledger_account
      WHERE tenant_id = $1 AND kind = 'available' AND owner = $2 AND asset = $3`,
    values: [tenantId, account, asset.caip19],
  });
  const available = rows[0]?.balance ?? 0n;
  const required = amount + asset.fee;
  return {
    available: formatAmount(available, asset.decimals),
    required: formatAmount(required, asset.decimals),
    sufficient: available >= required,
  };
}
