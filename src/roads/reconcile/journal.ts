import type { Sql } from '../../base/db/index.ts';
import { keccakBytes } from '../../base/kernel/index.ts';
import { byteaText, type Decoded, decodePayment, decodeTransaction } from './decode.ts';
import type { Scope } from './since.ts';

const PAGE = 2_000;

type Entry = {
  height: bigint;
  signature_request_id: string;
  intent_id: Buffer;
  kind: string;
  fingerprint: Buffer;
  unsigned: Buffer;
  signed: Buffer | null;
  tx_hash: Buffer | null;
  chain_id: bigint | null;
  from_address: Buffer | null;
  nonce: bigint | null;
};

/** The newest entry of the journal; what it holds by then, the main database held before. */
export async function journalHeight(signer: Sql): Promise<bigint> {
  const { rows } = await signer.query<{ height: bigint }>(
    // in the signer's database
    'SELECT coalesce(max(height), 0) AS height FROM journal',
  );
  return rows[0]!.height;
}

/** Entries decoded, page by page and oldest first, each with the slot that its intent is bound to. */
export async function* journalPages(signer: Sql, scope: Scope) {
  let above = -1n;
  for (;;) {
    const { rows } = await signer.query<Entry>(
      `SELECT j.height, j.signature_request_id, j.intent_id, j.kind, j.fingerprint, j.unsigned, j.signed, j.tx_hash,
         b.chain_id, b.from_address, b.nonce
       FROM journal j LEFT JOIN slot_binding b USING (intent_id)
       WHERE j.height > $1 AND ($2::timestamptz IS NULL OR j.created_at >= $2)
       ORDER BY j.height LIMIT $3`,
      [above, scope.sinceTime, PAGE],
    );
    if (rows.length === 0) return;
    above = rows.at(-1)!.height;
    yield { upTo: above, entries: rows.map(factOf) };
    if (rows.length < PAGE) return;
  }
}

/** As the laws read it; `bytes` is null where they are not one transaction. */
function factOf(entry: Entry) {
  const unsigned = decodeTransaction(entry.unsigned, 'unsigned');
  const signed = entry.signed === null ? null : decodeTransaction(entry.signed, 'signed');
  return {
    height: String(entry.height),
    request: entry.signature_request_id,
    intent: byteaText(entry.intent_id),
    kind: entry.kind,
    bound_chain: text(entry.chain_id),
    bound_from: entry.from_address === null ? null : byteaText(entry.from_address),
    bound_nonce: text(entry.nonce),
    ...(unsigned === null ? {} : callOf(unsigned)),
    fingerprint_fits: keccakBytes(entry.unsigned).equals(entry.fingerprint),
    // Signed bytes are those of the unsigned ones, and their hash is the hash that is written beside them.
    signed_fits:
      entry.signed === null ||
      (unsigned !== null &&
        signed !== null &&
        entry.tx_hash !== null &&
        sameFields(unsigned, signed) &&
        keccakBytes(entry.signed).equals(entry.tx_hash)),
  };
}

function callOf(decoded: Decoded) {
  const transfer = decodePayment(decoded.to, decoded.data);
  return {
    chain: String(decoded.chainId),
    nonce: String(decoded.nonce),
    to: byteaText(decoded.to),
    value: String(decoded.value),
    plain: decoded.data.length === 0,
    token: transfer === null ? null : byteaText(transfer.token),
    recipient: transfer === null ? null : byteaText(transfer.recipient),
    amount: transfer === null ? null : String(transfer.amount),
    tx_type: decoded.txType,
    gas_limit: String(decoded.gasLimit),
    max_fee: String(decoded.maxFeePerGas),
    max_priority_fee: String(decoded.maxPriorityFeePerGas),
  };
}

function sameFields(one: Decoded, other: Decoded): boolean {
  const { to, data, ...numbers } = one;
  return (
    to.equals(other.to) &&
    data.equals(other.data) &&
    Object.entries(numbers).every(([name, value]) => other[name as keyof Decoded] === value)
  );
}

const text = (value: bigint | null) => (value === null ? null : String(value));
