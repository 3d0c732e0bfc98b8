import { type Fields, parseForm, type Refusal } from '../../../base/kernel/index.ts';
import { type KeyOrder, MOST_OVERLAP_MS } from '../../../books/access/index.ts';
import { EMPTY_BODY, isObject, textsOf } from './request.ts';

export const DAY_SECONDS = 24 * 3600;
export const MOST_OVERLAP_SECONDS = MOST_OVERLAP_MS / 1000;

const ORDER = new Set([
  'name',
  'scopes',
  'expiresAt',
  'allowedNetworks',
  'publicKey',
  'requireSignature',
  'rateLimit',
]);

/** Types only; what the values may be is judged where keys are made. */
export function readOrder(body: unknown): Omit<KeyOrder, 'tenantId'> | Refusal {
  if (body === undefined) return EMPTY_BODY;
  return parseForm(body, ORDER, (fields) => {
    const name = fields.label('name');
    const scopes = textsOf(fields, 'scopes', 'a list of scopes');
    const expiresAt = fields.text(
      'expiresAt',
      { code: 'invalid_request', expected: 'an RFC 3339 time to come', optional: true },
      (text) => (text.length <= 64 ? text : undefined),
    );
    const allowedNetworks = texts(fields, 'allowedNetworks');
    const publicKey = fields.text(
      'publicKey',
      { code: 'invalid_request', expected: 'a public Ed25519 key in PEM', optional: true },
      (text) => (text.length <= 1024 ? text : undefined),
    );
    const requireSignature = fields.raw('requireSignature') ?? undefined;
    if (requireSignature !== undefined && typeof requireSignature !== 'boolean') {
      fields.fault('requireSignature', 'invalid_request', requireSignature, 'true or false');
      return null;
    }
    const rateLimit = readRate(fields);
    if (name === null || scopes === null) return null;
    return {
      name,
      scopes,
      ...(expiresAt !== null && { expiresAt }),
      ...(allowedNetworks !== undefined && { allowedNetworks }),
      ...(publicKey !== null && { publicKey }),
      ...(requireSignature !== undefined && { requireSignature }),
      ...(rateLimit !== undefined && { rateLimit }),
    };
  });
}

/** In seconds. */
export function readOverlap(body: unknown): number | Refusal {
  if (body === undefined) return DAY_SECONDS;
  const form = parseForm(body, new Set(['overlapSeconds']), (fields) => {
    const given = fields.raw('overlapSeconds') ?? DAY_SECONDS;
    if (Number.isInteger(given) && Number(given) >= 0 && Number(given) <= MOST_OVERLAP_SECONDS) {
      return { seconds: Number(given) };
    }
    const expected = `a whole number from 0 to ${MOST_OVERLAP_SECONDS}`;
    fields.fault('overlapSeconds', 'invalid_request', given, expected);
    return null;
  });
  return 'seconds' in form ? form.seconds : form;
}

/** Undefined where there is none, or a fault was named. */
function texts(fields: Fields, name: string): string[] | undefined {
  const given = fields.raw(name) ?? undefined;
  return given === undefined ? undefined : (textsOf(fields, name, 'a list of texts') ?? undefined);
}

function readRate(fields: Fields): KeyOrder['rateLimit'] {
  const given = fields.raw('rateLimit') ?? undefined;
  if (given === undefined) return undefined;
  const { requestsPerSecond, burst, ...rest } = isObject(given) ? given : {};
  if (
    typeof requestsPerSecond === 'number' &&
    typeof burst === 'number' &&
    Object.keys(rest).length === 0
  ) {
    return { requestsPerSecond, burst };
  }
  fields.fault('rateLimit', 'invalid_request', given, '{ requestsPerSecond, burst }, two numbers');
  return undefined;
}
