import type { Assets } from '../../../base/config/index.ts';
import { type Db, inTransaction, type Sql } from '../../../base/db/index.ts';
import { writeAudit, writeEvents } from '../../../base/event/index.ts';
import {
  checksummed,
  isRefusal,
  type Log,
  type Network,
  type Refusal,
  refuse,
} from '../../../base/kernel/index.ts';
import { findMerchantOf, type Merchant } from '../../../books/access/index.ts';
import { closedHost } from '../forward/networks.ts';
import {
  decidePut,
  decideRemoval,
  isOffered,
  neverSold,
  type Standing,
  standingOf,
} from './decide-change.ts';
import { type EndpointForm, parseEndpoint, parseVeto } from './form.ts';
import { isPayable } from './match.ts';
import { type PricedEndpoint, soldPaths, standingEndpoints } from './rows.ts';
import { type EndpointView, viewsOf } from './view.ts';
import { insertPrice, lockPrices, setEnd, stopWaiting } from './write.ts';

type By = { tenantId: string; merchantId: string | null; actor: string; correlationId: string };
type EndpointContext = {
  db: Db;
  assets: Assets;
  /** How long a price that loosens waits until it is in force. */
  delayMs: number;
  /** Networks of upstreams that are closed otherwise. */
  opened: readonly Network[];
  log: Log;
};
type Change = {
  done: 'priced' | 'removed' | 'scheduled' | 'vetoed';
  loosens: string[];
  reason?: string;
};

type Key = Pick<PricedEndpoint, 'tenantId' | 'merchantId' | 'method' | 'path'>;
/** Null: it is so already. */
type Act = (
  sql: Sql,
  standing: Standing,
  times: { now: string; later: string },
) => Promise<Change | Refusal | null>;

const NOTHING_WAITS = refuse(
  'nothing_pending',
  'Nothing waits at this endpoint: it is in force already, or was stopped.',
);
const NOT_FOUND = refuse('not_found', 'There is no priced endpoint with this id for this key.');

/**
 * Prices on the paths of merchants' APIs. One that changes is another one, so that what was offered stays what it was. One
 * key may change them, so what a thief of it would want waits, told to everybody, and can be stopped until then.
 */
export class EndpointService {
  readonly #context: EndpointContext;

  constructor(context: EndpointContext) {
    this.#context = context;
  }

