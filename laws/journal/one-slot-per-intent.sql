-- journal/one-slot-per-intent
-- The journal binds an intent to one slot and a slot to one intent, and signs for bound intents only.
-- asks: signer
SELECT 'intent 0x' || encode(intent_id, 'hex') AS subject, count(*) || ' slots' AS found, 'one slot' AS expected
FROM slot_binding GROUP BY intent_id HAVING count(*) > 1
UNION ALL
SELECT 'slot ' || concat_ws(':', chain_id, '0x' || encode(from_address, 'hex'), nonce), count(*) || ' intents', 'one intent'
FROM slot_binding GROUP BY chain_id, from_address, nonce HAVING count(*) > 1
UNION ALL
SELECT 'journal entry ' || j.height, 'intent 0x' || encode(j.intent_id, 'hex') || ' is not bound', 'a slot'
FROM journal j LEFT JOIN slot_binding b USING (intent_id) WHERE b.intent_id IS NULL
