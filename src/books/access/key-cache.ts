import type { KeyObject } from 'node:crypto';
import type { RateLimit } from '../../base/config/index.ts';
import type { Sql } from '../../base/db/index.ts';
import {
  type Clock,
  messageOf,
  type Network,
  parseNetwork,
  Transient,
} from '../../base/kernel/index.ts';
import { publicKeyOf } from './key-order.ts';
import { hashOfToken, REVOKED_CHANNEL } from './keys.ts';
import type { Grant } from './scopes.ts';

/** Whose key it is, and what it may do. */
export type Identity = {
  tenantId: string;
  tenantName: string;
  keyId: string;
  /** Who speaks by it, where two persons decide. */
  personId: string;
  scopes: readonly Grant[];
  /** From where it may be used; empty: from anywhere. */
  networks: readonly Network[];
  /** Null: what the configuration says of every key. */
  rateLimit: RateLimit | null;
  /** Whose signatures its requests carry; not `required`: may carry. */
  signature: { publicKey: KeyObject; required: boolean } | null;
};

/** Where revocations are announced; a Listener of base/db is one. */
export type RevocationFeed = { on(channel: string, callback: (payload: string) => void): unknown };

/** A yes is good for this long after the check it rests on began, so a lost notification costs 1 s. */
const HOLD_MS = 1_000;
/** A key in use is checked again at this age, in time for the answer to arrive before HOLD_MS. */
const RECHECK_MS = 700;
/** A no is remembered this long: enough against a client that hammers with a dead key. */
const UNKNOWN_MS = 1_000;
/** A check that the database has not answered by now has failed. */
const ANSWER_MS = 2_000;
const MOST_ENTRIES = 100_000;
const MOST_UNKNOWN = 10_000;
const MOST_REVOKED = 10_000;

/** Times are monotonic ms of this process. */
type Entry = { identity: Identity; checkedAt: number; expiresAt: number };
type Flight = { hashes: Set<string>; answers: Promise<Map<string, Entry>> };

type Row = {
  hash: string;
  key_id: string;
  tenant_id: string;
  tenant_name: string;
  person_id: string;
  scopes: Grant[];
  networks: string[];
  requests_per_second: number | null;
  burst: number | null;
  public_key: Buffer | null;
  require_signature: boolean;
  expires_in_ms: number | null;
};

/**
 * Answers who a key is, from memory. The database is asked by one set-based query at a time: hashes
 * asked for while one is under way form the next, and every query takes along the keys in use whose
 * turn is near. A notification ends a key at once; without it, and without the database, no yes is
 * older than a second. Nothing here is durable: a crash forgets answers and asks again.
 */
export class KeyCache {
  readonly #sql: Sql;
  readonly #clock: Clock;
  readonly #feed: RevocationFeed | null;
  readonly #entries = new Map<string, Entry>();
  readonly #unknown = new Map<string, number>();
  readonly #inUse = new Set<string>();
  /** Ids announced as revoked: a query whose snapshot is older must not bring one back. */
  readonly #revoked = new Set<string>();
  #running: Flight | null = null;
  #next: Flight | null = null;
  #stopped = true;

  constructor(options: { sql: Sql; clock: Clock; feed: RevocationFeed | null }) {
    this.#sql = options.sql;
    this.#clock = options.clock;
    this.#feed = options.feed;
  }

  /** Call once, before the feed itself is started. */
  start(): void {
    this.#stopped = false;
    this.#feed?.on(REVOKED_CHANNEL, (keyId) => this.#onRevoked(keyId));
  }

