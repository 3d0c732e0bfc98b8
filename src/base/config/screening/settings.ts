/** Who is asked about destinations; at least one of list and provider. */
export type ScreeningSettings = {
  /** A file of addresses. */
  listFile: string | null;
  provider: ScreeningProviderSettings | null;
  /** A verdict that is older is asked for again, before a decision and before a nonce. */
  maxAgeMs: number;
};

export type ScreeningProviderSettings = {
  /** What it is asked and how it answers. */
  shape: 'payonce' | 'chainalysis-sanctions';
  url: string;
  /** `value` is a secret. */
  header: { name: string; value: string } | null;
  timeoutMs: number;
  maxConcurrent: number;
};
