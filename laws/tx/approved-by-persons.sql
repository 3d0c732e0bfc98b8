-- tx/approved-by-persons
-- What persons were asked about is paid as they were asked, after they approved it, and has used up their approvals.
-- asks: main
WITH given AS (
  SELECT a.request_id, t.tx_id, count(*) AS approvals, count(c.approval_id) AS used
  FROM approval a JOIN approval_request r USING (request_id) JOIN tx t ON t.decision_id = r.decision_id
  LEFT JOIN approval_consumed c ON c.approval_id = a.approval_id AND c.tx_id = t.tx_id
  GROUP BY 1, 2
)
SELECT 'tx ' || t.tx_id AS subject,
  concat_ws(' ', lower(r.status), t.amount, 'of', t.asset, 'to 0x' || encode(t.recipient, 'hex'), 'with', coalesce(g.used, 0), 'of',
    coalesce(g.approvals, 0), 'approvals') AS found,
  concat_ws(' ', 'approved', r.amount, 'of', r.asset, 'to 0x' || encode(r.recipient, 'hex'), 'with all approvals') AS expected
FROM approval_request r JOIN tx t ON t.decision_id = r.decision_id
LEFT JOIN given g ON g.request_id = r.request_id AND g.tx_id = t.tx_id
WHERE t.tx_id >= ($1::jsonb ->> 'since')::uuid AND (r.status <> 'APPROVED' OR g.used IS DISTINCT FROM g.approvals OR g.approvals IS NULL
  OR (r.chain_id, r.asset, r.recipient, r.amount, r.intent_id) <> (t.chain_id, t.asset, t.recipient, t.amount, t.intent_id))
