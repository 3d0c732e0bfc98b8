/** What every log line may carry; one id finds the whole story (DESIGN: the same ids everywhere). */
type LogContext = {
  tenantId?: string;
  withdrawalId?: string;
  txId?: string;
  attemptId?: string;
  idempotencyKey?: string;
  nonceKey?: string;
  txHash?: string;
  correlationId?: string;
};

export type LogFields = LogContext & Record<string, unknown>;

/** The part of a pino logger that rooms use. */
export type Log = {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
};

export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};
