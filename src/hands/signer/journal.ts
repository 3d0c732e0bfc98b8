import type { Sql } from '../../base/db/index.ts';
import { type Address, fromHex, type Hex, toHex } from '../../base/kernel/index.ts';
import type { Signing } from './grammar.ts';
import { batchColumns, type NewBatch } from './handshake/journal-head.ts';

export type SignedBytes = { raw: Buffer; hash: Buffer };

/** One signature in the journal; signed bytes are handed out only from here. */
export type JournalEntry = {
  requestId: string;
  intentId: Hex;
  fingerprint: Buffer;
  unsigned: Buffer;
  signed: SignedBytes | null;
};

/** What a slot is bound to. */
export type Binding = {
  intentId: Hex;
  chainId: number;
  from: Address;
  nonce: bigint;
  effectDigest: Hex;
};

type Slot = { chainId: number; from: Address; nonce: bigint };

export async function journalGet(
  sql: Sql,
  requestIds: readonly string[],
): Promise<Map<string, JournalEntry>> {
  const { rows } = await sql.query<{
    signature_request_id: string;
    intent_id: Buffer;
    fingerprint: Buffer;
    unsigned: Buffer;
    signed: Buffer | null;
    tx_hash: Buffer | null;
  }>({
    name: 'signer_journal_get',
    text: `SELECT signature_request_id, intent_id, fingerprint, unsigned, signed, tx_hash
      FROM journal WHERE signature_request_id = ANY($1::uuid[])`,
    values: [requestIds],
  });
  return new Map(
    rows.map((row) => [
      row.signature_request_id,
      {
        requestId: row.signature_request_id,
        intentId: toHex(row.intent_id),
        fingerprint: row.fingerprint,
        unsigned: row.unsigned,
        signed:
          row.signed === null || row.tx_hash === null
            ? null
            : { raw: row.signed, hash: row.tx_hash },
      },
    ]),
  );
}

/** Those of the intents that have an effect signed. Each is looked up: a list of them made the planner read the whole journal. */
export async function signedEffects(sql: Sql, intentIds: readonly Hex[]): Promise<Set<Hex>> {
  const { rows } = await sql.query<{ intent_id: Buffer }>({
    name: 'signer_signed_effects',
    text: `SELECT i.intent_id FROM unnest($1::bytea[]) AS i(intent_id)
      CROSS JOIN LATERAL (SELECT FROM journal j
        WHERE j.intent_id = i.intent_id AND j.kind = 'effect' AND j.signed IS NOT NULL LIMIT 1) j`,
    values: [intentIds.map(fromHex)],
  });
  return new Set(rows.map((row) => toHex(row.intent_id)));
}

/** Effects that began in the last 24 hours from each of these wallets, by `chain:address`; a wallet named twice counts once. */
export async function effectsOfToday(
  sql: Sql,
  wallets: readonly { chainId: number; from: Address }[],
): Promise<Map<string, number>> {
  if (wallets.length === 0) return new Map();
  const { rows } = await sql.query<{ chain_id: bigint; from_address: Buffer; effects: number }>({
    name: 'signer_effects_of_today',
    text: `SELECT b.chain_id, b.from_address, count(*)::int AS effects
      FROM (SELECT DISTINCT * FROM unnest($1::bigint[], $2::bytea[]) AS w(chain_id, from_address)) w
      JOIN slot_binding b USING (chain_id, from_address)
      WHERE EXISTS (SELECT 1 FROM journal j WHERE j.intent_id = b.intent_id AND j.kind = 'effect'
        AND j.created_at > now() - interval '24 hours')
      GROUP BY 1, 2`,
    values: [wallets.map(({ chainId }) => chainId), wallets.map(({ from }) => fromHex(from))],
  });
  return new Map(rows.map((row) => [`${row.chain_id}:${toHex(row.from_address)}`, row.effects]));
}

