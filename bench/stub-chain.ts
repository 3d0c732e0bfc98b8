import { createHash } from 'node:crypto';
import type { Block, ChainPort, TransferLog } from '../src/base/chain/index.ts';
import type { Db } from '../src/base/db/index.ts';
import {
  type Address,
  fromHex,
  type Hex,
  TRANSFER_TOPIC,
  toHex,
} from '../src/base/kernel/index.ts';
import { DEV_TOKEN_ADDRESS } from '../src/doors/dev/index.ts';

/**
 * Books of payments without the payments: numbered from 0, lane by lane in turn, so many to a block. The first
 * `final` stand in final blocks, the rest is broadcast and in none.
 */
export type Books = {
  final: number;
  inFlight: number;
  perBlock: number;
  lanes: readonly Address[];
  tenantId: string;
};

const CHAIN_ID = 31337;
const AMOUNT = 1_000_000n;
/** Blocks from the latest to the finalized one. */
const FINAL_AFTER = 8;
const BEGAN = 1_700_000_000;

const hashOf = (what: string): Hex => toHex(createHash('sha256').update(what).digest());
const blockHash = (height: number) => hashOf(`block ${height}`);
const txHash = (n: number) => hashOf(`tx ${n}`);
const recipientOf = (n: number): Address => `0x${txHash(n).slice(26)}`;
const topic = (address: Address): Hex => `0x${address.slice(2).padStart(64, '0')}`;
const lastFinalBlock = ({ final, perBlock }: Books) => Math.ceil(final / perBlock);

/** Writes them as the owner, past the triggers that judge what a program does. */
export async function fillBooks(owner: Db, books: Books): Promise<void> {
  const { final, inFlight, perBlock, lanes, tenantId } = books;
  const height = lastFinalBlock(books) + FINAL_AFTER;
  const values = [final, final + inFlight, perBlock, tenantId, lanes.map(fromHex), height];
  const client = await owner.connect();
  try {
    await client.query('BEGIN; SET LOCAL session_replication_role = replica');
    for (const text of STATEMENTS) {
      const used = [...text.matchAll(/\$(\d)/g)].map(([, n]) => Number(n));
      // A statement may not be given what it does not name.
      const named = [...new Set(used)].sort();
      const renumbered = text.replace(/\$(\d)/g, (_, n) => `$${named.indexOf(Number(n)) + 1}`);
      await client.query(
        renumbered,
        named.map((n) => values[n - 1]),
      );
    }
    await client.query('COMMIT');
    // Or the first look at each row, and the server's own upkeep, would be in what is measured.
    await client.query('VACUUM (FREEZE, ANALYZE)');
  } finally {
    client.release();
  }
}

const STATEMENTS = [
  `CREATE TEMP TABLE made ON COMMIT DROP AS
     SELECT n, 1 + n % cardinality($5::bytea[]) AS lane_id, n / cardinality($5::bytea[]) AS nonce,
       sha256(convert_to('tx ' || n, 'UTF8')) AS hash, payonce_uuid7() AS tx_id, payonce_uuid7() AS request_id,
       n < $1::int AS final FROM generate_series(0, $2::int - 1) AS n`,
  `INSERT INTO block (chain_id, height, hash, parent_hash, base_fee_per_gas, mined_at)
   SELECT ${CHAIN_ID}, h, sha256(convert_to('block ' || h, 'UTF8')), sha256(convert_to('block ' || h - 1, 'UTF8')), 1000000000,
     to_timestamp(${BEGAN} + h) FROM generate_series(0, $6::int) AS h`,
  `INSERT INTO chain_head (chain_id, latest, safe, finalized)
   VALUES (${CHAIN_ID}, $6::int, $6::int - ${FINAL_AFTER / 2}, $6::int - ${FINAL_AFTER})`,
  `INSERT INTO lane (tenant_id, chain_id, address, first_nonce, next_nonce)
   SELECT $4::uuid, ${CHAIN_ID}, address, 0, (SELECT count(*) FROM made WHERE lane_id = at)
   FROM unnest($5::bytea[]) WITH ORDINALITY AS u(address, at) ORDER BY at`,
  `INSERT INTO lane_progress (lane_id, mined_nonce, final_nonce, at_block)
   SELECT lane_id, count(*) FILTER (WHERE final), count(*) FILTER (WHERE final), $6::int FROM made GROUP BY 1`,
  `INSERT INTO lane_stretch (lane_id, up_to_block, from_nonce, to_nonce, native_balance)
   SELECT lane_id, $6::int - ${FINAL_AFTER}, final_nonce, final_nonce, 1e21 FROM lane_progress`,
  `INSERT INTO tx (tx_id, tenant_id, owner_kind, owner_id, intent_id, operation, idempotency_key, chain_id, asset, token,
     recipient, amount, settle_at, status, correlation_id)
   SELECT tx_id, $4::uuid, 'withdrawal', payonce_uuid7(), hash, 'withdrawal', 'key-' || n, ${CHAIN_ID},
     'eip155:${CHAIN_ID}/erc20:${DEV_TOKEN_ADDRESS}', '${`\\x${DEV_TOKEN_ADDRESS.slice(2)}`}',
     substring(hash FROM 13), ${AMOUNT}, 'safe', CASE WHEN final THEN 'FINAL' ELSE 'BROADCASTED' END, 'c-' || n FROM made`,
  `INSERT INTO nonce_slot (lane_id, nonce, chain_id, from_address, tx_id, effect_digest, gas_reserved)
   SELECT lane_id, nonce, ${CHAIN_ID}, ($5::bytea[])[lane_id], tx_id, hash, 1e15 FROM made`,
  `INSERT INTO signature_request (signature_request_id, lane_id, nonce, ordinal, tx_id, kind, gas_limit, max_fee_per_gas,
     max_priority_fee_per_gas, lane_epoch, claimed_by, claimed_at)
   SELECT request_id, lane_id, nonce, 1, tx_id, 'effect', 65000, 3e9, 1e9, 1, 'bench', now() FROM made`,
  `INSERT INTO signature (signature_request_id, tx_hash, raw, collected_at)
   SELECT request_id, hash, hash || hash || hash || hash, now() FROM made`,
  `INSERT INTO attempt (attempt_id, tenant_id, lane_id, nonce, ordinal, chain_id, tx_id, kind, tx_hash, max_fee_per_gas,
     max_priority_fee_per_gas, first_sent_at, last_sent_at, accepted_at, sends)
   SELECT request_id, $4::uuid, lane_id, nonce, 1, ${CHAIN_ID}, tx_id, 'effect', hash, 3e9, 1e9, now(), now(), now(), 1 FROM made`,
  `INSERT INTO inclusion (attempt_id, block_hash, chain_id, block_number, succeeded, effect_ok)
   SELECT request_id, sha256(convert_to('block ' || 1 + n / $3::int, 'UTF8')), ${CHAIN_ID}, 1 + n / $3::int, true, true
   FROM made WHERE final`,
];

