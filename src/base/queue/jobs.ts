import type { Sql } from '../db/index.ts';
import type { Claim, Job, JobRequest, Transport } from './transport.ts';

/**
 * The job table. A second event for a subject whose job is leased raises `gen`; completing then only
 * takes the token away, so the event is not lost. Notifications wake runners; polling stands behind.
 */
export async function enqueue(sql: Sql, requests: readonly JobRequest[]): Promise<void> {
  if (requests.length === 0) return;
  await sql.query({
    name: 'job_enqueue',
    text: `
      WITH put AS (
        INSERT INTO job (topic, subject_id, tenant_id, run_at, trace)
        SELECT DISTINCT ON (topic, subject_id) topic, subject_id, tenant_id,
          now() + delay_ms * interval '1 millisecond', trace
        FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::float8[], $5::text[])
          AS r(topic, subject_id, tenant_id, delay_ms, trace)
        ORDER BY topic, subject_id
        ON CONFLICT (topic, subject_id) DO UPDATE
          SET gen = job.gen + 1, run_at = least(job.run_at, excluded.run_at)
        RETURNING topic
      )
      SELECT pg_notify('payonce_job', topic) FROM (SELECT DISTINCT topic FROM put) t`,
    values: [
      requests.map((request) => request.topic),
      requests.map((request) => request.subjectId),
      requests.map((request) => request.tenantId),
      requests.map((request) => request.delayMs ?? 0),
      requests.map((request) => request.trace ?? null),
    ],
  });
}

/**
 * Claims due jobs of one topic. Every tenant that has some gets an equal share of the batch first
 * (tenants are found by skipping through the index, at most 64 a claim, starting behind the last one
 * served); a share left over goes to the next claim. SKIP LOCKED keeps two claimers apart.
 */
export async function claim(
  sql: Sql,
  topic: string,
  options: { limit: number; leaseMs: number; after?: string },
): Promise<Claim> {
  const { rows } = await sql.query<{
    token: string;
    subject_id: string;
    tenant_id: string;
    gen: number;
    attempts: number;
    trace: string | null;
  }>({
    name: 'job_claim',
    text: `
      WITH RECURSIVE tenants AS (
        (SELECT tenant_id, 1 AS n FROM job WHERE topic = $1 AND tenant_id > $4 ORDER BY tenant_id LIMIT 1)
        UNION ALL
        SELECT (SELECT j.tenant_id FROM job j WHERE j.topic = $1 AND j.tenant_id > t.tenant_id
          ORDER BY j.tenant_id LIMIT 1), n + 1
        FROM tenants t WHERE t.tenant_id IS NOT NULL AND n < 64
      ), found AS (
        SELECT tenant_id, greatest(1, $2 / (SELECT count(*) FROM tenants WHERE tenant_id IS NOT NULL))::int AS share
        FROM tenants WHERE tenant_id IS NOT NULL
      ), due AS (
        SELECT d.* FROM found f, LATERAL (
          SELECT j.subject_id FROM job j
          WHERE j.topic = $1 AND j.tenant_id = f.tenant_id AND j.run_at <= now()
            AND (j.lease_until IS NULL OR j.lease_until < now())
          ORDER BY j.run_at LIMIT f.share FOR UPDATE SKIP LOCKED
        ) d
      ), token AS MATERIALIZED (SELECT gen_random_uuid() AS token)
      UPDATE job SET lease_token = token.token, lease_until = now() + $3 * interval '1 millisecond',
        attempts = job.attempts + 1
      FROM due, token WHERE job.topic = $1 AND job.subject_id = due.subject_id
      RETURNING token.token, job.subject_id, job.tenant_id, job.gen, job.attempts, job.trace`,
    values: [topic, options.limit, options.leaseMs, options.after ?? NIL],
  });
  const jobs: Job[] = rows.map((row) => ({
    subjectId: row.subject_id,
    tenantId: row.tenant_id,
    gen: row.gen,
    attempts: row.attempts,
    trace: row.trace,
  }));
  return { topic, token: rows[0]?.token ?? NIL, jobs };
}

const NIL = '00000000-0000-0000-0000-000000000000';

