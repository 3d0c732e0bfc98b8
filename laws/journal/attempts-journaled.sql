-- journal/attempts-journaled
-- Every attempt was signed by the journal: same request, same hash, same bytes.
-- asks: attempts
SELECT 'attempt ' || f.request AS subject,
  CASE WHEN j.height IS NULL THEN 'no journal entry' WHEN j.signed IS NULL THEN 'an entry that was not signed'
    WHEN j.tx_hash <> f.hash THEN 'an entry of 0x' || encode(j.tx_hash, 'hex') ELSE 'an entry of other bytes' END AS found,
  'the entry of 0x' || encode(f.hash, 'hex') AS expected
FROM jsonb_to_recordset($1::jsonb -> 'attempts') AS f(request uuid, hash bytea, md5 text)
LEFT JOIN journal j ON j.signature_request_id = f.request
WHERE j.tx_hash IS DISTINCT FROM f.hash OR md5(j.signed) IS DISTINCT FROM f.md5
