import { afterAll, beforeAll, beforeEach } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import { Assets, developmentSettings } from '../../../base/config/index.ts';
import { isRefusal, parseNetwork, silentLog } from '../../../base/kernel/index.ts';
import { type Merchant, putMerchant } from '../../../books/access/index.ts';
import { endpointsOf } from './rows.ts';
import { EndpointService } from './service.ts';
import type { EndpointView } from './view.ts';

export const HOUR = 3_600_000;
export const TOKEN = `0x${'77'.repeat(20)}` as const;
export const [OURS, OTHER] = [`0x${'11'.repeat(20)}`, `0x${'22'.repeat(20)}`] as const;

export async function good(answer: Promise<EndpointView | object>): Promise<EndpointView> {
  const got = await answer;
  if (isRefusal(got)) throw new Error(`${got.code}: ${got.detail}`);
  return got as EndpointView;
}

/** A merchant of a tenant that sells nothing when a test begins, with what it offers in the configuration. */
export function shopPrices() {
  let at: MainDatabase;
  let assets: Assets;
  let merchant: Merchant;
  beforeAll(async () => {
    at = await MainDatabase.start();
    const settings = developmentSettings({
      ...{ databaseUrl: '', signerDatabaseUrl: null, rpcUrl: 'http://127.0.0.1/', token: TOKEN },
      lanes: [],
    });
    assets = new Assets(settings.assets);
    const asset = settings.assets.find(({ id }) => id === 'USDC')!.caip19;
    const { tenantId } = at;
    const allowed = {
      ...{ payTo: [OURS, OTHER], assets: [{ asset, maxAmount: null }], replays: false },
      offers: [
        { method: 'GET' as const, path: '/offered/*', upstream: 'https://up.example/' },
        { method: 'GET' as const, path: '/offered/too', upstream: 'https://up.example/' },
      ],
    };
    const put = await putMerchant(at.app, { tenantId, name: 'shop', ...allowed });
    if (isRefusal(put)) throw new Error(put.detail);
    merchant = { ...put, wallets: [], lanes: [] };
  });
  afterAll(() => at?.stop());
  beforeEach(async () => {
    await at.rows('TRUNCATE priced_endpoint CASCADE');
  });

  const serviceWith = (delayMs: number, db = at.app) =>
    new EndpointService({
      db,
      assets,
      delayMs,
      opened: [parseNetwork('10.0.0.0/8')!],
      log: silentLog,
    });
  const by = () => ({ tenantId: at.tenantId, merchantId: null, actor: 'a', correlationId: 'c' });
  const body = (over: object = {}) => ({
    ...{ merchant: 'shop', method: 'GET', path: '/weather', asset: 'USDC', price: '0.50' },
    ...{ payTo: OURS, upstream: 'https://up.example/', onFailure: 'keep', ...over },
  });
  const put = (over: object, delayMs = HOUR) => good(serviceWith(delayMs).put(by(), body(over)));
  const veto = (id: string) => serviceWith(HOUR).veto(by(), id, { reason: 'not ours' });
  const remove = (id: string) => serviceWith(HOUR).remove(by(), id);

  /** Which price is asked on which path now, as the gateway reads it. */
  async function asked(): Promise<[string, bigint][]> {
    const found = await endpointsOf(at.app, { tenant: 'demo', merchant: 'shop', inForce: true });
    return found
      .map(({ path, price }): [string, bigint] => [path, price])
      .sort(([one], [other]) => (one < other ? -1 : 1));
  }

  /** As if time had passed until what waits is in force. */
  const pass = () =>
    at.rows(`UPDATE priced_endpoint SET
      effective_at = least(effective_at, now() - interval '1 microsecond'),
      removed_at = CASE WHEN removed_at = effective_at THEN least(removed_at, now() - interval '1 microsecond')
        WHEN removed_at > now() THEN now() - interval '1 microsecond' ELSE removed_at END
      WHERE effective_at > now() OR removed_at > now()`);
  const told = async () =>
    (await at.rows<{ type: string }>('SELECT type FROM event ORDER BY event_id')).map(
      ({ type }) => type,
    );

  return {
    ...{ serviceWith, by, body, put, veto, remove, asked, pass, told },
    at: () => at,
    assets: () => assets,
    merchant: () => merchant,
    merchantId: () => merchant.merchantId,
  };
}
