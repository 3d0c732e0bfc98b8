import type { Sql } from '../db/index.ts';

export type Job = {
  subjectId: string;
  tenantId: string;
  gen: number;
  /** This try included. */
  attempts: number;
  trace: string | null;
};

/** Jobs of one topic under one lease. */
export type Claim = {
  topic: string;
  token: string;
  jobs: Job[];
  /** Where the next claim goes on (its `after`); null: this one looked through to the end. */
  next: string | null;
};

export type JobRequest = {
  topic: string;
  subjectId: string;
  tenantId: string;
  delayMs?: number;
  /** Correlation id, or a W3C traceparent. */
  trace?: string;
};

export type Postponement = {
  subjectId: string;
  delayMs: number;
  error: string;
  keepAttempts?: boolean;
};

/**
 * How jobs come to runners. The table is the truth in every transport; one that carries announcements
 * elsewhere still completes here, in the transaction that records the effect.
 */
export type Transport = {
  enqueue(sql: Sql, requests: readonly JobRequest[]): Promise<void>;
  claim(
    sql: Sql,
    topic: string,
    options: { limit: number; leaseMs: number; after?: string },
  ): Promise<Claim>;
  /** Which of these topics have jobs, due or not, claimed or not. */
  waiting(sql: Sql, topics: readonly string[]): Promise<string[]>;
  renew(sql: Sql, claimed: Claim, leaseMs: number): Promise<void>;
  complete(sql: Sql, claimed: Claim, subjectIds?: readonly string[]): Promise<Set<string>>;
  postpone(sql: Sql, claimed: Claim, items: readonly Postponement[]): Promise<void>;
  bury(
    sql: Sql,
    claimed: Claim,
    items: readonly { subjectId: string; reason: string }[],
  ): Promise<void>;
};