/**
 * The first statement of every act: deletes the jobs that are still ours and unchanged and returns
 * their subjects. Every other write of the act joins to what this returned. A job whose gen moved
 * during the lease only loses its token and runs again.
 */
export async function complete(
  sql: Sql,
  claimed: Claim,
  subjectIds?: readonly string[],
): Promise<Set<string>> {
  const chosen = subjectIds === undefined ? null : new Set(subjectIds);
  const jobs =
    chosen === null ? claimed.jobs : claimed.jobs.filter((job) => chosen.has(job.subjectId));
  if (jobs.length === 0) return new Set();
  const { rows } = await sql.query<{ subject_id: string }>({
    name: 'job_complete',
    text: `
      WITH ours AS (
        SELECT * FROM unnest($3::uuid[], $4::int[]) AS o(subject_id, gen)
      ), done AS (
        DELETE FROM job j USING ours o
        WHERE j.topic = $1 AND j.subject_id = o.subject_id AND j.lease_token = $2 AND j.gen = o.gen
        RETURNING j.subject_id
      ), moved AS (
        UPDATE job j SET lease_token = NULL, lease_until = NULL, attempts = 0 FROM ours o
        WHERE j.topic = $1 AND j.subject_id = o.subject_id AND j.lease_token = $2 AND j.gen <> o.gen
      )
      SELECT subject_id FROM done`,
    values: [
      claimed.topic,
      claimed.token,
      jobs.map((job) => job.subjectId),
      jobs.map((job) => job.gen),
    ],
  });
  return new Set(rows.map((row) => row.subject_id));
}

export type Postponement = {
  subjectId: string;
  delayMs: number;
  error: string;
  keepAttempts?: boolean;
};

/** Gives jobs back for later. keepAttempts: waiting is not failing and does not count. */
export async function postpone(
  sql: Sql,
  claimed: Claim,
  items: readonly Postponement[],
): Promise<void> {
  if (items.length === 0) return;
  const gens = new Map(claimed.jobs.map((job) => [job.subjectId, job.gen]));
  await sql.query({
    name: 'job_postpone',
    text: `
      UPDATE job j SET lease_token = NULL, lease_until = NULL,
        run_at = CASE WHEN j.gen = o.gen THEN now() + o.delay_ms * interval '1 millisecond' ELSE j.run_at END,
        attempts = CASE WHEN o.waits THEN greatest(j.attempts - 1, 0) ELSE j.attempts END,
        last_error = o.error
      FROM unnest($3::uuid[], $4::int[], $5::float8[], $6::text[], $7::bool[])
        AS o(subject_id, gen, delay_ms, error, waits)
      WHERE j.topic = $1 AND j.subject_id = o.subject_id AND j.lease_token = $2`,
    values: [
      claimed.topic,
      claimed.token,
      items.map((item) => item.subjectId),
      items.map((item) => gens.get(item.subjectId) ?? 0),
      items.map((item) => item.delayMs),
      items.map((item) => item.error.slice(0, 500)),
      items.map((item) => item.keepAttempts ?? false),
    ],
  });
}

/** Moves jobs to the dead letters; what they were about keeps its state and its reserve. */
export async function bury(
  sql: Sql,
  claimed: Claim,
  items: readonly { subjectId: string; reason: string }[],
): Promise<void> {
  if (items.length === 0) return;
  await sql.query({
    name: 'job_bury',
    text: `
      WITH dead AS (
        DELETE FROM job j USING unnest($3::uuid[], $4::text[]) AS o(subject_id, reason)
        WHERE j.topic = $1 AND j.subject_id = o.subject_id AND j.lease_token = $2
        RETURNING j.topic, j.subject_id, j.tenant_id, j.attempts, o.reason, j.trace
      )
      INSERT INTO dead_letter (topic, subject_id, tenant_id, attempts, reason, trace)
      SELECT * FROM dead
      ON CONFLICT (topic, subject_id) DO UPDATE SET attempts = excluded.attempts,
        reason = excluded.reason, died_at = now()`,
    values: [
      claimed.topic,
      claimed.token,
      items.map((item) => item.subjectId),
      items.map((item) => item.reason.slice(0, 1_000)),
    ],
  });
}

export const postgresTransport: Transport = { enqueue, claim, complete, postpone, bury };
