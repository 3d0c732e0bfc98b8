import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Db, openPool } from '../../src/base/db/index.ts';
import { silentLog, systemClock } from '../../src/base/kernel/index.ts';
import { SEALED } from '../../src/books/audit/index.ts';
import { anchorRound } from '../../src/doors/bin/loops/seal-loop.ts';
import { anchorOf } from '../../src/hands/anchor/index.ts';
import { S3StandIn } from '../support/s3-stand-in.ts';
import { verifyOf } from '../support/verify.ts';
import { copyDatabase } from './finished.ts';
import { editsOf, type SealedInstallation, sealedInstallation, Vandal } from './sealed.ts';

let sealed: SealedInstallation;
let lawless: { url: string; drop(): Promise<void> };
let vandal: Vandal;
beforeAll(async () => {
  sealed = await sealedInstallation();
  const { mainUrl } = sealed.on.databases;
  await sealed.on.owner.end();
  lawless = await copyDatabase(mainUrl, { lawless: true });
  vandal = await Vandal.on(lawless.url, sealed.trusted);
});
afterAll(async () => {
  await vandal?.end();
  await lawless?.drop();
  await sealed?.on.anvil.stop();
  await sealed?.on.databases.drop();
});

/** Some row of a table. */
const first = async (table: string, id: string) =>
  (await vandal.rows<{ id: string }>(`SELECT ${id} AS id FROM ${table} ORDER BY 1 LIMIT 1`))[0]!.id;
const named = (report: { breaks: { subject: string; found: string }[] }) =>
  report.breaks.map(({ subject, found }) => `${subject}: ${found}`);

describe('the audit', () => {
  it('holds where nobody has touched a row', async () => {
    const report = await vandal.after(async () => {});
    expect(report).toMatchObject({ breaks: [], unsealed: 0, unsigned: 0 });
    const rows = await vandal.rows<{ n: bigint }>(
      `SELECT ${SEALED.map(({ table }) => `(SELECT count(*) FROM ${table})`).join(' + ')} AS n`,
    );
    expect(BigInt(report.rows)).toBe(rows[0]!.n);
  });

  it('names the row whatever column of it a superuser edits, in every sealed table', async () => {
    const edits = await editsOf(vandal);
    expect(edits.length).toBeGreaterThan(80);
    const missed: string[] = [];
    for (const { table, id, set } of edits) {
      const row = await first(table, id);
      const report = await vandal.after((by) =>
        by.rows(`UPDATE ${table} SET ${set} WHERE ${id} = $1`, [row]),
      );
      const words = named(report);
      const expected = set.startsWith(`${id} =`) ? 'missing' : 'changed';
      if (!words.includes(`${table} ${row}: ${expected}`)) missed.push(`${table} ${set}: ${words}`);
    }
    expect(missed).toEqual([]);
  });

  it.each(SEALED)('names a row of $table that is deleted', async ({ table, id }) => {
    const row = await first(table, id);
    const report = await vandal.after((by) =>
      by.rows(`DELETE FROM ${table} WHERE ${id} = $1`, [row]),
    );
    expect(named(report)).toEqual([`${table} ${row}: missing`]);
  });

  it.each(SEALED)(
    'names a row of $table that is put in among the sealed',
    async ({ table, id }) => {
      const row = await first(table, id);
      const planted = `${row.slice(0, 24)}${'f'.repeat(12)}`;
      const report = await vandal.after((by) =>
        by.rows(
          `INSERT INTO ${table} SELECT (jsonb_populate_record(r, jsonb_build_object('${id}', $2::text))).*
         FROM ${table} r WHERE ${id} = $1`,
          [row, planted],
        ),
      );
      expect(named(report)).toEqual([`${table} ${planted}: additional`]);
    },
  );

  it('names the first broken row first', async () => {
    const ids = await vandal.rows<{ id: string }>(
      'SELECT transfer_id AS id FROM transfer ORDER BY 1',
    );
    const report = await vandal.after((by) => by.rows('UPDATE transfer SET generation = 7'));
    const changed = named(report).filter((word) => word.startsWith('transfer'));
    expect(changed[0]).toBe(`transfer ${ids[0]!.id}: changed`);
  });

  const HASH = `'\\x${'cd'.repeat(32)}'`;
  it.each([
    ['the root', `UPDATE audit_block SET merkle_root = ${HASH} WHERE height = 1`, 1],
    ['the chain', `UPDATE audit_block SET previous_hash = ${HASH} WHERE height = 2`, 2],
    ['the stretch', `UPDATE audit_block SET to_id = gen_random_uuid() WHERE height = 1`, 1],
    ['the counts', `UPDATE audit_block SET counts = '{"transfer": 1}' WHERE height = 1`, 1],
    ["the journal's hash", `UPDATE audit_block SET journal_hash = ${HASH} WHERE height = 1`, 1],
    ['the time', `UPDATE audit_block SET sealed_at = now() WHERE height = 1`, 1],
    ['the leaves', `UPDATE audit_block SET leaves = substr(leaves, 49) || '' WHERE height = 1`, 1],
    ['a block in the middle', 'DELETE FROM audit_block WHERE height = 1', 1],
    [
      'the signature',
      `UPDATE audit_signature SET signature = sha512(signature) WHERE height = 1`,
      1,
    ],
    ['the key', `UPDATE audit_signature SET public_key = ${HASH} WHERE height = 1`, 1],
    ['the word of the signer', 'DELETE FROM audit_signature WHERE height = 1', 1],
  ])('names the block when %s is altered', async (_what, sql, height) => {
    const report = await vandal.after((by) => by.rows(sql));
    expect(report.breaks[0]!.subject).toBe(`audit_block ${height}`);
  });

  it('misses blocks that were taken off the end, by the anchor', async () => {
    const heights = sealed.trusted.anchored.map(({ height }) => height);
    const last = heights.reduce((a, b) => (a > b ? a : b));
    const report = await vandal.after(async (by) => {
      await by.rows('DELETE FROM audit_signature WHERE height = $1', [last]);
      await by.rows('DELETE FROM audit_block WHERE height = $1', [last]);
    });
    expect(named(report)).toEqual([`audit_block ${last}: no block`]);
  });

  it('finds a row that was altered and sealed anew without the key', async () => {
    const report = await vandal.after(async (by) => {
      await by.rows(
        `UPDATE audit_block SET leaves = overlay(leaves PLACING ${HASH}::bytea FROM 17) WHERE height = 1`,
      );
      // Of one row the root is that row's hash: another one, or the leaves would fit it.
      await by.rows(`UPDATE audit_block SET merkle_root = sha256(${HASH}) WHERE height = 1`);
    });
    const words = report.breaks.filter(({ subject }) => subject === 'audit_block 1');
    expect(words.map(({ found }) => found.replace(/0x.*/, ''))).toEqual([
      'hash ',
      'a wrong signature',
      'leaves of root ',
    ]);
  });

  it('believes no key but those that it is told', async () => {
    const { on, trusted } = sealed;
    const other = { ...trusted, publicKeys: [`0x${'11'.repeat(32)}`] as const };
    const stranger = await Vandal.on(lawless.url, other);
    const report = await stranger.after(async () => {});
    await stranger.end();
    expect(report.breaks[0]).toMatchObject({
      subject: 'audit_block 1',
      found: `signed by ${on.settings.audit!.publicKeys[0]}`,
    });
  });
});

