-- queue/no-break-open
-- No break between books and chain is open; one that is waits for two persons.
-- asks: main
SELECT 'break ' || break_id AS subject, concat_ws(' ', kind, 'of', coalesce(owner_kind || ' ' || owner_id, 'lane ' || lane_id), 'since', opened_at) AS found,
  'resolved' AS expected
FROM reconciliation_break WHERE resolved_at IS NULL