/** Wei that the signatures of these intents can move at most, of each the dearest one. */
export async function spentOf(sql: Sql, intentIds: readonly Hex[]): Promise<Map<Hex, bigint>> {
  if (intentIds.length === 0) return new Map();
  const { rows } = await sql.query<{ intent_id: Buffer; spent: bigint }>({
    name: 'signer_spent_of',
    text: `SELECT intent_id, sum(max_spend) AS spent FROM journal
      WHERE intent_id = ANY($1::bytea[]) GROUP BY intent_id`,
    values: [intentIds.map(fromHex)],
  });
  return new Map(rows.map((row) => [toHex(row.intent_id), row.spent]));
}

export type SeenEpoch = { epoch: bigint; lowestNonce: bigint };

/** Epochs seen of each lane, by `chain:address`. */
export async function laneEpochs(sql: Sql): Promise<Map<string, SeenEpoch[]>> {
  const { rows } = await sql.query<{
    chain_id: bigint;
    from_address: Buffer;
    epoch: bigint;
    lowest_nonce: bigint;
  }>({
    name: 'signer_lane_epochs',
    text: 'SELECT chain_id, from_address, epoch, lowest_nonce FROM lane_epoch',
  });
  const lanes = new Map<string, SeenEpoch[]>();
  for (const row of rows) {
    const key = `${row.chain_id}:${toHex(row.from_address)}`;
    const seen = { epoch: row.epoch, lowestNonce: row.lowest_nonce };
    lanes.set(key, [...(lanes.get(key) ?? []), seen]);
  }
  return lanes;
}

/** Notes the epochs of first effects; lowest nonces only fall. Locks rows in the order of the key. */
export async function laneEpochsNote(sql: Sql, signings: readonly Signing[]): Promise<void> {
  await sql.query({
    name: 'signer_lane_epochs_note',
    text: `INSERT INTO lane_epoch (chain_id, from_address, epoch, lowest_nonce)
      SELECT chain_id, from_address, epoch, min(nonce)
      FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::bigint[])
        AS s(chain_id, from_address, nonce, epoch)
      GROUP BY chain_id, from_address, epoch ORDER BY chain_id, from_address, epoch
      ON CONFLICT (chain_id, from_address, epoch) DO UPDATE SET lowest_nonce = excluded.lowest_nonce
      WHERE lane_epoch.lowest_nonce > excluded.lowest_nonce`,
    values: [...slotColumns(signings), signings.map(({ laneEpoch }) => laneEpoch)],
  });
}

/**
 * Binds intents to slots where neither is bound yet; returns how many were. What was there before stays: both
 * unique keys decide, so of two signers at once one row is there and both read it. Sorted, so that two
 * batches wait for each other in one order.
 */
export async function bindingsInsert(sql: Sql, bindings: readonly Binding[]): Promise<number> {
  const { rowCount } = await sql.query({
    name: 'signer_bindings_insert',
    text: `INSERT INTO slot_binding (chain_id, from_address, nonce, intent_id, effect_digest)
      SELECT chain_id, from_address, nonce, intent_id, effect_digest
      FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::bytea[], $5::bytea[])
        AS b(chain_id, from_address, nonce, intent_id, effect_digest)
      ORDER BY chain_id, from_address, nonce, intent_id
      ON CONFLICT DO NOTHING`,
    values: [
      ...slotColumns(bindings),
      bindings.map(({ intentId }) => fromHex(intentId)),
      bindings.map(({ effectDigest }) => fromHex(effectDigest)),
    ],
  });
  return rowCount ?? 0;
}

/** The bindings of these slots, by slotKey. */
export async function bindingsOfSlots(
  sql: Sql,
  slots: readonly Slot[],
): Promise<Map<string, Binding>> {
  const { rows } = await sql.query<{
    intent_id: Buffer;
    chain_id: bigint;
    from_address: Buffer;
    nonce: bigint;
    effect_digest: Buffer;
  }>({
    name: 'signer_bindings_of_slots',
    text: `SELECT b.intent_id, b.chain_id, b.from_address, b.nonce, b.effect_digest
      FROM unnest($1::bigint[], $2::bytea[], $3::bigint[]) AS s(chain_id, from_address, nonce)
      JOIN slot_binding b USING (chain_id, from_address, nonce)`,
    values: slotColumns(slots),
  });
  return new Map(
    rows.map((row) => {
      const binding = {
        intentId: toHex(row.intent_id),
        chainId: Number(row.chain_id),
        from: toHex(row.from_address),
        nonce: row.nonce,
        effectDigest: toHex(row.effect_digest),
      };
      return [slotKey(binding), binding];
    }),
  );
}

