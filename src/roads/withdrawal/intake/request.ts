import canonicalize from 'canonicalize';
import type { AssetSettings, Assets, LaneSettings, Tier } from '../../../base/config/index.ts';
import {
  type Address,
  type Fields,
  formatAmount,
  isRefusal,
  keyHash,
  parseAddress,
  parseForm,
  parseInstant,
  type Refusal,
  refuse,
  wellFormed,
  ZERO_ADDRESS,
} from '../../../base/kernel/index.ts';
import {
  checkIdempotencyKey,
  idempotencyHash,
  type KeyToTake,
} from '../../../books/access/index.ts';
import { readAccount, readAmount, readAsset } from '../../../books/ledger/index.ts';
import { tierOf } from '../../../books/policy/index.ts';

/** A withdrawal request that is well formed: what intake takes. */
export type WithdrawalOrder = {
  tenantId: string;
  idempotencyKey: string;
  keyHash: string;
  contentHash: string;
  account: string;
  asset: AssetSettings;
  amount: bigint;
  recipient: Address;
  externalId: string | null;
  externalHash: string | null;
  metadata: Record<string, unknown> | null;
  /** ms since the epoch, or null. */
  expiresAt: number | null;
  correlationId: string;
  initiatedBy: string | null;
  /** Null: no tier covers the amount. */
  tier: Tier | null;
};

export type RequestRules = {
  assets: Assets;
  lanes: readonly LaneSettings[];
  now(): number;
};

const METADATA_BYTES = 4_096;
/** Far below what a recursive reader of JSON can stand, ours and the database's. */
const METADATA_DEPTH = 32;
const FIELDS = new Set(['account', 'asset', 'amount', 'to', 'externalId', 'expiresAt', 'metadata']);
const MIN_LIFE_MS = 60_000;

/** A request as it came. */
export type WithdrawalRequest = {
  idempotencyKey: string;
  body: unknown;
  correlationId: string;
  /** The person that asks: an operator, or an API key of the owner's. */
  initiatedBy?: string;
};

/** Reads one request. All faults of form are told at once; then what the rules say, one at a time. */
export function parseRequest(
  rules: RequestRules,
  request: WithdrawalRequest & { tenantId: string },
): WithdrawalOrder | Refusal {
  const badKey = checkIdempotencyKey(request.idempotencyKey);
  if (badKey !== null) return badKey;
  const form = parseForm(request.body, FIELDS, (fields) => readFields(rules, fields));
  if (isRefusal(form)) return form;
  const { asset, amount, recipient } = form;
  const refusal = checkAmount(asset, amount) ?? checkDestination(rules, asset, recipient);
  if (refusal !== null) return refusal;
  const { tenantId, idempotencyKey, correlationId } = request;
  return {
    ...form,
    tenantId,
    idempotencyKey,
    correlationId,
    initiatedBy: request.initiatedBy ?? null,
    keyHash: idempotencyHash(tenantId, 'withdrawal', idempotencyKey),
    contentHash: contentHashOf(form),
    externalHash: form.externalId === null ? null : keyHash('external', tenantId, form.externalId),
    tier: tierOf({ asset, amount }),
  };
}

/**
 * What a request that is refused now would have been known by when it was first sent, perhaps by another clock and
 * configuration; null: its key is not one. A form that can't be read has no content, which equals none.
 */
export function keyOfRefused(
  rules: RequestRules,
  { tenantId, idempotencyKey, body }: WithdrawalRequest & { tenantId: string },
): KeyToTake | null {
  if (checkIdempotencyKey(idempotencyKey) !== null) return null;
  const whenever = { ...rules, now: () => Number.NEGATIVE_INFINITY };
  const form = parseForm(body, FIELDS, (fields) => readFields(whenever, fields));
  return {
    keyHash: idempotencyHash(tenantId, 'withdrawal', idempotencyKey),
    contentHash: isRefusal(form) ? '' : contentHashOf(form),
  };
}

