import { type Db, dbErrorKind } from '../../../base/db/index.ts';
import {
  Invariant,
  isRefusal,
  type Refusal,
  refuse,
  Transient,
  UnknownOutcome,
} from '../../../base/kernel/index.ts';
import { keyConflict, readKeys } from '../../../books/access/index.ts';
import type { Ledger } from '../../../books/ledger/index.ts';
import { externalIdConflict, type FlushResult, flush } from './flush.ts';
import { findKnown, type KnownAnswer } from './known.ts';
import {
  parseRequest,
  type RequestRules,
  type WithdrawalOrder,
  type WithdrawalRequest,
} from './request.ts';

export type IntakeResult =
  | { kind: 'created'; id: string; createdAt: Date; order: WithdrawalOrder }
  | { kind: 'replay'; id: string }
  | { kind: 'refused'; refusal: Refusal };

type Waiting = {
  order: WithdrawalOrder;
  resolve(result: IntakeResult): void;
  reject(error: Error): void;
};

const FLUSH_SIZE = 1_000;
/** While the database works on one flush this process prepares the next; with one, each waits for the other. */
const FLUSHES = 2;
const SECOND_FLUSH = 32;
const SLICE = 8;
const MAX_WAITING = 20_000;

/**
 * Group commit. Requests that arrive while a flush is under way form the next one; there is no timer,
 * so an idle system adds no latency. An order is answered after the COMMIT that holds it: a crash loses
 * no acknowledged request, and one whose answer was lost is found by its key.
 */
export class Intake {
  readonly #context: { db: Db; ledger: Ledger; rules: RequestRules };
  #waiting: Waiting[] = [];
  readonly #flushing = new Set<Promise<void>>();
  readonly #gathering = new Set<Promise<void>>();

  constructor(context: { db: Db; ledger: Ledger; rules: RequestRules }) {
    this.#context = context;
  }

  /** Answers each request on its own. Rejects with Transient (nothing happened) or UnknownOutcome. */
  async submit(tenantId: string, requests: readonly WithdrawalRequest[]): Promise<IntakeResult[]> {
    const parsed = requests.map((request) =>
      parseRequest(this.#context.rules, { ...request, tenantId }),
    );
    const orders = parsed.filter((item): item is WithdrawalOrder => !isRefusal(item));
    const known =
      orders.length === parsed.length
        ? NONE_KNOWN
        : await findKnown(this.#context, tenantId, requests, parsed).catch(retell);
    // Mostly there is nothing to look up, and no turn of the event loop is spent on it.
    const refusals = this.#namesAreKnown(orders) ? NONE : await this.#checkNames(orders);
    return allOrTruth(
      parsed.map((item) => {
        const answer = isRefusal(item) ? known.get(item) : undefined;
        if (answer !== undefined) return Promise.resolve(answer);
        const refusal = isRefusal(item) ? item : refusals.get(item);
        return refusal === undefined
          ? this.#enter(item as WithdrawalOrder)
          : Promise.resolve({ kind: 'refused' as const, refusal });
      }),
    );
  }

  /** Resolves when everything that entered is answered. */
  async drain(): Promise<void> {
    while (this.#flushing.size + this.#gathering.size > 0) {
      await Promise.all([...this.#flushing, ...this.#gathering]);
    }
  }

  #enter(order: WithdrawalOrder): Promise<IntakeResult> {
    if (this.#waiting.length >= MAX_WAITING) {
      return Promise.reject(new Transient(`${MAX_WAITING} requests are waiting already`));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ order, resolve, reject });
      if (this.#waiting.length === 1 || this.#waiting.length === SECOND_FLUSH) this.#soon();
    });
  }

  /** After what has arrived in this turn of the event loop has entered: a batch is one group, not three. */
  #soon(): void {
    const gathering = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      this.#gathering.delete(gathering);
      this.#flushMore();
    });
    this.#gathering.add(gathering);
  }

  /** A flush of its own when none is under way; a second one beside it only for a group worth it. */
  #flushMore(): void {
    const enough = this.#flushing.size === 0 ? 1 : SECOND_FLUSH;
    if (this.#flushing.size >= FLUSHES || this.#waiting.length < enough) return;
    const flushing = this.#flushGroup(this.#waiting.splice(0, FLUSH_SIZE)).finally(() => {
      this.#flushing.delete(flushing);
      this.#flushMore();
    });
    this.#flushing.add(flushing);
  }

  /** Followers of a key in the same group get what its first gets. */
  async #flushGroup(group: readonly Waiting[]): Promise<void> {
    const leaders = new Map<string, Waiting>();
    for (const item of group) {
      if (!leaders.has(item.order.keyHash)) leaders.set(item.order.keyHash, item);
    }
    const orders = [...leaders.values()].map((item) => item.order);
    const results = await this.#flushHalving(orders);
    let told = 0;
    for (const item of group) {
      // Answers are written in slices: the statements of the other flush, which holds locks, come in between.
      if (told > 0 && told % SLICE === 0) await new Promise((resolve) => setImmediate(resolve));
      told += 1;
      const leader = leaders.get(item.order.keyHash)!;
      const result = results.get(leader.order)!;
      if (result instanceof Error) {
        item.reject(result);
        continue;
      }
      const answer = item === leader ? result : follow(item.order, leader.order, result);
      if (answer === null) this.#waiting.push(item);
      else item.resolve(answer);
    }
  }

  /** Halving is for data errors only: what an order can do wrong is a verdict, not an exception. */
  async #flushHalving(
    orders: readonly WithdrawalOrder[],
  ): Promise<Map<WithdrawalOrder, FlushResult | Error>> {
    try {
      const results = await flush(this.#context, orders);
      return new Map(orders.map((order, index) => [order, results[index]!]));
    } catch (error) {
      if (dbErrorKind(error) === 'data' && orders.length > 1) {
        const middle = orders.length >> 1;
        const first = await this.#flushHalving(orders.slice(0, middle));
        const second = await this.#flushHalving(orders.slice(middle));
        return new Map([...first, ...second]);
      }
      const told = tell(error);
      return new Map(orders.map((order) => [order, told]));
    }
  }

  #namesAreKnown(orders: readonly WithdrawalOrder[]): boolean {
    return orders.every(
      (order) => order.externalHash === null && this.#accounts.has(accountOf(order)),
    );
  }

  /**
   * What is refused without storing anything, asked before the flush in two set-based reads: an account that
   * does not exist, an external id that another key has. The constraint still decides a race.
   */
  async #checkNames(orders: readonly WithdrawalOrder[]): Promise<Map<WithdrawalOrder, Refusal>> {
    const refusals = new Map<WithdrawalOrder, Refusal>();
    if (orders.length === 0) return refusals;
    const { db } = this.#context;
    try {
      const missing = await missingAccounts(db, this.#accounts, orders);
      for (const order of missing) {
        refusals.set(
          order,
          refuse(
            'account_not_found',
            `There is no account ${order.account}; the first deposit creates it.`,
          ),
        );
      }
      const named = orders.filter((order) => order.externalHash !== null && !refusals.has(order));
      if (named.length > 0) {
        const taken = await externalIdsTaken(db, named);
        const suspects = named.filter((order) => taken.has(order.externalHash!));
        const keys = await readKeys(
          db,
          suspects.map((order) => order.keyHash),
        );
        for (const order of suspects) {
          const key = keys.get(order.keyHash);
          if (key === undefined) refusals.set(order, externalIdConflict(order));
          else if (key.contentHash !== order.contentHash)
            refusals.set(order, keyConflict(order.idempotencyKey));
        }
      }
    } catch (error) {
      throw tell(error);
    }
    return refusals;
  }

  /** Accounts are never removed: a name seen once needs no second look. */
  readonly #accounts = new Set<string>();
}

