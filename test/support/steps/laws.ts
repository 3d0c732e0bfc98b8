import { caip19 } from '../../../src/base/kernel/index.ts';
import { replayBreaks } from '../../../src/books/ledger/index.ts';
import type { Road } from './road.ts';
import { CHAIN_ID, TOKEN } from './surroundings.ts';

const INCLUDED = `EXISTS (
  SELECT FROM tx t JOIN attempt a USING (tx_id) JOIN inclusion i USING (attempt_id)
  JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
  JOIN chain_head h ON h.chain_id = i.chain_id
  WHERE t.owner_id = w.withdrawal_id AND a.kind = 'effect' AND i.succeeded AND i.effect_ok
    AND i.block_number <= CASE t.settle_at WHEN 'safe' THEN h.safe ELSE h.finalized END)`;

/** A nonce that somebody else used for good, and not for what its slot is for. */
const USED_BY_OTHERS = `SELECT FROM foreign_inclusion f
  JOIN block b ON b.chain_id = f.chain_id AND b.height = f.block_number AND b.hash = f.block_hash
  JOIN chain_head h ON h.chain_id = f.chain_id AND f.block_number <= h.finalized WHERE (NOT f.pays_intent OR f.paid = false)`;

/** Hold at every moment. Each gives a row for each break of it. */
const ALWAYS = {
  'a withdrawal is COMPLETED on a canonical inclusion at the level it settles at, by two persons, or about to be reversed': `
    SELECT w.withdrawal_id::text AS subject FROM withdrawal w WHERE w.status IN ('COMPLETED', 'RESETTLED')
      AND NOT ${INCLUDED} AND NOT EXISTS (
        SELECT FROM reconciliation_break k JOIN break_action USING (break_id) WHERE k.owner_id = w.withdrawal_id AND action = 'commit')
      AND NOT EXISTS (
        SELECT FROM job j WHERE j.topic = 'withdrawal.orphaned' AND j.subject_id = w.withdrawal_id)`,
  'a reserve is resolved when its withdrawal has ended, and as it ended': `
    SELECT w.withdrawal_id::text FROM withdrawal w
    LEFT JOIN reserve_resolution x ON x.withdrawal_id = w.withdrawal_id AND x.generation = w.generation
    WHERE x.resolution IS DISTINCT FROM CASE WHEN w.status IN ('COMPLETED', 'RESETTLED') THEN 'COMMIT'
      WHEN w.status IN ('CANCELLED', 'EXPIRED', 'FAILED') THEN 'RELEASE' END
      AND w.status <> 'REJECTED'`,
  'funds are released only where no signature of the effect was asked for, or the end is final': `
    SELECT x.withdrawal_id::text FROM reserve_resolution x
    JOIN tx t ON t.owner_id = x.withdrawal_id JOIN signature_request r ON r.tx_id = t.tx_id
    WHERE x.resolution = 'RELEASE' AND r.kind = 'effect' AND r.claimed_at IS NOT NULL AND NOT EXISTS (
      SELECT FROM attempt a JOIN inclusion i USING (attempt_id)
      JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
      JOIN chain_head h ON h.chain_id = i.chain_id AND i.block_number <= h.finalized
      WHERE a.lane_id = r.lane_id AND a.nonce = r.nonce)
      AND NOT EXISTS (SELECT FROM signature s WHERE s.signature_request_id = r.signature_request_id
        AND s.refusal_code IS NOT NULL)
      AND NOT EXISTS (${USED_BY_OTHERS} AND f.lane_id = r.lane_id AND f.nonce = r.nonce)`,
  'the slots of a lane, and what somebody else used of it, are its nonces without a gap': `
    SELECT l.lane_id::text FROM lane l LEFT JOIN (
      SELECT lane_id, nonce FROM nonce_slot
      UNION SELECT lane_id, nonce FROM foreign_inclusion WHERE adopted_at IS NOT NULL) s USING (lane_id)
    GROUP BY l.lane_id HAVING count(s.nonce) <> l.next_nonce - l.first_nonce
      OR coalesce(max(s.nonce), l.next_nonce - 1) <> l.next_nonce - 1`,
  'nothing is given up': `SELECT topic || ' ' || subject_id || ': ' || reason FROM dead_letter`,
} as const;