describe('the anchor in a bucket', () => {
  let s3: S3StandIn;
  let db: Db & { end(): Promise<void> };
  beforeAll(async () => {
    s3 = await S3StandIn.start();
    const url = sealed.on.databases.mainUrl;
    db = openPool({ url, role: 'payonce_app', name: 'test', max: 1 });
  });
  afterAll(async () => {
    await db?.end();
    await s3?.stop();
  });
  const bucket = () =>
    anchorOf(
      {
        ...{ kind: 's3', bucket: 'roots', prefix: '', region: 'eu-central-1' },
        ...{ endpoint: s3.endpoint, retainDays: 1 },
      },
      { clock: systemClock, limits: { attemptMs: 5_000, withinMs: 5_000, backOffBaseMs: 1 } },
    );
  const begin = (now?: () => number) => anchorRound({ db, log: silentLog }, bucket(), now);
  const findings = async () =>
    (
      await db.query<{ kind: string }>(`SELECT kind FROM finding WHERE check_name = 'anchor'`)
    ).rows.map(({ kind }) => kind);
  const told = async () =>
    (await db.query(`SELECT FROM event WHERE type LIKE 'check.anchor%'`)).rowCount;

  it('has every signed root once, also when who puts them dies on the way', async () => {
    const blocks = new Set(sealed.trusted.anchored.map(({ height }) => height)).size;
    const put = s3.faults.set('PutObject', [
      { kind: 'lost' },
      { kind: 'error', code: 'AccessDenied', status: 403 },
    ]);
    await expect(begin()()).rejects.toThrow(/AccessDenied/);
    put.clear();
    expect(await begin()()).toBe(false);
    expect(await begin()()).toBe(false);
    expect(s3.versions).toHaveLength(blocks);
    const anchored = await bucket().read();
    expect(anchored).toEqual(
      sealed.trusted.anchored.filter(
        (one, at, all) => at === all.findIndex(({ height }) => height === one.height),
      ),
    );
    const { publicKeys } = sealed.trusted;
    const of = { mainUrl: lawless.url, signerUrl: null, nodes: [], laws: [] };
    const { audit } = await verifyOf({ ...of, audit: { publicKeys, anchored } });
    expect(audit).toMatchObject({ blocks, breaks: [] });
    s3.plant('1'.padStart(20, '0'), 'what somebody else wrote');
    const changed = { publicKeys, anchored: await bucket().read() };
    const after = await verifyOf({ ...of, audit: changed });
    expect(after.audit?.breaks[0]).toMatchObject({ subject: 'audit_block 1' });
    s3.versions.pop();
  });

  it('is told of once when it lags and when it holds another root, until it is even again', async () => {
    let time = 0;
    const round = begin(() => time);
    const closed = () =>
      s3.faults.set(
        'GetObject',
        Array.from(
          { length: 9 },
          () => ({ kind: 'error', code: 'AccessDenied', status: 403 }) as const,
        ),
      );
    closed();
    await expect(round()).rejects.toThrow(/AccessDenied/);
    expect(await findings()).toEqual([]);
    time += 600_000;
    for (const _ of [1, 2]) await expect(round()).rejects.toThrow(/AccessDenied/);
    expect(await findings()).toEqual(['check.anchor_behind']);
    expect(await told()).toBe(1);
    s3.faults.clear();
    expect(await round()).toBe(false);
    expect(await findings()).toEqual([]);
    const [last] = s3.versions.slice(-1);
    s3.plant(last!.key, 'another root');
    await expect(begin()()).rejects.toThrow(/holds "another root"/);
    expect(await findings()).toEqual(['check.anchor_conflict']);
  });
});
