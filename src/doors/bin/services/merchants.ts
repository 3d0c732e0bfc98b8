import type { MerchantSettings } from '../../../base/config/index.ts';
import { type Db, inTransaction } from '../../../base/db/index.ts';
import { ConfigurationError, isRefusal } from '../../../base/kernel/index.ts';
import {
  bindKey,
  createKey,
  findTenant,
  type Merchant,
  putMerchant,
} from '../../../books/access/index.ts';

type Named = Pick<Merchant, 'merchantId' | 'tenantId' | 'name'>;

/** Makes the merchants of a configuration, or brings them to what it says; the same again changes nothing. */
export async function putMerchants(db: Db, wanted: readonly MerchantSettings[]): Promise<Named[]> {
  const made: Named[] = [];
  for (const { tenant, ...merchant } of wanted) {
    const found = await findTenant(db, { name: tenant });
    if (found === null) {
      throw new ConfigurationError(
        `x402.merchants: there is no tenant ${tenant}; make it with \`payonce tenant create ${tenant}\``,
      );
    }
    const put = await inTransaction(db, (sql) =>
      putMerchant(sql, { ...merchant, tenantId: found.tenantId }),
    );
    if (isRefusal(put)) throw new ConfigurationError(`x402.merchants: ${put.detail}`);
    made.push(put);
  }
  return made;
}

/** A new key that acts for a merchant; it exists in this answer only. A crash in between leaves a key for nobody. */
export async function createMerchantKey(db: Db, merchant: Named): Promise<string> {
  const order = { tenantId: merchant.tenantId, name: `merchant ${merchant.name}` };
  const scopes = ['payments:settle', 'payments:read', 'payments:refund'] as const;
  const made = await createKey(db, { ...order, scopes });
  if (isRefusal(made)) throw new ConfigurationError(made.detail);
  await inTransaction(db, (sql) => bindKey(sql, made.keyId, merchant.merchantId));
  return made.key;
}