/** Hold once nothing is on its way any more. */
const AT_REST = {
  'no account holds what is on its way': `
    SELECT kind || ' ' || owner || ': ' || balance FROM ledger_account
    WHERE kind IN ('reserved', 'in_transit', 'gas_in_transit') AND balance <> 0`,
  'every signed request was collected': `
    SELECT signature_request_id::text FROM signature WHERE collected_at IS NULL`,
} as const;

/** The laws that do not hold now; empty: all do. */
export async function brokenLaws(road: Road, atRest: boolean): Promise<string[]> {
  const laws = Object.entries(atRest ? { ...ALWAYS, ...AT_REST } : ALWAYS);
  const { rows } = await road.owner.query<{ law: string; subject: string }>({
    name: `laws ${atRest}`,
    text: laws
      .map(([, sql], n) => `SELECT ${n} AS law, q.subject FROM (${sql}) q(subject)`)
      .join(' UNION ALL '),
  });
  const broken = rows.map(({ law, subject }) => `${laws[Number(law)]![0]}: ${subject}`);
  for (const { kind, owner, balance, replayed } of await replayBreaks(road.owner)) {
    broken.push(`the postings of ${kind} ${owner} add up to ${replayed}, not ${balance}`);
  }
  broken.push(...(await journalBreaks(road)));
  return atRest ? [...broken, ...(await laneBreaks(road))] : broken;
}

/** The journal was written before anything that the main database knows of it. */
async function journalBreaks(road: Road): Promise<string[]> {
  const { rows } = await road.owner.query<{ kind: string; intent: string; raw: string }>({
    name: 'signed and released',
    text: `SELECT 'released' AS kind, encode(t.intent_id, 'hex') AS intent, '' AS raw
      FROM reserve_resolution x JOIN tx t ON t.owner_id = x.withdrawal_id
      WHERE x.resolution = 'RELEASE' AND NOT EXISTS (
        SELECT FROM attempt a JOIN inclusion i USING (attempt_id)
        JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash
        JOIN chain_head h ON h.chain_id = i.chain_id AND i.block_number <= h.finalized
        WHERE a.tx_id = t.tx_id)
        AND NOT EXISTS (${USED_BY_OTHERS} AND EXISTS (SELECT FROM nonce_slot s
          WHERE s.tx_id = t.tx_id AND s.lane_id = f.lane_id AND s.nonce = f.nonce))
      UNION ALL
      SELECT 'signed', encode(t.intent_id, 'hex'), encode(g.raw, 'hex') FROM signature g
      JOIN signature_request r USING (signature_request_id) JOIN tx t USING (tx_id) WHERE g.raw IS NOT NULL`,
  });
  const journal = await road.journalRows<{ intent: string; kind: string; signed: string | null }>(
    `SELECT encode(intent_id, 'hex') AS intent, kind, encode(signed, 'hex') AS signed FROM journal`,
  );
  const effects = new Set(
    journal.flatMap(({ intent, kind }) => (kind === 'effect' ? [intent] : [])),
  );
  const signed = new Set(journal.map((entry) => entry.signed));
  return rows.flatMap(({ kind, intent, raw }) => {
    if (kind === 'released' && effects.has(intent)) {
      return [`the reserve of intent ${intent} is released and the journal holds its effect`];
    }
    return kind === 'signed' && !signed.has(raw)
      ? [`intent ${intent}: bytes not in the journal`]
      : [];
  });
}

/** With nothing on its way a lane holds on the chain what the ledger says, at the nonce that it says. */
async function laneBreaks(road: Road): Promise<string[]> {
  const { rows } = await road.owner.query<{
    address: Buffer;
    next_nonce: bigint;
    asset: string;
    balance: bigint;
  }>({
    name: 'lanes at rest',
    text: `SELECT l.address, l.next_nonce, a.asset, a.balance FROM lane l
      JOIN ledger_account a ON a.kind = 'hot' AND a.owner = l.lane_id::text`,
  });
  const { world, height } = road.chain;
  const coins = caip19(CHAIN_ID, null);
  return rows.flatMap((row) => {
    const lane = `0x${row.address.toString('hex')}` as const;
    const held =
      row.asset === coins ? world.coins(lane, height) : world.tokenBalance(TOKEN, lane, height);
    const nonce = world.nonce(lane, height);
    return [
      ...(held === row.balance
        ? []
        : [`${lane} holds ${held} of ${row.asset}, not ${row.balance}`]),
      ...(nonce === row.next_nonce ? [] : [`${lane} is at nonce ${nonce}, not ${row.next_nonce}`]),
    ];
  });
}