  /** Resolves when no query is under way; from then on nobody is let in. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#entries.clear();
    await Promise.allSettled([this.#running?.answers, this.#next?.answers]);
  }

  /**
   * Whose token this is (what follows `Bearer `), or null: malformed, unknown, revoked and expired are
   * one answer. A key that is known is answered without a promise. Throws Transient, or rejects with
   * it, when the database had to be asked and did not answer.
   */
  authenticate(token: string): Identity | null | Promise<Identity | null> {
    if (this.#stopped) throw new Transient('API keys can not be checked: not started, or stopping');
    const hash = hashOfToken(token);
    if (hash === null) return null;
    const now = this.#clock.monotonic();
    const entry = this.#entries.get(hash);
    if (entry === undefined) {
      const until = this.#unknown.get(hash);
      return until !== undefined && now < until ? null : this.#ask(hash);
    }
    if (now >= entry.expiresAt) return null;
    const age = now - entry.checkedAt;
    if (age > HOLD_MS) return this.#ask(hash);
    this.#inUse.add(hash);
    // Whoever needs the answer waits for it below; a failure of this one is nobody's.
    if (age > RECHECK_MS) this.#check(hash).catch(() => {});
    return entry.identity;
  }

  async #ask(hash: string): Promise<Identity | null> {
    const entry = (await this.#check(hash)).get(hash);
    if (entry === undefined || this.#revoked.has(entry.identity.keyId)) return null;
    const now = this.#clock.monotonic();
    if (now - entry.checkedAt > HOLD_MS) {
      throw new Transient('API keys can not be checked: the database took too long');
    }
    return now >= entry.expiresAt ? null : entry.identity;
  }

  #check(hash: string): Promise<Map<string, Entry>> {
    if (this.#running?.hashes.has(hash)) return this.#running.answers;
    let next = this.#next;
    if (next === null) {
      const hashes = new Set<string>();
      const before = Promise.allSettled([this.#running?.answers]);
      next = { hashes, answers: before.then(() => this.#fly(hashes)) };
      this.#next = next;
    }
    next.hashes.add(hash);
    return next.answers;
  }

  async #fly(hashes: Set<string>): Promise<Map<string, Entry>> {
    this.#running = this.#next;
    this.#next = null;
    // Taken before the query leaves: a revocation after this moment may be missed, one before may not.
    const startedAt = this.#clock.monotonic();
    this.#takeInUse(hashes, startedAt);
    const timer = new AbortController();
    try {
      const rows = await Promise.race([
        this.#select([...hashes]),
        this.#clock.sleep(ANSWER_MS, timer.signal).then(() => {
          throw new Error(`no answer in ${ANSWER_MS} ms`);
        }),
      ]);
      return this.#learn(hashes, rows, startedAt);
    } catch (error) {
      throw new Transient(`API keys can not be checked: ${messageOf(error)}`, { cause: error });
    } finally {
      timer.abort();
      this.#running = null;
    }
  }

  /** Keys in use past half their age come along, so that a thousand keys cost one query, not a thousand. */
  #takeInUse(hashes: Set<string>, now: number): void {
    for (const hash of this.#inUse) {
      const entry = this.#entries.get(hash);
      if (entry !== undefined && now - entry.checkedAt <= RECHECK_MS / 2) continue;
      if (entry !== undefined) hashes.add(hash);
      this.#inUse.delete(hash);
    }
  }

  async #select(hashes: string[]): Promise<Row[]> {
    const query = {
      name: 'api_key_by_hash',
      text: `SELECT encode(s.key_hash, 'hex') AS hash, k.key_id, k.tenant_id, t.name AS tenant_name, k.person_id,
          k.scopes, k.allowed_networks AS networks, k.requests_per_second, k.burst, k.public_key, k.require_signature,
          (extract(epoch FROM least(k.expires_at, s.valid_until) - clock_timestamp()) * 1000)::float8 AS expires_in_ms
        FROM api_key_secret s JOIN api_key k USING (key_id) JOIN tenant t USING (tenant_id)
        WHERE s.key_hash = ANY ($1::bytea[]) AND k.revoked_at IS NULL
          AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
          AND (s.valid_until IS NULL OR s.valid_until > clock_timestamp())`,
      values: [hashes.map((hash) => Buffer.from(hash, 'hex'))],
      // Gives the connection up too, when the server hangs.
      query_timeout: ANSWER_MS,
    };
    return (await this.#sql.query<Row>(query)).rows;
  }

  #learn(hashes: Set<string>, rows: readonly Row[], startedAt: number): Map<string, Entry> {
    const answers = new Map<string, Entry>();
    for (const row of rows) {
      if (this.#revoked.has(row.key_id)) continue;
      answers.set(row.hash, {
        identity: identityOf(row),
        checkedAt: startedAt,
        // By the database's clock, measured from before the query: early by its duration, never late.
        expiresAt: startedAt + (row.expires_in_ms ?? Number.POSITIVE_INFINITY),
      });
    }
    for (const hash of hashes) {
      const entry = answers.get(hash);
      // Taken out first: the maps' order is then that of the checks, and the oldest goes when one is full.
      this.#entries.delete(hash);
      this.#unknown.delete(hash);
      if (entry !== undefined) this.#entries.set(hash, entry);
      else this.#unknown.set(hash, startedAt + UNKNOWN_MS);
    }
    dropOldest(this.#entries, MOST_ENTRIES);
    dropOldest(this.#unknown, MOST_UNKNOWN);
    return answers;
  }

  /** An empty payload comes after a reconnection: anything may have been missed, so all is asked again. */
  #onRevoked(keyId: string): void {
    if (keyId === '') {
      this.#entries.clear();
      return;
    }
    this.#revoked.add(keyId);
    // An id that goes was announced long before any query under way began.
    dropOldest(this.#revoked, MOST_REVOKED);
    for (const [hash, entry] of this.#entries) {
      if (entry.identity.keyId === keyId) this.#entries.delete(hash);
    }
  }
}

function identityOf(row: Row): Identity {
  const { requests_per_second: requestsPerSecond, burst, public_key: raw } = row;
  return {
    tenantId: row.tenant_id,
    tenantName: row.tenant_name,
    keyId: row.key_id,
    personId: row.person_id,
    scopes: row.scopes,
    networks: row.networks.map((text) => parseNetwork(text) as Network),
    rateLimit: requestsPerSecond === null ? null : { requestsPerSecond, burst: burst! },
    signature:
      raw === null ? null : { publicKey: publicKeyOf(raw), required: row.require_signature },
  };
}

function dropOldest(collection: Map<string, unknown> | Set<string>, most: number): void {
  for (const key of collection.keys()) {
    if (collection.size <= most) return;
    collection.delete(key);
  }
}
