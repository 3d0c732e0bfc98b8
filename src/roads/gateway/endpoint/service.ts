import type { Assets } from '../../../base/config/index.ts';
import { type Db, inTransaction } from '../../../base/db/index.ts';
import { writeAudit } from '../../../base/event/index.ts';
import {
  checksummed,
  formatAmount,
  isRefusal,
  type Refusal,
  refuse,
} from '../../../base/kernel/index.ts';
import { findMerchantOf, type Merchant } from '../../../books/access/index.ts';
import { type EndpointForm, parseEndpoint } from './form.ts';
import { isPayable } from './match.ts';
import {
  listEndpoints,
  type PricedEndpoint,
  putEndpoint,
  readEndpoint,
  removeEndpoint,
} from './rows.ts';

/** A price as its owner sees it. */
export type EndpointView = {
  id: string;
  merchant: string;
  method: string;
  path: string;
  asset: string;
  price: string;
  priceAtomic: string;
  payTo: string;
  assetTransferMethod: string;
  upstream: string;
  onFailure: string;
  timeoutMs: number;
  maxResponseBytes: number;
  description: string | null;
  createdAt: string;
};

type By = { tenantId: string; merchantId: string | null; actor: string; correlationId: string };

const NOT_FOUND = refuse('not_found', 'There is no priced endpoint with this id for this key.');

/** Prices on the paths of merchants' APIs. One that changes is another one, so that what was offered stays what it was. */
export class EndpointService {
  readonly #context: { db: Db; assets: Assets };

  constructor(context: { db: Db; assets: Assets }) {
    this.#context = context;
  }

  async put(by: By, body: unknown): Promise<EndpointView | Refusal> {
    const { db, assets } = this.#context;
    const form = parseEndpoint(body, assets);
    if (isRefusal(form)) return form;
    const { tenantId, correlationId, actor } = by;
    const merchant = await findMerchantOf(db, { tenantId, name: form.merchant });
    if (merchant === null || (by.merchantId !== null && by.merchantId !== merchant.merchantId)) {
      return refuse('not_found', 'There is no merchant of this name for this key.');
    }
    const refusal = judge(merchant, form);
    if (refusal !== null) return refusal;
    const wanted = { ...form, tenantId, merchantId: merchant.merchantId, asset: form.asset.caip19 };
    const put = await inTransaction(db, async (sql) => {
      const endpoint = await putEndpoint(sql, wanted);
      const detail = { ...this.#view(endpoint) };
      const action = 'endpoint.priced';
      const subject = endpoint.id;
      await writeAudit(sql, [{ tenantId, action, actor, subject, correlationId, detail }]);
      return endpoint;
    });
    return this.#view(put);
  }

  async list(of: Pick<By, 'tenantId' | 'merchantId'>): Promise<EndpointView[]> {
    return (await listEndpoints(this.#context.db, of)).map((endpoint) => this.#view(endpoint));
  }

  async get(of: Pick<By, 'tenantId' | 'merchantId'>, id: string): Promise<EndpointView | Refusal> {
    const endpoint = await this.#read(of, id);
    return endpoint === null ? NOT_FOUND : this.#view(endpoint);
  }

  async remove(by: By, id: string): Promise<EndpointView | Refusal> {
    const endpoint = await this.#read(by, id);
    if (endpoint === null) return NOT_FOUND;
    const { tenantId, actor, correlationId } = by;
    return inTransaction(this.#context.db, async (sql) => {
      if (!(await removeEndpoint(sql, id))) return NOT_FOUND;
      const action = 'endpoint.removed';
      await writeAudit(sql, [{ tenantId, action, actor, subject: id, correlationId, detail: {} }]);
      return this.#view(endpoint);
    });
  }

  async #read(of: Pick<By, 'tenantId' | 'merchantId'>, id: string): Promise<PricedEndpoint | null> {
    const found = await readEndpoint(this.#context.db, id);
    const own =
      found?.tenantId === of.tenantId &&
      (of.merchantId === null || of.merchantId === found.merchantId);
    return own && found.removedAt === null ? found : null;
  }

  #view(endpoint: PricedEndpoint): EndpointView {
    const { id, merchant, method, path, price, payTo, upstream, onFailure } = endpoint;
    const { timeoutMs, maxResponseBytes, description, createdAt } = endpoint;
    const asset = this.#context.assets.find(endpoint.asset);
    return {
      ...{
        id,
        merchant,
        method,
        path,
        upstream,
        onFailure,
        timeoutMs,
        maxResponseBytes,
        description,
      },
      asset: asset?.id ?? endpoint.asset,
      price: formatAmount(price, asset?.decimals ?? 0),
      priceAtomic: price.toString(),
      payTo: checksummed(payTo),
      assetTransferMethod: endpoint.transferMethod,
      createdAt: createdAt.toISOString(),
    };
  }
}

/** Whether payments of this price would be taken; else nobody could ever pay it. */
function judge({ payTo, assets, wallets }: Merchant, form: EndpointForm): Refusal | null {
  const no = (detail: string) => refuse('endpoint_refused', detail);
  const { asset, price } = form;
  const allowed = assets.find((one) => one.asset === asset.caip19);
  if (asset.address === null || allowed === undefined) {
    return no(`The merchant takes no payments in ${asset.id}.`);
  }
  if (!isPayable(asset, form)) return no(`${asset.id} has no eip712: only permit2 can pay it.`);
  const tier = asset.tiers.some(({ upTo }) => upTo === null || price <= upTo);
  if (!tier || (allowed.maxAmount !== null && price > allowed.maxAmount)) {
    return no('The price is more than the merchant may take at once.');
  }
  if (!payTo.some((one) => one === form.payTo)) return no('The merchant has no such payee.');
  const wallet = wallets.find((one) => one.chainId === asset.chainId && one.address === form.payTo);
  if (wallet !== undefined && wallet.laneId === null) {
    return no('The payee is a wallet that can not take the merchant’s payments.');
  }
  const custodial = wallet !== undefined;
  return form.onFailure === 'refund' && !custodial
    ? no('What goes to a wallet that is not ours can not be refunded: onFailure is retry or keep.')
    : null;
}
