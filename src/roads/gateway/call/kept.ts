import type { Sql } from '../../../base/db/index.ts';

/** What goes to the upstream, kept until the call has ended, so that any process can send it. */
export type KeptRequest = {
  path: string;
  search: string;
  headers: Record<string, string>;
  body: Buffer;
};

/** What a payment is handed in with, beside its charge; and the name that it has where its payer gives none. */
export type KeptPayment = {
  body: { paymentRequirements: Record<string, unknown>; [more: string]: unknown };
  idempotencyKey?: string;
};

export type KeptAnswer = { status: number; headers: Record<string, string>; body: Buffer };

/** Requests of calls that have not ended, by their calls. */
export async function readRequests(
  sql: Sql,
  ids: readonly string[],
): Promise<Map<string, KeptRequest>> {
  const { rows } = await sql.query<{
    id: string;
    request: Omit<KeptRequest, 'body'>;
    body: Buffer;
  }>({
    name: 'call_requests',
    text: `SELECT call_id AS id, request, request_body AS body FROM gateway_call
      WHERE call_id = ANY($1::uuid[]) AND request IS NOT NULL`,
    values: [ids],
  });
  return new Map(rows.map(({ id, request, body }) => [id, { ...request, body }]));
}

/** Null: the call has ended. */
export async function readPayment(sql: Sql, id: string): Promise<KeptPayment | null> {
  const { rows } = await sql.query<{ payment: KeptPayment | null }>({
    name: 'call_payment',
    text: 'SELECT payment FROM gateway_call WHERE call_id = $1',
    values: [id],
  });
  return rows[0]?.payment ?? null;
}

/** Null: its time is over, and it was dropped. */
export async function readAnswer(sql: Sql, id: string): Promise<KeptAnswer | null> {
  const { rows } = await sql.query<KeptAnswer>({
    name: 'call_answer',
    text: `SELECT answer_status AS status, answer_headers AS headers, answer_body AS body
      FROM gateway_call WHERE call_id = $1 AND answer_body IS NOT NULL`,
    values: [id],
  });
  return rows[0] ?? null;
}

/** Answers that are kept no longer; that their calls were served stays. Returns how many there were. */
export async function dropAnswers(sql: Sql): Promise<number> {
  const { rowCount } = await sql.query(
    `UPDATE gateway_call SET answer_headers = NULL, answer_body = NULL WHERE call_id IN (
       SELECT call_id FROM gateway_call WHERE answer_body IS NOT NULL AND status = 'SERVED' AND kept_until < now()
       ORDER BY kept_until LIMIT 1000)`,
  );
  return rowCount ?? 0;
}