  /** What was asked for last is what counts: it takes the place of what waits, and waits its own time. */
  async put(by: By, body: unknown): Promise<EndpointView | Refusal> {
    const { db, assets } = this.#context;
    const form = parseEndpoint(body, assets);
    if (isRefusal(form)) return form;
    const { tenantId } = by;
    const merchant = await findMerchantOf(db, { tenantId, name: form.merchant });
    if (merchant === null || (by.merchantId !== null && by.merchantId !== merchant.merchantId)) {
      return refuse('not_found', 'There is no merchant of this name for this key.');
    }
    const refusal = judge(merchant, form) ?? judgeUpstream(form, this.#context.opened);
    if (refusal !== null) return refusal;
    const { merchantId } = merchant;
    const wanted = { ...form, tenantId, merchantId, asset: form.asset.caip19 };
    const offered = isOffered(merchant.offers, wanted);
    return this.#change(by, wanted, async (sql, standing, { now, later }) => {
      const sold = offered ? await soldPaths(sql, { merchantId, now }) : [];
      const loosens = decidePut(standing, wanted, offered && neverSold(sold, wanted));
      if (loosens === null) return null;
      const at = loosens.length === 0 ? now : later;
      await stopWaiting(sql, wanted, now);
      await setEnd(sql, wanted, { now, until: at });
      await insertPrice(sql, wanted, at);
      return { done: at === now ? 'priced' : 'scheduled', loosens };
    });
  }

  async list(of: Pick<By, 'tenantId' | 'merchantId'>): Promise<EndpointView[]> {
    const { db, assets } = this.#context;
    const { tenantId, merchantId } = of;
    return viewsOf(await standingEndpoints(db, { tenantId, merchantId }), assets);
  }

  async get(of: Pick<By, 'tenantId' | 'merchantId'>, id: string): Promise<EndpointView | Refusal> {
    const { db, assets } = this.#context;
    const { tenantId, merchantId } = of;
    const standing = await standingEndpoints(db, { tenantId, merchantId, firstId: id });
    return viewsOf(standing, assets)[0] ?? NOT_FOUND;
  }

  /** At once, unless a wider path would answer in its place. */
  async remove(by: By, id: string): Promise<EndpointView | Refusal> {
    return this.#changeKnown(by, id, async (sql, standing, { now, later }) => {
      const { own, waiting } = standing;
      if (own === null && waiting === null) return NOT_FOUND;
      const loosens = decideRemoval(standing);
      const until = loosens.length === 0 ? now : later;
      // Asked again for what waits already.
      if (until !== now && waiting === null && own!.removedAt !== null) return null;
      await stopWaiting(sql, (own ?? waiting)!, now);
      if (own !== null) await setEnd(sql, own, { now, until });
      return { done: until === now ? 'removed' : 'scheduled', loosens };
    });
  }

  /** Stops what waits; what is in force stays so. */
  async veto(by: By, id: string, body: unknown): Promise<EndpointView | Refusal> {
    const form = parseVeto(body);
    if (isRefusal(form)) return form;
    return this.#changeKnown(by, id, async (sql, { own, waiting }, { now }) => {
      if (waiting === null && (own === null || own.removedAt === null)) return NOTHING_WAITS;
      await stopWaiting(sql, (own ?? waiting)!, now);
      if (own !== null) await setEnd(sql, own, { now, until: null });
      return { done: 'vetoed', loosens: [], ...form };
    });
  }

  async #changeKnown(by: By, id: string, act: Act): Promise<EndpointView | Refusal> {
    const { tenantId, merchantId } = by;
    const of = { tenantId, merchantId, firstId: id };
    const [known] = await standingEndpoints(this.#context.db, of);
    return known === undefined ? NOT_FOUND : this.#change(by, known, act);
  }

  /** One after the other, against what stands when its turn has come. A crash leaves all of it or nothing. */
  async #change(by: By, key: Key, act: Act): Promise<EndpointView | Refusal> {
    const { db, assets, delayMs } = this.#context;
    const { tenantId, merchantId, method, path } = key;
    return inTransaction(db, async (sql) => {
      const times = await lockPrices(sql, { merchantId, delayMs });
      const read = () => standingEndpoints(sql, { tenantId, merchantId, at: times.now });
      const viewOf = (endpoints: PricedEndpoint[]) =>
        viewsOf(endpoints, assets).find((one) => one.method === method && one.path === path);
      const before = await read();
      const outcome = await act(sql, standingOf(before, key), times);
      if (outcome !== null && isRefusal(outcome)) return outcome;
      const left = viewOf(await read());
      const view = left ?? { ...viewOf(before)!, status: 'removed', pending: null };
      if (outcome !== null) await this.#tell(sql, by, view, outcome);
      return view;
    });
  }

  async #tell(sql: Sql, by: By, view: EndpointView, { done, loosens, reason }: Change) {
    const { tenantId, actor, correlationId } = by;
    const detail = { ...view, loosens, ...(reason === undefined ? {} : { reason }) };
    const told = { tenantId, correlationId };
    const action = `endpoint.${done}`;
    await writeAudit(sql, [{ ...told, action, actor, subject: view.id, detail }]);
    await writeEvents(sql, [{ ...told, type: action, subjectId: view.id, data: detail }]);
    if (done === 'scheduled' || done === 'vetoed') {
      const { pending, effectiveAt } = view;
      const at = pending?.effectiveAt ?? effectiveAt;
      const { log } = this.#context;
      log.warn({ endpointId: view.id, actor, loosens, at, reason }, `a price was ${done}`);
    }
  }
}

/** Whether payments of this price would be taken; else nobody could ever pay it. */
function judge({ payTo, assets, wallets, lanes }: Merchant, form: EndpointForm): Refusal | null {
  const no = (detail: string) => refuse('endpoint_refused', detail);
  const { asset, price } = form;
  const allowed = assets.find((one) => one.asset === asset.caip19);
  if (asset.address === null || allowed === undefined) {
    const taken = assets.map((one) => one.asset).join(', ') || 'none';
    return no(
      `The merchant takes no payments in ${asset.id}; the configuration gives it ${taken}.`,
    );
  }
  if (!isPayable(asset, form)) return no(`${asset.id} has no eip712: only permit2 can pay it.`);
  if (form.usage !== null && !lanes.some(({ chainId }) => chainId === asset.chainId)) {
    return no('No wallet of the tenant pays gas there, and only one may charge upto.');
  }
  const tier = asset.tiers.some(({ upTo }) => upTo === null || price <= upTo);
  if (!tier || (allowed.maxAmount !== null && price > allowed.maxAmount)) {
    return no('The price is more than the merchant may take at once.');
  }
  if (!payTo.some((one) => one === form.payTo)) {
    const given = payTo.map(checksummed).join(', ');
    return no(`The merchant has no such payee; the configuration gives it ${given}.`);
  }
  const wallet = wallets.find((one) => one.chainId === asset.chainId && one.address === form.payTo);
  if (wallet !== undefined && wallet.laneId === null) {
    return no('The payee is a wallet that can not take the merchant’s payments.');
  }
  const custodial = wallet !== undefined;
  return form.onFailure === 'refund' && !custodial
    ? no('What goes to a wallet that is not ours can not be refunded: onFailure is retry or keep.')
    : null;
}

/** What a name stands for is judged when it is asked; an address is told at once, before anybody pays for it. */
function judgeUpstream({ upstream }: EndpointForm, opened: readonly Network[]): Refusal | null {
  const closed = closedHost(new URL(upstream), opened);
  if (closed === null) return null;
  const detail = `${closed} is closed to upstreams, unless x402.upstreamNetworks of the configuration opens it.`;
  return refuse('endpoint_refused', detail);
}
