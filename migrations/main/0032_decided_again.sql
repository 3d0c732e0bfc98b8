-- min_code_version: 1
-- A transaction without a slot may be decided about anew: what it consumed before stays consumed, and each decision is
-- still used once, by one transaction. `tx.decision_id` is the one that rules.
ALTER TABLE decision_consumed DROP CONSTRAINT decision_consumed_tx_id_key;

-- The one way to change it, as the app may not: from the decision that was seen to one that allows the same owner, and
-- only before there is a slot. Returns the transactions that it changed.
CREATE FUNCTION payonce_decide_again(txs uuid[], was uuid[], decisions uuid[]) RETURNS SETOF uuid
  LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH wanted AS MATERIALIZED (
    SELECT t.tx_id, d.decision_id, d.commit_at
    FROM unnest(txs, was, decisions) AS u(tx_id, was, decision_id)
    JOIN tx t ON t.tx_id = u.tx_id AND t.tx_id = ANY(txs)
    JOIN decision d ON d.decision_id = u.decision_id AND d.verdict = 'allow' AND d.subject_id = t.owner_id
      AND d.tenant_id = t.tenant_id
    WHERE t.status = 'CREATED' AND t.decision_id = u.was ORDER BY t.tx_id FOR UPDATE OF t
  ), consumed AS (
    INSERT INTO decision_consumed (decision_id, tx_id) SELECT decision_id, tx_id FROM wanted
  )
  UPDATE tx t SET decision_id = w.decision_id, settle_at = w.commit_at, updated_at = now()
  FROM wanted w WHERE t.tx_id = w.tx_id AND t.tx_id = ANY(txs) RETURNING t.tx_id
$$;
REVOKE ALL ON FUNCTION payonce_decide_again(uuid[], uuid[], uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION payonce_decide_again(uuid[], uuid[], uuid[]) TO payonce_app;
