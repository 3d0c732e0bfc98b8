import { afterAll, beforeAll, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import type { Offer } from '../../base/config/index.ts';
import { inTransaction } from '../../base/db/index.ts';
import { readAudit } from '../../base/event/index.ts';
import type { Address } from '../../base/kernel/index.ts';
import { bindKey, createKey, merchantOfKey, type NewApiKey, putMerchant } from './index.ts';

const PAYEE: Address = `0x${'aa'.repeat(20)}`;
const OTHER: Address = `0x${'bb'.repeat(20)}`;
const OFFER: Offer = { method: 'GET', path: '/a/*', upstream: 'https://up.example/' };
let at: MainDatabase;
beforeAll(async () => {
  at = await MainDatabase.start();
});
afterAll(() => at.stop());

const put = (payTo: Address[], offers: Offer[] = []) =>
  inTransaction(at.app, (sql) =>
    putMerchant(sql, {
      ...{ tenantId: at.tenantId, name: 'shop', payTo, offers, replays: false },
      assets: [
        { asset: 'b', maxAmount: null },
        { asset: 'a', maxAmount: 5n },
      ],
    }),
  ) as Promise<{ merchantId: string }>;

it('what is done to a merchant is audited, with what it was; the same again is not', async () => {
  const { merchantId } = await put([OTHER, PAYEE]);
  await put([PAYEE, OTHER]);
  await put([PAYEE]);
  await put([PAYEE], [OFFER]);
  await put([PAYEE], [OFFER]);
  const order = { tenantId: at.tenantId, name: 'shop', scopes: ['payments:settle'] };
  const { keyId } = (await createKey(at.app, order)) as NewApiKey;
  const bind = () => inTransaction(at.app, (sql) => bindKey(sql, keyId, merchantId));
  expect([await bind(), await bind()]).toEqual([true, false]);
  const entries = await readAudit(at.app, {
    ...{ tenantId: at.tenantId, action: 'merchant', subject: merchantId },
    ...{ limit: 10, before: null },
  });
  const assets = [
    { asset: 'a', maxAmount: '5' },
    { asset: 'b', maxAmount: null },
  ];
  const both = { payTo: [PAYEE, OTHER], assets, offers: [], replays: false };
  const one = { ...both, payTo: [PAYEE] };
  expect(entries.reverse().map(({ action, detail }) => [action, detail])).toEqual([
    ['merchant.made', { name: 'shop', ...both }],
    ['merchant.changed', { name: 'shop', ...one, before: both }],
    ['merchant.changed', { name: 'shop', ...one, offers: [OFFER], before: one }],
    ['merchant.key_bound', { name: 'shop', keyId }],
  ]);
  expect(entries.every(({ actor }) => actor === 'the configuration')).toBe(true);
});

it('the key of a merchant that is taken out of service acts for it still, and does not become its tenant’s', async () => {
  const { merchantId } = await put([PAYEE]);
  const order = { tenantId: at.tenantId, name: 'shop', scopes: ['payments:read'] };
  const [bound, free] = await Promise.all(
    [1, 2].map(async () => ((await createKey(at.app, order)) as NewApiKey).keyId),
  );
  await inTransaction(at.app, (sql) => bindKey(sql, bound!, merchantId));
  expect(await merchantOfKey(at.app, bound!)).toMatchObject({ merchantId, inService: true });
  await at.app.query('UPDATE merchant SET disabled_at = now() WHERE merchant_id = $1', [
    merchantId,
  ]);
  expect(await merchantOfKey(at.app, bound!)).toMatchObject({ merchantId, inService: false });
  expect(await merchantOfKey(at.app, free!)).toBeNull();
  await at.app.query('UPDATE merchant SET disabled_at = NULL WHERE merchant_id = $1', [merchantId]);
});
