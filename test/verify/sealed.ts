import pg from 'pg';
import { openPool } from '../../src/base/db/index.ts';
import {
  type AuditReport,
  checkBlocks,
  FileAnchor,
  SEALED,
  type Trusted,
} from '../../src/books/audit/index.ts';
import { Installation } from '../support/installation.ts';
import { quiet, recipient } from '../support/laws.ts';
import { until } from '../support/until.ts';
import { verifyOf } from '../support/verify.ts';

export type SealedInstallation = { on: Installation; paid: string; trusted: Trusted };

/** An installation that has paid, with a row in every sealed table, all sealed, signed and anchored; no role runs. */
export async function sealedInstallation(): Promise<SealedInstallation> {
  const on = await Installation.start({ lanes: 1, blockTime: 0.1, sealed: true });
  await on.deposit('alice', 'USDC', '1000');
  await on.deposit('alice', 'ETH', '1');
  const orders = [
    { asset: 'USDC', amount: '5' },
    { asset: 'ETH', amount: '0.25' },
    { asset: 'USDC', amount: '99999' },
  ];
  const ids: string[] = [];
  for (const [n, order] of orders.entries()) {
    const answer = await on.withdraw({ account: 'alice', to: recipient(n + 1), ...order });
    ids.push(answer.body['id'] as string);
  }
  await quiet(on);
  await plantRest(on);
  const { publicKeys } = on.settings.audit!;
  const anchor = new FileAnchor(anchorFileOf(on));
  const seen = async () => {
    const trusted = { publicKeys, anchored: await anchor.read() };
    const { mainUrl } = on.databases;
    const { audit } = await verifyOf({
      ...{ mainUrl, signerUrl: null, nodes: [], laws: [], audit: trusted },
    });
    const settled =
      audit !== null &&
      audit.blocks > 1 &&
      audit.unsealed + audit.unsigned === 0 &&
      new Set(trusted.anchored.map(({ height }) => height)).size === audit.blocks;
    return settled ? trusted : null;
  };
  const trusted = await until('everything is sealed, signed and anchored', seen, 60_000);
  for (const role of ['api', 'worker', 'signer'] as const) await on.stopRole(role);
  return { on, paid: ids[0]!, trusted };
}

/** Where the installation keeps its roots. */
export function anchorFileOf(on: Installation): string {
  const { anchor } = on.settings.audit!;
  if (anchor?.kind !== 'file') throw new Error('the installation anchors in no file');
  return anchor.path;
}

/** Of tables that no road of this installation has written. */
async function plantRest(on: Installation): Promise<void> {
  const person = (await on.rows<{ id: string }>('SELECT person_id AS id FROM person LIMIT 1'))[0];
  const client = new pg.Client({ connectionString: on.databases.mainUrl });
  await client.connect();
  await client.query('SET session_replication_role = replica');
  const id = person?.id ?? '01890000-0000-7000-8000-000000000001';
  await client.query(
    `INSERT INTO break_action (break_id, action, evidence, adjustments, transfer_ids, proposed_by, confirmed_by)
     VALUES ($1, 'adjust', 'seen', '[]', '{}', $1, payonce_uuid7())`,
    [id],
  );
  await client.query(
    `INSERT INTO signing_freeze (code, detail, remedy, declared_by) VALUES ('main_behind', 'a', 'b', 'c');
     INSERT INTO signing_freeze_lift (freeze_id, lifted_by) SELECT freeze_id, 'c' FROM signing_freeze`,
  );
  await client.query(
    `INSERT INTO approval_request (tenant_id, owner_id, decision_id, requirements, wallet_group, chain_id, asset, recipient,
       amount, fee_cap, intent_id, policy_version, initiator, expiry, correlation_id, status)
     VALUES ($1, $1, $1, '[]', 'hot', 1, 'a', substr($2::bytea, 1, 20), 1, 1, $2, 'p', 'i', 1, 'c', 'REJECTED')`,
    [id, Buffer.alloc(32, 7)],
  );
  await client.query(
    `INSERT INTO approval (request_id, approver_id, signature) VALUES ($1, 'ann', 'x'::bytea)`,
    [id],
  );
  await client.query(
    `INSERT INTO operator_freeze (scope, asset, reason, frozen_by) VALUES ('asset', 'none', 'a test', $1)`,
    [id],
  );
  await client.query(
    `INSERT INTO payment (tenant_id, merchant_id, status, endpoint, fingerprint, chain_id, asset, token, pay_to, amount,
       wait_until, commit_at, risk_tier, correlation_id)
     VALUES ($1, $1, 'REQUESTED', '', $1, 1, 'a', substr($2::bytea, 1, 20), substr($2::bytea, 1, 20), 1,
       'safe', 'safe', 'low', 'c')`,
    [id, Buffer.alloc(32, 7)],
  );
  await client.query(
    `INSERT INTO policy_hold (tenant_id, subject_id, decision_id, rule_id, gate, expires_at)
     VALUES ($1, $1, $1, 'r', 'screening', now())`,
    [id],
  );
  await client.query(
    `INSERT INTO policy_change (tenant_id, version, effect, tightens, differences, reason, drafted_by, correlation_id, status)
     VALUES ($1, 'policy:none', 'neutral', false, '[]', 'a test', $1, 'c', 'DRAFT')`,
    [id],
  );
  await client.query(
    `INSERT INTO address_book_entry (tenant_id, address, label, added_by, removed_by, removed_at)
     VALUES ($1, substr($2::bytea, 1, 20), 'a', $1, $1, now() + interval '1 day')`,
    [id, Buffer.alloc(32, 7)],
  );
  await client.end();
  await until('the freeze and its lift are told', async () => {
    const told = await on.rows('SELECT FROM signing_freeze_told');
    return told.length === 2;
  });
}

