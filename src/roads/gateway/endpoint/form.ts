import type { AssetSettings, Assets } from '../../../base/config/index.ts';
import type { AuthorizationMethod } from '../../../base/effect/index.ts';
import {
  type Address,
  type Fields,
  METHODS,
  PATH_PATTERN,
  PLAIN_URL,
  parseAddress,
  parseAmount,
  parseForm,
  parsePathPattern,
  parsePlainUrl,
  type Refusal,
} from '../../../base/kernel/index.ts';
import { readAsset } from '../../../books/ledger/index.ts';
import {
  type NewEndpoint,
  ON_FAILURE,
  ON_FAILURE_UPTO,
  type Usage,
  WITHOUT_USAGE,
} from './rows.ts';

const FIELDS = new Set([
  ...['merchant', 'method', 'path', 'asset', 'price', 'payTo', 'upstream', 'onFailure'],
  ...['assetTransferMethod', 'timeoutMs', 'maxResponseBytes', 'description', 'scheme'],
  ...['usageHeader', 'unitPrice', 'unitSize', 'withoutUsage'],
]);
const SCHEMES = ['exact', 'upto'] as const;
const TRANSFER_METHODS = ['eip3009', 'permit2'] as const satisfies AuthorizationMethod[];
/** What tells the charge of `upto`, in units of the token. */
const USAGE_HEADER = 'payonce-charge';
const MOST_UNITS = 1_000_000_000;

export type EndpointForm = Omit<NewEndpoint, 'tenantId' | 'merchantId' | 'asset'> & {
  merchant: string;
  asset: AssetSettings;
};

/** Reads a price: all faults of form at once. Whether the merchant may have it is judged after. */
export function parseEndpoint(body: unknown, assets: Assets): EndpointForm | Refusal {
  return parseForm(body, FIELDS, (fields): EndpointForm | null => {
    const asset = readAsset(assets, fields);
    const upto = readOneOf(fields, 'scheme', SCHEMES, 'exact') === 'upto';
    const read = {
      merchant: fields.label('merchant'),
      method: readOneOf(fields, 'method', METHODS),
      path: readPath(fields),
      price: readPrice(fields, 'price', asset),
      payTo: readPayTo(fields),
      upstream: readUpstream(fields),
      transferMethod: readMethod(fields, asset, upto),
      onFailure: upto
        ? readOneOf(fields, 'onFailure', ON_FAILURE_UPTO, 'release')
        : readOneOf(fields, 'onFailure', ON_FAILURE, 'refund'),
      timeoutMs: readInteger(fields, 'timeoutMs', { from: 100, to: 120_000, usual: 30_000 }),
      maxResponseBytes: readInteger(fields, 'maxResponseBytes', {
        from: 0,
        to: 16_777_216,
        usual: 1_048_576,
      }),
    };
    const description = fields.label('description', true);
    const usage = upto ? readUsage(fields, asset) : refuseUsage(fields);
    if (asset === null || Object.values(read).some((value) => value === null)) return null;
    const whole = read as Omit<EndpointForm, 'asset' | 'description' | 'usage'>;
    return { ...whole, usage, asset, description };
  });
}

function readMethod(
  fields: Fields,
  asset: AssetSettings | null,
  upto: boolean,
): AuthorizationMethod | null {
  if (!upto) return readOneOf(fields, 'assetTransferMethod', TRANSFER_METHODS, usualOf(asset));
  return readOneOf(fields, 'assetTransferMethod', ['permit2'], 'permit2') && 'upto';
}

/** Without any of it an answer tells its charge itself. */
function readUsage(fields: Fields, asset: AssetSettings | null): Usage | null {
  const header = readHeader(fields);
  const given = fields.raw('unitPrice') !== undefined;
  const unitPrice = given ? readPrice(fields, 'unitPrice', asset) : 1n;
  const unitSize = readInteger(fields, 'unitSize', { from: 1, to: MOST_UNITS, usual: 1 });
  const without = readOneOf(fields, 'withoutUsage', WITHOUT_USAGE, 'nothing');
  if (header === null || unitPrice === null || unitSize === null || without === null) return null;
  return { header, unitPrice, unitSize: BigInt(unitSize), without };
}

function refuseUsage(fields: Fields): null {
  for (const name of ['usageHeader', 'unitPrice', 'unitSize', 'withoutUsage']) {
    const given = fields.raw(name);
    if (given !== undefined) fields.fault(name, 'invalid_request', given, 'only with scheme upto');
  }
  return null;
}

function readHeader(fields: Fields): string | null {
  if (fields.raw('usageHeader') === undefined) return USAGE_HEADER;
  const expected = 'the name of a header, of 1 to 64 letters, digits and -';
  return fields.text('usageHeader', { code: 'invalid_request', expected }, (text) =>
    /^[A-Za-z0-9-]{1,64}$/.test(text) ? text.toLowerCase() : undefined,
  );
}

/** Every token can be paid by Permit2, which its payers allow first; those with EIP-3009 without that. */
function usualOf(asset: AssetSettings | null): AuthorizationMethod {
  return asset?.eip712 === undefined ? 'permit2' : 'eip3009';
}

/** Why a price that waits is stopped. */
export function parseVeto(body: unknown): { reason: string } | Refusal {
  return parseForm(body, new Set(['reason']), (fields) => {
    const expected = '1 to 255 characters that say why';
    const reason = fields.label('reason');
    if (reason !== null && reason.trim() === '') {
      fields.fault('reason', 'invalid_request', reason, expected);
      return null;
    }
    return reason === null ? null : { reason };
  });
}

function readOneOf<Word extends string>(
  fields: Fields,
  name: string,
  words: readonly Word[],
  usual?: Word,
): Word | null {
  if (usual !== undefined && fields.raw(name) === undefined) return usual;
  const rule = { code: 'invalid_request', expected: `one of ${words.join(', ')}` } as const;
  return fields.text(name, rule, (text) => words.find((word) => word === text));
}

function readPath(fields: Fields): string | null {
  const rule = { code: 'invalid_request', expected: PATH_PATTERN } as const;
  return fields.text('path', rule, parsePathPattern);
}

function readPrice(fields: Fields, name: string, asset: AssetSettings | null): bigint | null {
  const decimals = asset?.decimals ?? 77;
  const most = asset === null ? '' : ` with at most ${decimals} decimals`;
  const expected = `a positive decimal string${most}, like "0.01"`;
  return fields.text(name, { code: 'invalid_amount', expected }, (text) => {
    const parsed = parseAmount(text, decimals);
    return typeof parsed === 'bigint' && parsed > 0n ? parsed : undefined;
  });
}

function readPayTo(fields: Fields): Address | null {
  const expected = '0x and 40 hex digits; mixed case must carry the EIP-55 checksum';
  return fields.text('payTo', { code: 'invalid_address', expected }, (text) => {
    const parsed = parseAddress(text);
    return parsed === 'syntax' || parsed === 'checksum' ? undefined : parsed;
  });
}

/** Where it may be is judged when it is asked. */
function readUpstream(fields: Fields): string | null {
  const rule = { code: 'invalid_request', expected: PLAIN_URL } as const;
  return fields.text('upstream', rule, parsePlainUrl);
}

function readInteger(
  fields: Fields,
  name: string,
  { from, to, usual }: { from: number; to: number; usual: number },
): number | null {
  const given = fields.raw(name);
  if (given === undefined) return usual;
  const fits = Number.isInteger(given) && Number(given) >= from && Number(given) <= to;
  if (fits) return given as number;
  fields.fault(name, 'invalid_request', given, `a whole number from ${from} to ${to}`);
  return null;
}
