import type { Offer } from '../../../base/config/index.ts';
import type { Sql } from '../../../base/db/index.ts';
import { writeAudit } from '../../../base/event/index.ts';
import type { Address } from '../../../base/kernel/index.ts';

type AuditedMerchant = {
  merchantId: string;
  tenantId: string;
  name: string;
  payTo: readonly Address[];
  assets: readonly { asset: string; maxAmount: bigint | null }[];
  offers: readonly Offer[];
  replays: boolean;
};

/** Merchants are made and changed by the file that this installation runs on. */
const ACTOR = 'the configuration';

/** What a merchant is from here on, and what it was; nothing where it stays as it was. */
export async function auditMerchant(
  sql: Sql,
  merchant: AuditedMerchant,
  before: AuditedMerchant | null,
): Promise<void> {
  const is = termsOf(merchant);
  const was = before === null ? null : termsOf(before);
  if (JSON.stringify(is) === JSON.stringify(was)) return;
  const { tenantId, merchantId: subject, name } = merchant;
  const action = was === null ? 'merchant.made' : 'merchant.changed';
  const detail = { name, ...is, ...(was === null ? {} : { before: was }) };
  await writeAudit(sql, [{ tenantId, action, actor: ACTOR, subject, detail }]);
}

/** The file names them no more. */
export async function auditRetired(
  sql: Sql,
  merchants: readonly Pick<AuditedMerchant, 'merchantId' | 'tenantId' | 'name'>[],
): Promise<void> {
  const action = 'merchant.retired';
  await writeAudit(
    sql,
    merchants.map(({ tenantId, merchantId: subject, name }) => {
      return { tenantId, action, actor: ACTOR, subject, detail: { name } };
    }),
  );
}

/** In an order of their own: rows and files have another. */
function termsOf({ payTo, assets, offers, replays }: AuditedMerchant) {
  return {
    payTo: [...payTo].sort(),
    assets: assets
      .map(({ asset, maxAmount }) => ({ asset, maxAmount: maxAmount?.toString() ?? null }))
      .sort((a, b) => (a.asset < b.asset ? -1 : 1)),
    offers: offers
      .map(({ method, path, upstream }) => ({ method, path, upstream }))
      .sort((a, b) =>
        `${a.path} ${a.method} ${a.upstream}` < `${b.path} ${b.method} ${b.upstream}` ? -1 : 1,
      ),
    replays,
  };
}

/** A key may hand in payments for a merchant from here on. */
export async function auditBinding(
  sql: Sql,
  { keyId, merchantId }: { keyId: string; merchantId: string },
): Promise<void> {
  const { rows } = await sql.query<{ tenant_id: string; name: string }>(
    'SELECT tenant_id, name FROM merchant WHERE merchant_id = $1',
    [merchantId],
  );
  const { tenant_id: tenantId, name } = rows[0]!;
  const action = 'merchant.key_bound';
  const detail = { name, keyId };
  await writeAudit(sql, [{ tenantId, action, actor: ACTOR, subject: merchantId, detail }]);
}