const KNOWN_ACCOUNTS = 500_000;
const NONE: ReadonlyMap<WithdrawalOrder, Refusal> = new Map();
const NONE_KNOWN: ReadonlyMap<Refusal, KnownAnswer> = new Map();

async function missingAccounts(
  db: Db,
  known: Set<string>,
  orders: readonly WithdrawalOrder[],
): Promise<WithdrawalOrder[]> {
  const unknown = orders.filter((order) => !known.has(accountOf(order)));
  if (unknown.length === 0) return [];
  const { rows } = await db.query<{ tenant_id: string; name: string }>({
    name: 'account_known',
    text: `SELECT tenant_id, name FROM account
      JOIN (SELECT DISTINCT * FROM unnest($1::uuid[], $2::text[])) AS u(tenant_id, name) USING (tenant_id, name)`,
    values: [unknown.map((order) => order.tenantId), unknown.map((order) => order.account)],
  });
  if (known.size + rows.length > KNOWN_ACCOUNTS) known.clear();
  for (const row of rows) known.add(`${row.tenant_id}|${row.name}`);
  const found = new Set(rows.map((row) => `${row.tenant_id}|${row.name}`));
  return unknown.filter((order) => !found.has(accountOf(order)));
}

function accountOf(order: WithdrawalOrder): string {
  return `${order.tenantId}|${order.account}`;
}

async function externalIdsTaken(db: Db, orders: readonly WithdrawalOrder[]): Promise<Set<string>> {
  const { rows } = await db.query<{ external_hash: string }>(
    'SELECT external_hash FROM external_id WHERE external_hash = ANY($1::uuid[])',
    [orders.map((order) => order.externalHash)],
  );
  return new Set(rows.map((row) => row.external_hash));
}

/**
 * All results; else one error for the whole request, which may have met several flushes: `nothing
 * happened` is said only when that is true of every item.
 */
async function allOrTruth(items: readonly Promise<IntakeResult>[]): Promise<IntakeResult[]> {
  if (items.length === 1) return [await items[0]!];
  const settled = await Promise.allSettled(items);
  const errors = settled.flatMap((item) => (item.status === 'rejected' ? [item.reason] : []));
  if (errors.length === 0) return Promise.all(items);
  const happened = settled.some((item) => item.status === 'fulfilled');
  const other = errors.find((error) => !(error instanceof Transient));
  if (other !== undefined || !happened) throw other ?? errors[0];
  throw new UnknownOutcome('a part of the batch was committed, another was not', {
    cause: errors[0],
  });
}

/**
 * What an order gets whose key came earlier in its group; null: a turn of its own, since the first stored
 * nothing for the key.
 */
function follow(
  order: WithdrawalOrder,
  leader: WithdrawalOrder,
  result: FlushResult,
): IntakeResult | null {
  const id = result.id;
  if (order.contentHash === leader.contentHash)
    return id === null ? result : { kind: 'replay', id };
  return id === null ? null : { kind: 'refused', refusal: keyConflict(order.idempotencyKey) };
}

function retell(error: unknown): never {
  throw tell(error);
}

function tell(error: unknown): Error {
  if (error instanceof Transient || error instanceof UnknownOutcome || error instanceof Invariant)
    return error;
  if (dbErrorKind(error) === 'lost')
    return new Transient('the database is not reachable', { cause: error });
  return error instanceof Error ? error : new Error(String(error));
}
