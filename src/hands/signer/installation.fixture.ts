import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { privateKeyToAddress } from 'viem/accounts';
import { type TestDatabases, testDatabases } from '../../../test/support/postgres.ts';
import { developmentSettings, type GuardSettings } from '../../base/config/index.ts';
import { type Db, openPool, type Sql } from '../../base/db/index.ts';
import { effectDigest, effectOf, intentId } from '../../base/effect/index.ts';
import {
  type Address,
  fromHex,
  type Hex,
  silentLog,
  systemClock,
  toHex,
} from '../../base/kernel/index.ts';
import { NOTHING_SEALED, type Seal } from './handshake/chain.ts';
import { headBegin, headGetForUpdate } from './handshake/journal-head.ts';
import type { Journal, Main } from './handshake/judge.ts';
import {
  FileWitness,
  Handshake,
  OwnTime,
  type SignerContext,
  signingRules,
  type Witness,
} from './index.ts';
import { type Keystore, openKeystore } from './keystore/keystore.ts';

export const CHAIN = 31337;
const KEYS = [
  '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
  '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d',
] as const satisfies readonly Hex[];
export const LANES = KEYS.map((key) => privateKeyToAddress(key).toLowerCase() as Address);
export const TOKEN: Address = `0x${'22'.repeat(20)}`;
export const PAYEE: Address = `0x${'33'.repeat(20)}`;
export const GWEI = 10n ** 9n;

/** Agrees to everything: what is left is what the journal itself holds. */
class BlindHandshake extends Handshake {
  #head = NOTHING_SEALED;

  override get head(): Seal {
    return this.#head;
  }

  override async check(): Promise<void> {}

  override async confirm(): Promise<void> {}

  override async atClaim(): Promise<Main> {
    return {
      installationId: '',
      seal: NOTHING_SEALED,
      position: 0n,
      eventId: null,
      eventStands: true,
      orderClaimed: true,
      frozen: false,
    };
  }

  override async lockHead(sql: Sql): Promise<Journal> {
    await headBegin(sql, randomUUID());
    return headGetForUpdate(sql);
  }

  override advanced(journal: Journal): void {
    this.#head = journal.head;
  }
}

/** An installation's main database as the other rooms fill it, and signers over its journal. */
export class Installation {
  readonly databases: TestDatabases;
  readonly owner: pg.Client;
  readonly settings: ReturnType<typeof developmentSettings>;
  /** The folder of the witness. */
  readonly folder = mkdtempSync(join(tmpdir(), 'payonce-witness-'));
  readonly #pools: Db[] = [];
  tenantId = '';
  installationId = '';
  #keystore: Keystore | null = null;
  readonly laneIds: number[] = [];

  constructor(databases: TestDatabases, guard: Partial<GuardSettings> = {}) {
    this.databases = databases;
    this.owner = new pg.Client({ connectionString: databases.mainUrl });
    const settings = developmentSettings({
      ...{ databaseUrl: databases.mainUrl, signerDatabaseUrl: databases.signerUrl },
      rpcUrl: 'http://127.0.0.1:1',
      token: TOKEN,
      lanes: KEYS.map((privateKey, n) => ({ address: LANES[n]!, keyId: `hot-${n}`, privateKey })),
    });
    this.settings = { ...settings, guard: { ...settings.guard, ...guard } };
  }

