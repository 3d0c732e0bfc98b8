import type { AssetSettings, Assets } from '../../base/config/index.ts';
import {
  type Fields,
  isRefusal,
  keyHash,
  parseForm,
  type Refusal,
} from '../../base/kernel/index.ts';
import { checkIdempotencyKey, idempotencyHash } from '../../books/access/index.ts';
import { readAccount, readAmount, readAsset } from '../../books/ledger/index.ts';

/** A credit that is well formed. */
export type DepositOrder = {
  tenantId: string;
  idempotencyKey: string;
  keyHash: string;
  contentHash: string;
  account: string;
  asset: AssetSettings;
  amount: bigint;
  reference: string;
  referenceHash: string;
  correlationId: string;
};

const FIELDS = new Set(['account', 'asset', 'amount', 'reference']);

export function parseDeposit(
  assets: Assets,
  request: { tenantId: string; idempotencyKey: string; body: unknown; correlationId: string },
): DepositOrder | Refusal {
  const badKey = checkIdempotencyKey(request.idempotencyKey);
  if (badKey !== null) return badKey;
  const form = parseForm(request.body, FIELDS, (fields) => readFields(assets, fields));
  if (isRefusal(form)) return form;
  const { tenantId, idempotencyKey, correlationId } = request;
  return {
    ...form,
    tenantId,
    idempotencyKey,
    correlationId,
    keyHash: idempotencyHash(tenantId, 'deposit', idempotencyKey),
    contentHash: keyHash(
      'deposit',
      form.account,
      form.asset.caip19,
      form.amount.toString(),
      form.reference,
    ),
    referenceHash: keyHash('reference', tenantId, form.reference),
  };
}

function readFields(assets: Assets, fields: Fields) {
  const account = readAccount(fields);
  const asset = readAsset(assets, fields);
  const amount = readAmount(fields, asset);
  const reference = fields.label('reference');
  if (account === null || asset === null || amount === null || reference === null) return null;
  return { account, asset, amount, reference };
}
