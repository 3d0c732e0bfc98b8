import { PAYMENT_PLANTS } from './payment-plants.ts';
import { BOOK_PLANTS, balance, HASH, main, OWNER, PAID, type Plant } from './plants.ts';

/** Its attempt with the block that holds it, as `was`. */
const MINED = `WITH was AS (
  SELECT a.attempt_id, a.tx_id, a.tx_hash, a.lane_id, a.nonce, i.block_number FROM attempt a JOIN inclusion i USING (attempt_id)
  WHERE a.tx_id = ${PAID})`;
const TRANSACTION = `'transaction 0x' || encode(was.tx_hash, 'hex')`;
const IN_BLOCK = `${TRANSACTION} || ' in block ' || was.block_number`;
const ENTRY = `(SELECT min(height) FROM journal WHERE kind = 'effect' AND signed IS NOT NULL)`;
const BOUND = `(SELECT intent_id FROM journal WHERE height = ${ENTRY})`;
const THE_ENTRY = `'journal entry ' || ${ENTRY}`;

const signer = (law: string, sql: string): Plant => ({ law, on: 'signer', sql });

const CHAIN = [
  main(
    'chain/same-blocks',
    `UPDATE block SET hash = ${HASH} WHERE height = (SELECT finalized FROM chain_head) RETURNING 'block ' || chain_id || ':' || height AS subject`,
  ),
  main(
    'chain/transactions-owned',
    `${MINED} UPDATE attempt SET tx_hash = ${HASH} FROM was WHERE attempt.attempt_id = was.attempt_id RETURNING ${IN_BLOCK} AS subject`,
  ),
  main(
    'chain/transactions-do-what-was-wanted',
    `${MINED} UPDATE tx SET recipient = '\\x${'ab'.repeat(20)}' FROM was WHERE tx.tx_id = was.tx_id RETURNING ${TRANSACTION} AS subject`,
  ),
  main(
    'chain/payments-owned',
    `${MINED} UPDATE tx SET amount = amount + 1 FROM was WHERE tx.tx_id = was.tx_id RETURNING ${IN_BLOCK} AS subject`,
  ),
  main(
    'chain/payments-posted',
    `${MINED} DELETE FROM transfer USING was WHERE kind = 'ASSIGN' AND subject_id = was.tx_id RETURNING ${TRANSACTION} AS subject`,
  ),
  main(
    'chain/mined-is-recorded',
    `${MINED} DELETE FROM inclusion USING was WHERE inclusion.attempt_id = was.attempt_id RETURNING ${TRANSACTION} AS subject`,
  ),
  main(
    'chain/recorded-is-mined',
    `${MINED} UPDATE inclusion SET block_number = b.height, block_hash = b.hash FROM was, block b
     WHERE inclusion.attempt_id = was.attempt_id AND b.height = was.block_number - 1 RETURNING ${TRANSACTION} AS subject`,
  ),
  main(
    'chain/committed-is-paid-once',
    `UPDATE withdrawal SET amount = amount + 1 WHERE withdrawal_id = ${OWNER} RETURNING 'withdrawal ' || withdrawal_id AS subject`,
  ),
  main(
    'chain/lane-nonces',
    `${MINED} DELETE FROM inclusion USING was WHERE inclusion.attempt_id = was.attempt_id RETURNING 'lane ' || was.lane_id AS subject`,
  ),
  main(
    'chain/lane-balances',
    `${balance('hot')} RETURNING 'lane ' || owner || ' in ' || asset AS subject`,
  ),
];

const JOURNAL = [
  signer(
    'journal/bytes-of-the-slot',
    `UPDATE slot_binding SET nonce = nonce + 1000 WHERE intent_id = ${BOUND} RETURNING ${THE_ENTRY} AS subject`,
  ),
  signer(
    'journal/signed-what-was-written',
    `UPDATE journal SET tx_hash = ${HASH} WHERE height = ${ENTRY} RETURNING ${THE_ENTRY} AS subject`,
  ),
  signer(
    'journal/effect-or-filler',
    `UPDATE journal SET kind = 'filler' WHERE height = ${ENTRY} RETURNING 'journal entry ' || height AS subject`,
  ),
  signer(
    'journal/slot-agrees',
    `UPDATE slot_binding SET nonce = nonce + 1000 WHERE intent_id = ${BOUND} RETURNING ${THE_ENTRY} AS subject`,
  ),
  signer(
    'journal/request-agrees',
    `UPDATE journal SET signature_request_id = gen_random_uuid() WHERE height = ${ENTRY} RETURNING ${THE_ENTRY} AS subject`,
  ),
  signer(
    'journal/attempts-journaled',
    `DELETE FROM journal WHERE height = ${ENTRY} RETURNING 'attempt ' || signature_request_id AS subject`,
  ),
  signer(
    'journal/limits-agree',
    `INSERT INTO spend_minute (wallet_group, asset, minute, amount, before) VALUES ('demo', 'USDC', '2026-01-31T12:00:00Z', 5, 0)
     RETURNING concat_ws(' ', asset, 'of', wallet_group, 'at', minute) AS subject`,
  ),
  signer(
    'journal/one-slot-per-intent',
    `INSERT INTO slot_binding (intent_id, chain_id, from_address, nonce, effect_digest)
     SELECT intent_id, chain_id, from_address, nonce + 1000, effect_digest FROM slot_binding WHERE intent_id = ${BOUND}
     RETURNING 'intent 0x' || encode(intent_id, 'hex') AS subject`,
  ),
];

/** Every plant there is. */
export const PLANTS: readonly Plant[] = [...BOOK_PLANTS, ...PAYMENT_PLANTS, ...CHAIN, ...JOURNAL];