  /** `like`: an older copy of that installation, restored from a backup. */
  async start(like?: Installation): Promise<void> {
    await this.owner.connect();
    this.#keystore = await openKeystore(this.settings.signer!.keys, this.settings.lanes, {
      clock: systemClock,
      log: silentLog,
    });
    if (like !== undefined) {
      await this.owner.query('UPDATE installation SET installation_id = $1', [like.installationId]);
    }
    const { rows } = await this.owner.query('SELECT installation_id FROM installation');
    this.installationId = rows[0].installation_id;
    const tenant = await this.owner.query(
      `INSERT INTO tenant (tenant_id, name) VALUES (coalesce($1, gen_random_uuid()), 'demo') RETURNING tenant_id`,
      [like?.tenantId ?? null],
    );
    this.tenantId = tenant.rows[0].tenant_id;
    for (const address of LANES) {
      const lane = await this.owner.query(
        `INSERT INTO lane (tenant_id, chain_id, address, first_nonce, next_nonce, epoch)
         VALUES ($1, $2, $3, 0, 0, 10) RETURNING lane_id`,
        [this.tenantId, CHAIN, fromHex(address)],
      );
      this.laneIds.push(lane.rows[0].lane_id);
    }
    await this.owner.query(
      'INSERT INTO chain_head (chain_id, latest, safe, finalized) VALUES ($1, 0, 0, 0)',
      [CHAIN],
    );
  }

  async stop(): Promise<void> {
    for (const pool of this.#pools) await pool.end();
    await this.owner.end();
    await this.databases.drop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  get witness(): FileWitness {
    return new FileWitness(join(this.folder, 'witness'));
  }

  /** A signer process on this main database; the journal may be another installation's. */
  signer(
    name: string,
    over: Partial<SignerContext> & { journalUrl?: string; witness?: Witness; blind?: true } = {},
  ): SignerContext {
    const pool = (url: string) => {
      const opened = openPool({ url, role: 'payonce_signer', name, max: 4 });
      this.#pools.push(opened);
      return opened;
    };
    const keystore = this.#keystore!;
    const { journalUrl, witness = this.witness, blind, ...rest } = over;
    const databases = {
      main: rest.main ?? pool(this.databases.mainUrl),
      journal: rest.journal ?? pool(journalUrl ?? this.databases.signerUrl),
    };
    const { clock = systemClock, log = silentLog } = rest;
    return {
      name,
      ...databases,
      handshake: new (blind ? BlindHandshake : Handshake)({
        ...{ name, ...databases, witness, clock, log },
      }),
      time: new OwnTime({ ...databases, clock, log, tell: () => {} }),
      rules: signingRules(this.settings, keystore),
      keystore,
      clock,
      log,
      ...rest,
    };
  }

  /** A withdrawal's tx with its slot and the order for its effect. Returns the ids. */
  async order(wanted: {
    key: string;
    nonce: number;
    token?: Address | null;
    amount?: bigint;
    lane?: number;
    epoch?: number;
    expires?: string;
  }): Promise<{
    txId: string;
    requestId: string;
    intentId: Hex;
    effect: ReturnType<typeof effectOf>;
  }> {
    const { key, nonce, amount = 5n, lane = 0, epoch = 10 } = wanted;
    const token = wanted.token === undefined ? TOKEN : wanted.token;
    const effect = effectOf({ token, recipient: PAYEE, amount });
    const id = intentId({
      installationId: this.installationId,
      tenantId: this.tenantId,
      operation: 'withdrawal',
      idempotencyKey: key,
    });
    const asset = this.settings.assets.find(({ address }) => address === token)!;
    const { rows } = await this.owner.query(
      `WITH d AS (
        INSERT INTO decision (decision_id, tenant_id, subject_id, policy_version, verdict, tier, commit_at, trace)
        VALUES (gen_random_uuid(), $1, gen_random_uuid(), $2, 'allow', 'low', 'safe', '{}')
        RETURNING decision_id, subject_id
      ), t AS (
        INSERT INTO tx (tenant_id, owner_kind, owner_id, intent_id, operation, idempotency_key, chain_id, asset,
          token, recipient, amount, decision_id, settle_at, expires_at, status, correlation_id)
        SELECT $1, 'withdrawal', subject_id, $3, 'withdrawal', $4, $5, $6, $7, $8, $9, decision_id, 'safe', $10,
          'CREATED', 'c' FROM d
        RETURNING tx_id, decision_id
      ), c AS (
        INSERT INTO decision_consumed SELECT decision_id, tx_id FROM t
      ), s AS (
        INSERT INTO nonce_slot (lane_id, nonce, chain_id, from_address, tx_id, effect_digest, gas_reserved)
        SELECT $11, $12, $5, $13, tx_id, $14, 1 FROM t
      ) SELECT tx_id FROM t`,
      [
        this.tenantId,
        this.settings.policyVersion,
        fromHex(id),
        key,
        CHAIN,
        asset.caip19,
        token === null ? null : fromHex(token),
        fromHex(PAYEE),
        amount,
        wanted.expires ?? null,
        this.laneIds[lane],
        nonce,
        fromHex(LANES[lane]!),
        fromHex(effectDigest(CHAIN, LANES[lane]!, effect)),
      ],
    );
    const txId: string = rows[0].tx_id;
    return { txId, requestId: await this.request(txId, { epoch }), intentId: id, effect };
  }

  /** A further order for the slot of a tx. */
  async request(
    txId: string,
    wanted: { kind?: 'effect' | 'filler'; epoch?: number; maxFeePerGas?: bigint } = {},
  ): Promise<string> {
    const { kind = 'effect', epoch = 10, maxFeePerGas = 10n * GWEI } = wanted;
    const { rows } = await this.owner.query(
      `INSERT INTO signature_request (lane_id, nonce, ordinal, tx_id, kind, gas_limit, max_fee_per_gas,
         max_priority_fee_per_gas, lane_epoch)
       SELECT lane_id, nonce, (SELECT count(*) FROM signature_request r WHERE r.lane_id = s.lane_id
         AND r.nonce = s.nonce), tx_id, $2, $3, $4, 1, $5 FROM nonce_slot s WHERE tx_id = $1
       RETURNING signature_request_id`,
      [txId, kind, kind === 'filler' ? 21_000 : 60_000, maxFeePerGas, epoch],
    );
    return rows[0].signature_request_id;
  }

  async signature(requestId: string): Promise<{
    raw: Hex | null;
    hash: Hex | null;
    refusal: string | null;
  } | null> {
    const { rows } = await this.owner.query(
      'SELECT tx_hash, raw, refusal_code FROM signature WHERE signature_request_id = $1',
      [requestId],
    );
    if (rows.length === 0) return null;
    const { tx_hash, raw, refusal_code } = rows[0];
    const hex = (bytes: Buffer | null) => (bytes === null ? null : toHex(bytes));
    return { raw: hex(raw), hash: hex(tx_hash), refusal: refusal_code };
  }

  async claimedBy(requestId: string): Promise<string | null> {
    const { rows } = await this.owner.query(
      'SELECT claimed_by FROM signature_request WHERE signature_request_id = $1',
      [requestId],
    );
    return rows[0].claimed_by;
  }

  /** Rows of this installation's journal, as its owner sees them. */
  async journalRows(sql: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.databases.signerUrl });
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }
}

/** Started on databases of its own; call stop() after. `like` as in start(). */
export async function startInstallation(
  like?: Installation,
  guard?: Partial<GuardSettings>,
): Promise<Installation> {
  const made = new Installation(await testDatabases(), guard);
  await made.start(like);
  return made;
}