/** What the seal says after a superuser has done something, which is then undone. */
export class Vandal {
  readonly #client: pg.Client;
  readonly #trusted: Trusted;

  private constructor(client: pg.Client, trusted: Trusted) {
    this.#client = client;
    this.#trusted = trusted;
  }

  static async on(url: string, trusted: Trusted): Promise<Vandal> {
    // As the program's pools read rows.
    const pool = openPool({ url, role: 'owner', name: 'test', max: 1 });
    const client = (await pool.connect()) as unknown as pg.Client;
    await client.query('SET session_replication_role = replica');
    return new Vandal(client, trusted);
  }

  async rows<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.#client.query<Row>(text, values)).rows;
  }

  async after(does: (vandal: Vandal) => Promise<unknown>): Promise<AuditReport> {
    await this.#client.query('BEGIN');
    try {
      await does(this);
      return await checkBlocks(this.#client, this.#trusted, () => {});
    } finally {
      await this.#client.query('ROLLBACK');
    }
  }

  async end(): Promise<void> {
    (this.#client as unknown as pg.PoolClient).release(true);
  }
}

/** Another value of a type. */
const OTHER: Record<string, (column: string) => string> = {
  text: (column) => `coalesce(${column}, '') || 'x'`,
  uuid: () => 'gen_random_uuid()',
  bool: (column) => `NOT ${column}`,
  int4: (column) => `coalesce(${column}, 0) + 1`,
  int8: (column) => `coalesce(${column}, 0) + 1`,
  numeric: (column) => `coalesce(${column}, 0) + 1`,
  bytea: () => `'\\x${'ab'.repeat(32)}'`,
  timestamptz: (column) => `coalesce(${column}, now()) + interval '1 microsecond'`,
  json: () => `'[{"planted": true}]'`,
  jsonb: () => `'{"planted": true}'`,
  xid8: () => `'1'`,
  _text: (column) => `array_append(${column}, 'x')`,
  _uuid: (column) => `array_append(${column}, gen_random_uuid())`,
  _int8: (column) => `array_append(${column}, 1)`,
  _numeric: (column) => `array_append(${column}, 1)`,
};

/** An edit for every sealed column of every sealed table. */
export async function editsOf(
  vandal: Vandal,
): Promise<{ table: string; id: string; set: string }[]> {
  const edits: { table: string; id: string; set: string }[] = [];
  for (const { table, id, columns } of SEALED) {
    const found = await vandal.rows<{ name: string; type: string }>(
      `SELECT attname AS name, typname AS type FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
       WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`,
      [table],
    );
    const sealed = found.filter(
      ({ name, type }) => columns.has(name) || (table === 'event_batch' && /^_|^json$/.test(type)),
    );
    for (const { name, type } of sealed) {
      edits.push({ table, id, set: `${name} = ${OTHER[type]!(name)}` });
    }
  }
  return edits;
}
