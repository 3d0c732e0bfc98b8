-- min_code_version: 1
-- What a chain's endpoints do, as the worker sees it that walks the chain; for whoever holds no connections to
-- them. Nothing is decided by it.
CREATE TABLE rpc_endpoint (
  chain_id bigint NOT NULL,
  -- The configured name or the host, never the URL, which may hold a key.
  name text NOT NULL,
  state text NOT NULL CHECK (state IN ('healthy', 'degraded', 'open', 'wrong_chain')),
  since timestamptz NOT NULL,
  head bigint,
  lag bigint,
  latency_ms int,
  error_rate real NOT NULL,
  last_failure text,
  wrong_chain_id bigint,
  reported_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (chain_id, name)
) WITH (fillfactor = 50);

GRANT SELECT, INSERT, DELETE ON rpc_endpoint TO payonce_app;
GRANT UPDATE (state, since, head, lag, latency_ms, error_rate, last_failure, wrong_chain_id, reported_at)
  ON rpc_endpoint TO payonce_app;
