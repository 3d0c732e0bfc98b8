-- journal/limits-agree
-- What the signer counts against its limits, minute by minute, is what its journal's entries count for.
-- asks: signer
WITH counted AS (
  SELECT wallet_group, asset, minute, sum(amount) AS amount FROM spend GROUP BY 1, 2, 3
), running AS (
  SELECT wallet_group, asset, minute, amount, before,
    coalesce(sum(amount) OVER (PARTITION BY wallet_group, asset ORDER BY minute ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS total
  FROM spend_minute
)
SELECT concat_ws(' ', coalesce(m.asset, c.asset), 'of', coalesce(m.wallet_group, c.wallet_group), 'at', coalesce(m.minute, c.minute)) AS subject,
  concat_ws(' ', coalesce(m.amount, 0), 'after', m.before) AS found, concat_ws(' ', coalesce(c.amount, 0), 'after', m.total) AS expected
FROM running m FULL JOIN counted c USING (wallet_group, asset, minute)
WHERE m.amount IS DISTINCT FROM c.amount OR m.before <> m.total
