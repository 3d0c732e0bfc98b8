import type { Sql } from '../db/index.ts';
import type { Claim, Job, JobRequest, Postponement, Transport } from './transport.ts';

/**
 * The job table. A second event for a subject whose job is leased raises `gen`; completing then only
 * takes the token away, so the event is not lost. Notifications wake runners; polling stands behind.
 */
export async function enqueue(sql: Sql, requests: readonly JobRequest[]): Promise<void> {
  const topics = new Map<string, Map<string, JobRequest>>();
  for (const request of requests) {
    const subjects = topics.get(request.topic) ?? new Map<string, JobRequest>();
    const before = subjects.get(request.subjectId);
    if (before === undefined || (request.delayMs ?? 0) < (before.delayMs ?? 0)) {
      subjects.set(request.subjectId, request);
    }
    topics.set(request.topic, subjects);
  }
  for (const [topic, subjects] of [...topics].sort(([a], [b]) => (a < b ? -1 : 1))) {
    await enqueueTopic(sql, topic, [...subjects.values()]);
  }
}

/** Locks rows in the order of subjects, as everybody does. */
async function enqueueTopic(
  sql: Sql,
  topic: string,
  requests: readonly JobRequest[],
): Promise<void> {
  const delays = requests.map((request) => request.delayMs ?? 0);
  await sql.query({
    name: 'job_enqueue',
    text: `
      WITH put AS (
        INSERT INTO job (topic, subject_id, tenant_id, run_at, trace)
        SELECT $1, subject_id, tenant_id, now() + coalesce(delay_ms, 0) * interval '1 millisecond', trace
        FROM unnest($2::uuid[], $3::uuid[], $4::float8[], $5::text[]) AS r(subject_id, tenant_id, delay_ms, trace)
        ORDER BY subject_id
        ON CONFLICT (topic, subject_id) DO UPDATE
          SET gen = job.gen + 1, run_at = least(job.run_at, excluded.run_at)
      )
      SELECT pg_notify('payonce_job', $1)`,
    values: [
      topic,
      requests.map((request) => request.subjectId),
      requests.map((request) => request.tenantId),
      // None: padded with nulls.
      delays.every((delay) => delay === 0) ? null : delays,
      requests.map((request) => request.trace ?? null),
    ],
  });
}

/**
 * Claims due jobs of one topic. Every tenant that has jobs gets an equal share of the batch first
 * (tenants are found by skipping through the index behind `after`, at most 64 a claim, and no more than
 * the limit); a share left over goes to the next claim. Where more tenants may stand behind those
 * looked at, due or not, `next` says where to go on. SKIP LOCKED keeps two claimers apart.
 */
export async function claim(
  sql: Sql,
  topic: string,
  options: { limit: number; leaseMs: number; after?: string },
): Promise<Claim> {
  const { rows } = await sql.query<{
    next: string | null;
    token: string | null;
    subject_id: string;
    tenant_id: string;
    gen: number;
    attempts: number;
    trace: string | null;
  }>({
    // Workers' sessions plan what has a name anew each time as well: it is spared the parsing.
    name: 'job_claim',
    text: `
      WITH RECURSIVE tenants AS (
        (SELECT tenant_id, 1 AS n FROM job WHERE topic = $1 AND tenant_id > $4 AND ${IN_JOB_DUE}
          ORDER BY tenant_id LIMIT 1)
        UNION ALL
        SELECT (SELECT j.tenant_id FROM job j WHERE j.topic = $1 AND j.tenant_id > t.tenant_id AND ${IN_JOB_DUE}
          ORDER BY j.tenant_id LIMIT 1), n + 1
        FROM tenants t WHERE t.tenant_id IS NOT NULL AND n < least(64, $2::int)
      ), found AS (
        SELECT tenant_id, greatest(1, $2 / (SELECT count(*) FROM tenants WHERE tenant_id IS NOT NULL))::int AS share
        FROM tenants WHERE tenant_id IS NOT NULL
      ), due AS (
        SELECT d.* FROM found f, LATERAL (
          SELECT j.ctid FROM job j
          WHERE j.topic = $1 AND j.tenant_id = f.tenant_id AND j.run_at <= now() AND ${IN_JOB_DUE}
            AND (j.lease_until IS NULL OR j.lease_until < now())
          ORDER BY j.run_at LIMIT f.share FOR UPDATE SKIP LOCKED
        ) d
      ), token AS MATERIALIZED (SELECT gen_random_uuid() AS token
      ), taken AS (
        UPDATE job SET lease_token = token.token, lease_until = now() + $3 * interval '1 millisecond',
          attempts = job.attempts + 1
        FROM token WHERE job.ctid = ANY(ARRAY(SELECT ctid FROM due))
        RETURNING token.token, job.subject_id, job.tenant_id, job.gen, job.attempts, job.trace
      )
      SELECT last.next, taken.*
      FROM (SELECT (SELECT tenant_id FROM tenants WHERE n = least(64, $2::int)) AS next) last
      LEFT JOIN taken ON true`,
    values: [topic, options.limit, options.leaseMs, options.after ?? NIL],
  });
  const taken = rows.filter((row) => row.token !== null);
  // Sorted, as everybody locks them.
  taken.sort((a, b) => (a.subject_id < b.subject_id ? -1 : 1));
  const jobs: Job[] = taken.map((row) => ({
    subjectId: row.subject_id,
    tenantId: row.tenant_id,
    gen: row.gen,
    attempts: row.attempts,
    trace: row.trace,
  }));
  return { topic, token: taken[0]?.token ?? NIL, jobs, next: rows[0]?.next ?? null };
}

