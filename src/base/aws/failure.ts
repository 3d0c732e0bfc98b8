const THROTTLED = new Set([
  'ThrottlingException',
  'ThrottledException',
  'TooManyRequestsException',
  'RequestLimitExceeded',
  'LimitExceededException',
  'SlowDown',
]);
const MAY_PASS = new Set([
  'DependencyTimeoutException',
  'KMSInternalException',
  'KeyUnavailableException',
  'InternalServiceError',
  'RequestTimeout',
  'RequestTimeoutException',
  // A clock that is being set right.
  'RequestTimeTooSkewed',
  'ExpiredTokenException',
  // S3: two puts of one key at once.
  'ConditionalRequestConflict',
]);

/** What an error of an SDK client means. Without an answer of the service it may pass. */
export function awsFailure(error: unknown): {
  kind: 'throttled' | 'passing' | 'refused';
  told: string;
} {
  const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  const told = `${name}: ${message}`;
  if (THROTTLED.has(name) || status === 429) return { kind: 'throttled', told };
  // The client found no credentials, and so asked nobody.
  if (name === 'CredentialsProviderError') return { kind: 'refused', told };
  if (MAY_PASS.has(name) || status === undefined || status >= 500) return { kind: 'passing', told };
  // An answer that is none: a proxy's page, a body that is cut off.
  return { kind: status >= 400 ? 'refused' : 'passing', told };
}