export function slotKey(slot: Slot): string {
  return `${slot.chainId}:${slot.from}:${slot.nonce}`;
}

/**
 * Writes unsigned bytes, for requests that have no entry, as the chain's next batch. Under the head's lock, which
 * is what makes the height follow and the entries new; a breach of either breaks the statement.
 */
export async function batchInsert(
  sql: Sql,
  signings: readonly Signing[],
  batch: NewBatch,
): Promise<void> {
  await sql.query({
    name: 'signer_batch_insert',
    text: `WITH head AS (
        UPDATE journal_head SET height = $8, hash = $9, request_id = $12, main_height = $17, main_hash = $18,
          main_position = $19, main_event_id = $20
        RETURNING height
      ), batch AS (
        INSERT INTO journal_batch (height, hash, previous_hash, entries, main_height, main_hash,
          main_position, main_event_id)
        SELECT $8, $9, $10, $11, $13, $14, $15, $16 FROM head RETURNING height
      )
      INSERT INTO journal
        (signature_request_id, intent_id, kind, fingerprint, max_spend, lane_epoch, unsigned, batch)
      SELECT e.*, batch.height FROM batch, unnest($1::uuid[], $2::bytea[], $3::text[], $4::bytea[],
        $5::numeric[], $6::bigint[], $7::bytea[]) AS e`,
    values: [
      signings.map(({ requestId }) => requestId),
      signings.map(({ intentId }) => fromHex(intentId)),
      signings.map(({ kind }) => kind),
      signings.map(({ fingerprint }) => fingerprint),
      signings.map(({ maxSpend }) => maxSpend),
      signings.map(({ laneEpoch }) => laneEpoch),
      signings.map(({ unsigned }) => unsigned),
      ...batchColumns(batch),
    ],
  });
}

/**
 * Writes signed bytes where there are none: of two signers the first one's are the ones handed out. Returns how
 * many were written.
 */
export async function signedWrite(
  sql: Sql,
  signatures: readonly { requestId: string; raw: Buffer; hash: Hex }[],
): Promise<number> {
  const { rowCount } = await sql.query({
    name: 'signer_signed_write',
    text: `UPDATE journal j SET signed = s.raw, tx_hash = s.hash, signed_at = now()
      FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS s(id, raw, hash)
      WHERE j.signature_request_id = s.id AND j.signature_request_id = ANY($1::uuid[]) AND j.signed IS NULL`,
    values: [
      signatures.map(({ requestId }) => requestId),
      signatures.map(({ raw }) => raw),
      signatures.map(({ hash }) => fromHex(hash)),
    ],
  });
  return rowCount ?? 0;
}

export async function refusalsInsert(
  sql: Sql,
  refusals: readonly {
    /** Null: judged before there was a request. */
    requestId: string | null;
    txId: string;
    intentId: Hex;
    code: string;
    message: string;
    field?: string;
  }[],
): Promise<void> {
  await sql.query({
    name: 'signer_refusals_insert',
    text: `INSERT INTO refusal (signature_request_id, tx_id, intent_id, code, message, field)
      SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::text[], $5::text[], $6::text[])`,
    values: [
      refusals.map(({ requestId }) => requestId),
      refusals.map(({ txId }) => txId),
      refusals.map(({ intentId }) => fromHex(intentId)),
      refusals.map(({ code }) => code),
      refusals.map(({ message }) => message),
      refusals.map(({ field }) => field ?? null),
    ],
  });
}

function slotColumns(slots: readonly Slot[]): [number[], Buffer[], bigint[]] {
  return [
    slots.map(({ chainId }) => chainId),
    slots.map(({ from }) => fromHex(from)),
    slots.map(({ nonce }) => nonce),
  ];
}