/** One step down the index for each topic: it costs the same with a job and with a million. */
async function waiting(sql: Sql, topics: readonly string[]): Promise<string[]> {
  const { rows } = await sql.query<{ topic: string }>({
    name: 'job_waiting',
    text: `SELECT topic FROM unnest($1::text[]) AS t(topic), LATERAL (
        SELECT FROM job WHERE job.topic = t.topic ORDER BY subject_id LIMIT 1
      ) first`,
    values: [topics],
  });
  return rows.map((row) => row.topic);
}

/** Moves the end of a lease to `leaseMs` from now, where it is still ours. */
async function renew(sql: Sql, claimed: Claim, leaseMs: number): Promise<void> {
  await sql.query({
    text: `UPDATE job SET lease_until = now() + $4 * interval '1 millisecond'
      WHERE topic = $1 AND subject_id = ANY($3::uuid[]) AND lease_token = $2`,
    values: [claimed.topic, claimed.token, claimed.jobs.map((job) => job.subjectId), leaseMs],
  });
}

const NIL = '00000000-0000-0000-0000-000000000000';
/** True of every job; who does not say it is kept from the index of what is due (migration 0047). */
const IN_JOB_DUE = `tenant_id > '${NIL}'`;

// The jobs of a claim that are still leased by its token, under lock, and whether their gen moved. One look by
// primary key each: a job table goes from empty to full and back faster than its statistics, and a
// join planned for one row compared 500 with 500 (60 ms a batch; this way 4). For the same reason
// they have no name: they are planned for the table as it is.
const OURS = `ours AS MATERIALIZED (
        SELECT j.*, j.gen <> o.gen AS moved
        FROM unnest($3::uuid[], $4::int[]) AS o(subject_id, gen), LATERAL (
          SELECT ctid AS place, subject_id, gen FROM job
          WHERE topic = $1 AND subject_id = o.subject_id AND lease_token = $2 FOR UPDATE
        ) j
      )`;
// By key: a row that moved while it was waited for has a new place, which this snapshot does not see.
const GIVEN_BACK = `moved AS (
        UPDATE job SET lease_token = NULL, lease_until = NULL, attempts = 0
        WHERE topic = $1 AND subject_id = ANY(ARRAY(SELECT subject_id FROM ours WHERE moved))
      )`;

/**
 * The first statement of every act: deletes the jobs that are still ours and unchanged and returns
 * their subjects. Every other write of the act joins to what this returned. A job whose gen moved
 * during the lease only loses its token and runs again. Locked first, because only the locking part
 * sees a gen that a transaction moved which commits while this one waits for it.
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
    text: `
      WITH ${OURS}, done AS (
        DELETE FROM job WHERE ctid = ANY(ARRAY(SELECT place FROM ours WHERE NOT moved))
        RETURNING subject_id
      ), ${GIVEN_BACK}
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

/** Gives jobs back for later. keepAttempts: waiting is not failing and does not count. */
export async function postpone(
  sql: Sql,
  claimed: Claim,
  items: readonly Postponement[],
): Promise<void> {
  if (items.length === 0) return;
  const gens = gensOf(claimed);
  await sql.query({
    text: `
      WITH ${OURS}
      UPDATE job j SET lease_token = NULL, lease_until = NULL,
        run_at = CASE WHEN o.moved THEN j.run_at ELSE now() + i.delay_ms * interval '1 millisecond' END,
        attempts = CASE WHEN i.waits THEN greatest(j.attempts - 1, 0) ELSE j.attempts END,
        last_error = i.error
      FROM ours o JOIN unnest($3::uuid[], $5::float8[], $6::text[], $7::bool[])
        AS i(subject_id, delay_ms, error, waits) USING (subject_id)
      WHERE j.topic = $1 AND j.subject_id = o.subject_id`,
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

/**
 * Moves jobs to the dead letters; what they were about keeps its state and its reserve. A job whose gen
 * moved during the lease is given back instead: what arrived has not been tried yet.
 */
export async function bury(
  sql: Sql,
  claimed: Claim,
  items: readonly { subjectId: string; reason: string }[],
): Promise<void> {
  if (items.length === 0) return;
  const gens = gensOf(claimed);
  await sql.query({
    text: `
      WITH ${OURS}, ${GIVEN_BACK}, dead AS (
        DELETE FROM job WHERE ctid = ANY(ARRAY(SELECT place FROM ours WHERE NOT moved))
        RETURNING topic, subject_id, tenant_id, attempts, trace
      )
      INSERT INTO dead_letter (topic, subject_id, tenant_id, attempts, reason, trace)
      SELECT topic, subject_id, tenant_id, attempts, reason, trace FROM dead
      JOIN unnest($3::uuid[], $5::text[]) AS r(subject_id, reason) USING (subject_id)
      ON CONFLICT (topic, subject_id) DO UPDATE SET attempts = excluded.attempts,
        reason = excluded.reason, died_at = now()`,
    values: [
      claimed.topic,
      claimed.token,
      items.map((item) => item.subjectId),
      items.map((item) => gens.get(item.subjectId) ?? 0),
      items.map((item) => item.reason.slice(0, 1_000)),
    ],
  });
}

function gensOf(claimed: Claim): Map<string, number> {
  return new Map(claimed.jobs.map((job) => [job.subjectId, job.gen]));
}

export const postgresTransport: Transport = {
  enqueue,
  claim,
  waiting,
  renew,
  complete,
  postpone,
  bury,
};
