/** Of one connection, never of a message that is passed on. */
const HOP_BY_HOP = [
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection'],
  ...['te', 'trailer', 'transfer-encoding', 'upgrade'],
];

/** What is between the client and us, or said by us alone. */
const NOT_FORWARDED = new Set([
  ...HOP_BY_HOP,
  ...['host', 'content-length', 'expect', 'accept-encoding', 'cookie', 'authorization'],
  ...['payment-signature', 'payment-required', 'payment-response', 'x-payment'],
  ...['forwarded', 'via', 'x-real-ip', 'idempotency-key', 'correlation-id'],
  // Another path or method than the one that is paid for, at servers that heed them.
  ...['x-original-url', 'x-rewrite-url', 'x-http-method-override', 'x-http-method'],
  'x-method-override',
]);

/**
 * What an upstream must not say in our name: our origin has a console with sessions, so no cookies, policies or powers for
 * it, and no word about payments.
 */
const NOT_RETURNED = new Set([
  ...HOP_BY_HOP,
  ...['content-length', 'set-cookie', 'set-cookie2', 'clear-site-data', 'www-authenticate'],
  ...['strict-transport-security', 'public-key-pins', 'service-worker-allowed', 'alt-svc'],
  ...['content-security-policy', 'content-security-policy-report-only', 'x-content-type-options'],
  ...['payment-required', 'payment-response', 'x-payment-response', 'cache-control', 'server'],
  ...['refresh', 'link', 'sourcemap', 'x-powered-by'],
  ...['nel', 'report-to', 'reporting-endpoints', 'accept-ch', 'critical-ch'],
]);

type Given = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * What of a client's headers goes on to the upstream, and what we say beside it. None with an underscore: servers that know
 * headers as variables read `Payonce_Payer` as our own `Payonce-Payer`.
 */
export function forwardedHeaders(
  given: Given,
  own: Record<string, string>,
): Record<string, string> {
  const named = Object.entries(given).filter(([name]) => !name.includes('_'));
  return {
    ...kept(Object.fromEntries(named), NOT_FORWARDED, ['x-forwarded-', 'payonce-']),
    ...own,
  };
}

/** What of an upstream's headers goes back. */
export function returnedHeaders(given: Given): Record<string, string> {
  return kept(given, NOT_RETURNED, ['access-control-', 'payonce-', 'idempotent-']);
}

function kept(
  given: Given,
  dropped: ReadonlySet<string>,
  prefixes: readonly string[],
): Record<string, string> {
  const named = listed(given['connection']);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    const lower = name.toLowerCase();
    if (value === undefined || dropped.has(lower) || named.has(lower)) continue;
    if (prefixes.some((prefix) => lower.startsWith(prefix))) continue;
    headers[lower] = typeof value === 'string' ? value : value.join(', ');
  }
  return headers;
}

/** Further headers of this connection alone, by its own word. */
function listed(connection: string | readonly string[] | undefined): Set<string> {
  const text = typeof connection === 'string' ? connection : (connection ?? []).join(',');
  return new Set(text.split(',').map((name) => name.trim().toLowerCase()));
}
