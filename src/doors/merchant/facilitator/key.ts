import { createHash } from 'node:crypto';

/** What of a payment its key is made of; the packages' own payload fits. */
export type Payload = {
  payload?: Readonly<Record<string, unknown>>;
  extensions?: Readonly<Record<string, unknown>>;
};

type Fields = Readonly<Record<string, unknown>>;

/**
 * The Idempotency-Key of a payment: its payer's payment-identifier; else the caller's own key, which counts for its payer
 * alone; else what was signed, without the signature. The first two are the same when a payer signs anew.
 */
export function keyOf({ payload = {}, extensions }: Payload, callers: string | undefined): string {
  const id = fieldsOf(fieldsOf(extensions?.['payment-identifier'])?.['info'])?.['id'];
  if (typeof id === 'string' && /^[\x21-\x7e]{1,255}$/.test(id)) return id;
  const { signature: _, ...signed } = payload;
  const authorization = fieldsOf(signed['authorization'] ?? signed['permit2Authorization']);
  const payer = authorization?.['from'];
  return callers !== undefined && typeof payer === 'string'
    ? hash(['caller', payer.toLowerCase(), callers])
    : hash(['signed', sorted(signed)]);
}

const hash = (parts: unknown): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex');

/** The same for members in another order. */
function sorted(value: unknown): unknown {
  const fields = fieldsOf(value);
  if (fields === undefined) return value;
  const names = Object.keys(fields).sort();
  return names.map((name) => [name, sorted(fields[name])]);
}

function fieldsOf(value: unknown): Fields | undefined {
  const isFields = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isFields ? (value as Fields) : undefined;
}