type Form = NonNullable<ReturnType<typeof readFields>>;

function contentHashOf(form: Form): string {
  return keyHash(
    'withdrawal',
    form.account,
    form.asset.caip19,
    form.amount.toString(),
    form.recipient,
    form.externalId === null ? '' : `:${form.externalId}`,
    form.metadata === null ? '' : (canonicalize(form.metadata) ?? ''),
  );
}

function readFields(rules: RequestRules, fields: Fields) {
  const account = readAccount(fields);
  const asset = readAsset(rules.assets, fields);
  const amount = readAmount(fields, asset);
  const recipient = fields.text(
    'to',
    {
      code: 'invalid_address',
      expected: '0x and 40 hex digits; mixed case must carry the EIP-55 checksum',
    },
    (text) => {
      const parsed = parseAddress(text);
      return parsed === 'syntax' || parsed === 'checksum' ? undefined : parsed;
    },
  );
  const externalId = fields.label('externalId', true);
  const expiresAt = readExpiry(rules, fields);
  const metadata = readMetadata(fields);
  if (account === null || asset === null || amount === null || recipient === null) return null;
  return { account, asset, amount, recipient, externalId, expiresAt, metadata };
}

function readExpiry(rules: RequestRules, fields: Fields): number | null {
  return fields.text(
    'expiresAt',
    {
      code: 'invalid_request',
      expected: 'an RFC 3339 time at least one minute ahead',
      optional: true,
    },
    (text) => {
      const at = parseInstant(text);
      return at === undefined || at < rules.now() + MIN_LIFE_MS ? undefined : at;
    },
  );
}

function readMetadata(fields: Fields): Record<string, unknown> | null {
  const value = fields.raw('metadata');
  if (value === undefined || value === null) return null;
  const expected = `a JSON object of at most ${METADATA_BYTES} bytes and ${METADATA_DEPTH} levels, without NUL, lone surrogates or integers beyond 2^53`;
  const isObject = typeof value === 'object' && !Array.isArray(value);
  if (!isObject || !keepsNumbers(value, METADATA_DEPTH)) {
    fields.fault('metadata', 'invalid_request', value, expected);
    return null;
  }
  const text = JSON.stringify(value);
  if (
    Buffer.byteLength(text) > METADATA_BYTES ||
    text.includes('\\u0000') ||
    !wellFormed(text) ||
    /\\ud[89a-f]/.test(text)
  ) {
    fields.fault('metadata', 'invalid_request', `${Buffer.byteLength(text)} bytes`, expected);
    return null;
  }
  return value as Record<string, unknown>;
}

/** At most `depth` levels, and every number one that a double holds: what is not kept exactly is refused. */
function keepsNumbers(value: unknown, depth: number): boolean {
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value));
  }
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((inner) => keepsNumbers(inner, depth - 1));
}

function checkAmount(asset: AssetSettings, amount: bigint): Refusal | null {
  if (amount >= asset.minimum) return null;
  const minimum = formatAmount(asset.minimum, asset.decimals);
  return refuse(
    'amount_below_minimum',
    `The amount is ${formatAmount(amount, asset.decimals)} ${asset.id}; the minimum is ${minimum}.`,
    {
      members: { minimum },
    },
  );
}

function checkDestination(rules: RequestRules, asset: AssetSettings, to: Address): Refusal | null {
  const reason = destinationReason(rules, asset, to);
  return reason === null
    ? null
    : refuse('destination_refused', `The destination ${to} is refused: ${reason}.`, {
        members: { reason },
      });
}

function destinationReason(rules: RequestRules, asset: AssetSettings, to: Address): string | null {
  if (to === ZERO_ADDRESS) return 'zero';
  const sameChain = (chainId: number) => chainId === asset.chainId;
  if (rules.assets.all.some((other) => sameChain(other.chainId) && other.address === to))
    return 'token';
  if (rules.lanes.some((lane) => sameChain(lane.chainId) && lane.address === to))
    return 'own_wallet';
  return null;
}
