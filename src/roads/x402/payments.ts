import type { Assets, Settings } from '../../base/config/index.ts';
import type { Db, Sql } from '../../base/db/index.ts';
import { refuse } from '../../base/kernel/index.ts';
import { readTallies } from '../../books/approval/index.ts';
import { outcomeOf } from './payment/outcome.ts';
import {
  findPayments,
  type PaymentDecision,
  type PaymentRow,
  readDecisions,
  readPayments,
} from './payment/rows.ts';
import { type PaymentView, viewOf } from './payment/view.ts';
import type { RefundRequest } from './refund/request.ts';
import { type RefundView, readRefunds, refundView } from './refund/rows.ts';
import { type RefundVerdict, refundPayment } from './refund/service.ts';
import { readUsage, type UsageQuery } from './usage/rows.ts';
import { type UsageView, usageView } from './usage/view.ts';
import { aboutOf, settled } from './wire/answers.ts';
import { REASONS, type Reason } from './wire/reasons.ts';

/** Whose payments: a merchant's, or (null) all of the tenant's. */
type Scope = { tenantId: string; merchantId: string | null };

/** What became of a payment, for who serves it. */
type Standing =
  | { kind: 'paid'; receipt: Record<string, unknown> }
  | { kind: 'failed'; reason: string }
  | { kind: 'under_way' }
  /** `runOut`: nothing can be reserved any more, and that is why. */
  | { kind: 'open'; runOut: Reason | null };

/** Its blocks may still be replaced by others, which are little earlier. */
const MARGIN_SECONDS = 60n;

type PaymentsContext = { db: Db; assets: Assets; settings: Pick<Settings, 'guard'> };

const NOT_FOUND = refuse('not_found', 'There is no payment with this id for this key.');

/** Payments as they stand, and what of them goes back. */
export class PaymentService {
  readonly #context: PaymentsContext;

  constructor(context: PaymentsContext) {
    this.#context = context;
  }

  async get(of: Scope, id: string): Promise<PaymentView | null> {
    const row = await this.#read(of, id);
    return row === null ? null : (await this.#views(of, [row]))[0]!;
  }

  /** By their ids; those that there are. */
  async standings(ids: readonly string[]): Promise<Map<string, Standing>> {
    const { db } = this.#context;
    const rows = await readPayments(db, ids);
    const times = rows.size === 0 ? new Map<number, bigint>() : await readTimes(db);
    return new Map([...rows].map(([id, row]) => [id, standingOf(row, times.get(row.chainId))]));
  }

  async find(of: Scope, keys: Parameters<typeof findPayments>[2]): Promise<PaymentView[]> {
    const ids = await findPayments(this.#context.db, of.tenantId, keys);
    const rows = await readPayments(this.#context.db, ids);
    return this.#views(
      of,
      ids.flatMap((id) => rows.get(id) ?? []).filter((row) => isOf(row, of)),
    );
  }

  /** Gives back all or a part of a payment to whom paid it, once for each key. */
  async refund(of: Scope, id: string, request: RefundRequest): Promise<RefundVerdict> {
    const row = await this.#read(of, id);
    if (row === null) return { kind: 'refused', refusal: NOT_FOUND };
    return refundPayment(this.#context, row, request);
  }

  /** Of a payment, oldest first; null: there is no such payment. */
  async refunds(of: Scope, id: string): Promise<RefundView[] | null> {
    const row = await this.#read(of, id);
    if (row === null) return null;
    const asset = this.#context.assets.find(row.asset) ?? { decimals: 0 };
    const refunds = await readRefunds(this.#context.db, { paymentIds: [id] });
    return refunds.map((refund) => refundView(refund, asset));
  }

  /** What a merchant's endpoints were used for; null: the tenant has none of this name. */
  async usage(
    of: { tenantId: string; merchant: string },
    query: UsageQuery,
  ): Promise<UsageView[] | null> {
    const { db, assets } = this.#context;
    const rows = await readUsage(db, of, query);
    return rows?.map((row) => usageView(row, assets)) ?? null;
  }

  async #views(of: Scope, rows: readonly PaymentRow[]): Promise<PaymentView[]> {
    const { db, settings } = this.#context;
    const { approvers, groups } = settings.guard.approvals;
    const ids = rows.map(({ id }) => id);
    const decisions = await readDecisions(db, ids);
    const tallies = await readTallies(db, groups, approvers.length === 0 ? [] : ids);
    return rows.map((row) => {
      const { id } = row;
      return viewOf(row, { decision: toldTo(of, decisions.get(id)), tally: tallies.get(id) });
    });
  }

  async #read(of: Scope, id: string): Promise<PaymentRow | null> {
    const row = (await readPayments(this.#context.db, [id])).get(id);
    return row !== undefined && isOf(row, of) ? row : null;
  }
}

function isOf(row: PaymentRow, { tenantId, merchantId }: Scope): boolean {
  return row.tenantId === tenantId && (merchantId === null || row.merchantId === merchantId);
}

/** Limits of a tenant count others' payments, too: a merchant is told which rules denied its payment, and no numbers. */
function toldTo(
  { merchantId }: Scope,
  decision: PaymentDecision | undefined,
): PaymentDecision | null {
  if (decision === undefined) return null;
  if (merchantId === null) return decision;
  const denies = decision.trace.filter(({ verdict }) => verdict === 'deny');
  return { ...decision, trace: denies.map(({ rule, verdict }) => ({ rule, verdict })) };
}

/** By chain the second of its newest block. */
async function readTimes(sql: Sql): Promise<Map<number, bigint>> {
  const { rows } = await sql.query<{ chain_id: bigint; seconds: bigint }>({
    name: 'payment_chain_times',
    text: `SELECT h.chain_id, extract(epoch FROM b.mined_at)::bigint AS seconds
      FROM chain_head h JOIN block b ON b.chain_id = h.chain_id AND b.height = h.latest`,
  });
  return new Map(rows.map(({ chain_id, seconds }) => [Number(chain_id), seconds]));
}

/**
 * One that nobody reserved is over by the chain's clock alone: by a process's that is wrong another one could still reserve
 * it, and the chain take it.
 */
function standingOf(row: PaymentRow, now: bigint | undefined): Standing {
  const outcome = outcomeOf(row);
  if (outcome.kind === 'failed') return { kind: 'failed', reason: outcome.reason };
  if (outcome.kind === 'under_way') return { kind: 'under_way' };
  if (outcome.kind === 'paid') {
    const about = aboutOf({ network: `eip155:${row.chainId}`, signed: row });
    return { kind: 'paid', receipt: settled(about, outcome.txHash, row).body };
  }
  const over = now !== undefined && row.validBefore + MARGIN_SECONDS < now;
  return { kind: 'open', runOut: over ? REASONS[row.method].runOut : null };
}
