import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export const PAIR = generateKeyPairSync('ed25519');

type Wanted = {
  method?: string;
  path?: string;
  body?: string;
  headers?: Record<string, string>;
  /** Names that are covered; by default all that must be. */
  cover?: string[];
  /** What stands behind the list; by default all that must be. */
  parameters?: string;
  keyId?: string;
  nonce?: string;
  created?: number;
  privateKey?: KeyObject;
};

/** The headers of a signed request to http://localhost:80, with what a test wants wrong about it. */
export function signed(wanted: Wanted): Record<string, string> {
  const { method = 'GET', path = '/', body, keyId = 'k', nonce = 'nonce-1' } = wanted;
  const headers: Record<string, string> = { ...wanted.headers };
  if (body !== undefined && headers['content-digest'] === undefined) {
    const digest = createHash('sha256').update(body).digest('base64');
    headers['content-digest'] = `sha-256=:${digest}:`;
  }
  const [pathname, query] = path.split('?');
  const values: Record<string, string | undefined> = {
    ...headers,
    '@method': method,
    '@target-uri': `http://localhost:80${path}`,
    '@authority': 'localhost:80',
    '@path': pathname,
    '@query': `?${query ?? ''}`,
  };
  const must = ['content-digest', 'idempotency-key'].filter((name) => headers[name] !== undefined);
  const cover = wanted.cover ?? ['@method', '@target-uri', ...must];
  const created = wanted.created ?? Math.floor(Date.now() / 1000);
  const parameters =
    wanted.parameters ?? `;created=${created};nonce="${nonce}";keyid="${keyId}";alg="ed25519"`;
  const list = `(${cover.map((name) => `"${name}"`).join(' ')})${parameters}`;
  const lines = cover.map((name) => `"${name}": ${values[name] ?? ''}`);
  const base = [...lines, `"@signature-params": ${list}`].join('\n');
  const bytes = sign(null, Buffer.from(base), wanted.privateKey ?? PAIR.privateKey);
  headers['signature-input'] = `sig=${list}`;
  headers['signature'] = `sig=:${bytes.toString('base64')}:`;
  return headers;
}
