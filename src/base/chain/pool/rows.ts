import type { Sql } from '../../db/index.ts';
import type { EndpointView } from './endpoint.ts';
import type { EndpointState } from './health.ts';

/** Puts these in the place of what is known of the chain's endpoints, unless another process walks the chain. */
export async function endpointReplaceMany(
  sql: Sql,
  chainId: number,
  owner: string,
  views: readonly EndpointView[],
): Promise<void> {
  await sql.query({
    name: 'endpoint_replace',
    text: `
      WITH ours AS (
        SELECT WHERE NOT EXISTS (SELECT FROM chain_head
          WHERE chain_id = $1 AND lease_owner <> $2 AND lease_until > clock_timestamp())
      ), gone AS (
        DELETE FROM rpc_endpoint USING ours WHERE chain_id = $1 AND name <> ALL ($3::text[])
      )
      INSERT INTO rpc_endpoint (chain_id, name, state, since, head, lag, latency_ms, error_rate, last_failure,
        wrong_chain_id)
      SELECT $1, u.* FROM ours, unnest($3::text[], $4::text[], $5::timestamptz[], $6::bigint[], $7::bigint[],
        $8::int[], $9::real[], $10::text[], $11::bigint[]) AS u
      ON CONFLICT (chain_id, name) DO UPDATE SET state = excluded.state, since = excluded.since,
        head = excluded.head, lag = excluded.lag, latency_ms = excluded.latency_ms,
        error_rate = excluded.error_rate, last_failure = excluded.last_failure,
        wrong_chain_id = excluded.wrong_chain_id, reported_at = clock_timestamp()`,
    values: [
      chainId,
      owner,
      views.map(({ name }) => name),
      views.map(({ state }) => state),
      views.map(({ since }) => since),
      views.map(({ head }) => head),
      views.map(({ lag }) => lag),
      views.map(({ latencyMs }) => latencyMs),
      views.map(({ errorRate }) => errorRate),
      views.map(({ lastFailure }) => lastFailure),
      views.map(({ wrongChainId }) => wrongChainId),
    ],
  });
}

export type EndpointRow = Omit<EndpointView, 'state' | 'host' | 'roles' | 'lastFailure'> & {
  chainId: number;
  /** Null: nobody has told of it lately. */
  state: EndpointState | null;
  lastFailure: string | null;
  reportedAt: Date;
};

/** Told every minute, so that what is older is of a worker that is gone. */
const FRESH = '150 seconds';

export async function readEndpoints(sql: Sql): Promise<EndpointRow[]> {
  const { rows } = await sql.query<Record<'chainId' | 'head' | 'lag' | 'wrongChainId', bigint>>({
    name: 'endpoint_read',
    text: `
      SELECT chain_id AS "chainId", name, since, head, lag, latency_ms AS "latencyMs", error_rate AS "errorRate",
        last_failure AS "lastFailure", wrong_chain_id AS "wrongChainId", reported_at AS "reportedAt",
        CASE WHEN reported_at > clock_timestamp() - interval '${FRESH}' THEN state END AS state
      FROM rpc_endpoint`,
  });
  const number = (value: bigint | null) => (value === null ? null : Number(value));
  return rows.map((row) => ({
    ...(row as unknown as EndpointRow),
    chainId: Number(row.chainId),
    head: number(row.head),
    lag: number(row.lag),
    wrongChainId: number(row.wrongChainId),
  }));
}