/** A chain that takes the next ones of the books into each block, beside those of others, and is asked for nothing else. */
export class StubChain {
  readonly token = DEV_TOKEN_ADDRESS;
  readonly port: ChainPort;
  readonly #books: Books;
  readonly #others: number;
  readonly #first: number;
  /** Each made once: its hashes would be a tenth of what is measured. */
  readonly #blocks = new Map<number, Block>();
  #tip: number;

  constructor(books: Books, others: number) {
    this.#books = books;
    this.#others = others;
    this.#first = lastFinalBlock(books) + FINAL_AFTER + 1;
    this.#tip = this.#first - 1;
    this.port = this.#portOf();
  }

  mine(): void {
    this.#tip += 1;
  }

  #portOf(): ChainPort {
    const heights = { latest: 0, safe: FINAL_AFTER / 2, finalized: FINAL_AFTER } as const;
    const answers: Partial<ChainPort> = {
      header: async (tag) => {
        const height = typeof tag === 'number' ? tag : this.#tip - heights[tag];
        return height > this.#tip ? null : this.#block(height);
      },
      blocks: async (from, to) =>
        Array.from({ length: to - from + 1 }, (_, n) =>
          from + n > this.#tip ? null : this.#block(from + n),
        ),
      transfers: async (query) => ('to' in query ? [] : this.#logs(query.fromBlock, query.toBlock)),
      transactionCounts: async (addresses, block) =>
        addresses.map((address) => this.#consumed(address, Number(block))),
    };
    return answers as ChainPort;
  }

  /** Numbers of ours in a block that was mined here. */
  #oursIn(height: number): number[] {
    const { final, inFlight, perBlock } = this.#books;
    const from = final + (height - this.#first) * perBlock;
    const until = Math.min(from + perBlock, final + inFlight);
    return height < this.#first ? [] : Array.from({ length: until - from }, (_, n) => from + n);
  }

  #block(height: number): Block {
    const known = this.#blocks.get(height);
    if (known !== undefined) return known;
    const made = this.#makeBlock(height);
    this.#blocks.set(height, made);
    return made;
  }

  #makeBlock(height: number): Block {
    const others = Array.from({ length: this.#others }, (_, n) => hashOf(`other ${height} ${n}`));
    return {
      number: height,
      hash: blockHash(height),
      parentHash: blockHash(height - 1),
      timestamp: BEGAN + height,
      baseFeePerGas: 10n ** 9n,
      transactions: height < this.#first ? [] : [...this.#oursIn(height).map(txHash), ...others],
    };
  }

  #logs(from: number, to: number): TransferLog[] {
    const { lanes } = this.#books;
    const logs: TransferLog[] = [];
    for (let height = from; height <= to; height += 1) {
      for (const [logIndex, n] of this.#oursIn(height).entries()) {
        logs.push({
          ...{ transactionHash: txHash(n), blockNumber: height, blockHash: blockHash(height) },
          ...{ logIndex, address: this.token, data: `0x${AMOUNT.toString(16).padStart(64, '0')}` },
          topics: [TRANSFER_TOPIC, topic(lanes[n % lanes.length]!), topic(recipientOf(n))],
        });
      }
    }
    return logs;
  }

  #consumed(address: Address, height: number): bigint {
    const { final, perBlock, lanes } = this.#books;
    const mined = final + Math.max(0, height - this.#first + 1) * perBlock;
    const lane = lanes.indexOf(address);
    return BigInt(Math.ceil((mined - lane) / lanes.length));
  }
}
