import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import canonicalize from 'canonicalize';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import { until } from '../../../test/support/until.ts';
import { type Db, inTransaction } from '../../base/db/index.ts';
import { writeAudit, writeEvents } from '../../base/event/index.ts';
import { type Hex, toHex } from '../../base/kernel/index.ts';
import { FileAnchor } from './anchor.ts';
import { checkBlocks } from './check-blocks.ts';
import { Frontier } from './frontier.ts';
import { leafHash, merklePath, merkleRoot, rootOfPath } from './merkle.ts';
import { readItems } from './proofs.ts';
import { sealNext } from './seal.ts';
import { rowTextsSql, SEALED } from './sealed.ts';
import { Sealer } from './sealer.ts';

let at: MainDatabase;
beforeAll(async () => {
  at = await MainDatabase.start();
});
afterAll(() => at.stop());

const entry = (subject: string) => ({
  ...{ tenantId: at.tenantId, action: 'lane.paused', actor: 'ann', subject },
});
const check = (db: Db = at.app) => checkBlocks(db, { publicKeys: [], anchored: [] }, () => {});
/** Until everything that is there by now is in a block. */
const sealAll = (sealer = new Sealer(at.app)) =>
  until('all rows are sealed', async () => {
    while (await sealer.round());
    return (await check()).unsealed === 0;
  });

describe('a Merkle tree', () => {
  // The vectors of Certificate Transparency (RFC 6962).
  const INPUTS = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657'];
  const leaves = INPUTS.map((hex) => leafHash(Buffer.from(hex, 'hex').toString('latin1')));

  it.each([
    [1, '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'],
    [2, 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125'],
    [3, 'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77'],
    [4, 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7'],
    [5, '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4'],
    [6, '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef'],
    [7, 'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c'],
  ])('of %d leaves has the root of RFC 6962', (size, root) => {
    expect(merkleRoot(leaves.slice(0, size)).toString('hex')).toBe(root);
  });

  it('leads each leaf to the root, at its place in its size and nowhere else', () => {
    for (let size = 1; size <= 7; size += 1) {
      const some = leaves.slice(0, size);
      const root = merkleRoot(some);
      for (let index = 0; index < size; index += 1) {
        const path = merklePath(some, index);
        expect(rootOfPath(some[index]!, { index, size, path })).toEqual(root);
        for (const wrong of [-1, index + 1, size].filter((one) => one !== index)) {
          const other = rootOfPath(some[index]!, { index: wrong, size, path });
          expect(other === null || !other.equals(root) || size === 1).toBe(true);
        }
        expect(rootOfPath(some[index]!, { index, size, path: [...path, root] })).toBe(null);
        if (size > 1) expect(rootOfPath(some[index]!, { index, size, path: [] })).toBe(null);
      }
    }
  });

  it('of no leaves is none', () => {
    expect(() => merkleRoot([])).toThrow(RangeError);
  });
});

describe('a sealed row', () => {
  it('is written down in the form of RFC 8785, whatever is in it', async () => {
    const odd = '"\\/\b\f\n\r\t\u0001\u001f\u007f é \u2028 😀 <>&';
    await writeAudit(at.app, [{ ...entry(odd), detail: { [odd]: [1.5, null, odd] } }]);
    await writeEvents(at.app, [
      { tenantId: null, type: odd, correlationId: odd, data: { b: odd, a: { z: 1, y: null } } },
    ]);
    const texts: string[] = [];
    for (const table of SEALED) {
      const ids = await at.rows<{ id: string }>(`SELECT ${table.id} AS id FROM ${table.table}`);
      const found = await at.rows<{ id: string; text: string }>(rowTextsSql(table), [
        ids.map(({ id }) => id),
      ]);
      texts.push(...found.map(({ text }) => text));
      if (table.table !== 'event_batch') continue;
      for (const { id } of ids) {
        texts.push(...(await readItems(at.owner, id)).map(({ text }) => text));
      }
    }
    expect(texts.length).toBeGreaterThan(2);
    for (const text of texts) expect(canonicalize(JSON.parse(text))).toBe(text);
    expect(texts.some((text) => (JSON.parse(text) as { subject?: string }).subject === odd)).toBe(
      true,
    );
  });

  /** Columns that change, or that tell what other columns say. */
  const UNSEALED: Record<string, string[]> = {
    event_batch: ['subject_ids', 'owner_ids', 'correlation_ids', 'data'],
    withdrawal: [
      ...[
        'status',
        'generation',
        'decision_id',
        'risk_tier',
        'cancel_requested_at',
        'failure_code',
      ],
      ...['failure_message', 'failure_members', 'completed_at', 'updated_at'],
    ],
    approval_request: ['status', 'updated_at'],
    address_book_entry: ['removed_by', 'removed_at'],
    payment: [
      ...['status', 'updated_at', 'leased_until', 'delivering_until', 'delivered_at'],
      ...['pending_told_at', 'failure_code', 'refunded'],
      // A document's tier takes the configuration's place; its decision is sealed.
      ...['wait_until', 'commit_at', 'risk_tier', 'decision_id'],
      // Written once, which the database holds; the transaction that takes it is sealed.
      'charged',
    ],
    policy_change: [
      ...['status', 'proposed_by', 'confirmed_by', 'effective_at', 'ended_by', 'end_reason'],
      'updated_at',
    ],
    tx: [
      ...['status', 'waiting', 'waiting_detail', 'furthest_level', 'reorgs', 'failure_code'],
      // A tightened policy decides again, by one function of the database.
      ...['failure_message', 'updated_at', 'decision_id', 'settle_at'],
    ],
  };

  it.each(SEALED)(
    'of $table has all columns that no role may update',
    async ({ table, columns }) => {
      const found = await at.rows<{ name: string; changes: boolean }>(
        `SELECT attname AS name, has_column_privilege('payonce_app', attrelid, attnum, 'UPDATE')
         OR has_column_privilege('payonce_signer', attrelid, attnum, 'UPDATE') AS changes
       FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`,
        [table],
      );
      const unsealed = UNSEALED[table] ?? [];
      const expected = found.map(({ name }) => name).filter((name) => !unsealed.includes(name));
      expect([...columns.keys()].filter((name) => name !== 'items').sort()).toEqual(
        expected.sort(),
      );
      const changing = found.filter(({ changes }) => changes).map(({ name }) => name);
      expect(changing.filter((name) => columns.has(name))).toEqual([]);
    },
  );
});

describe('the seal', () => {
  it('passes over no row whose transaction commits late, and seals nothing before it is finished', async () => {
    const frontier = new Frontier();
    const late = await at.app.connect();
    await late.query('BEGIN');
    await writeAudit(late, [entry('late')]);
    const begun = await at.rows<{ now: Date }>('SELECT clock_timestamp() AS now');
    await writeAudit(at.app, [entry('early')]);
    await until('the clock is past its margin', async () => {
      const [row] = await at.rows<{ past: boolean }>(
        `SELECT clock_timestamp() > $1::timestamptz + interval '2 seconds' AS past`,
        [begun[0]!.now],
      );
      return row!.past;
    });
    for (let round = 0; round < 3; round += 1) {
      const reached = await frontier.advance(at.app);
      expect(reached === null || reached < begun[0]!.now).toBe(true);
      if (reached !== null) while ((await sealNext(at.app, reached)) !== null);
    }
    await late.query('COMMIT');
    late.release();
    await sealAll();
    const report = await check();
    expect(report).toMatchObject({ unsealed: 0, breaks: [] });
    expect(report.rows).toBeGreaterThanOrEqual(2);
  });

  it('is whole with writers and two sealers at once', async () => {
    let writing = true;
    const sealers = [at.app, at.pool('payonce_app')].map((db) => new Sealer(db));
    const sealing = sealers.map(async (sealer) => {
      while (writing) await sealer.round();
    });
    await Promise.all(
      Array.from({ length: 4 }, async (_, writer) => {
        for (let n = 0; n < 40; n += 1) {
          await inTransaction(at.app, async (sql) => {
            await writeAudit(sql, [entry(`${writer}:${n}`)]);
            await sql.query('SELECT pg_sleep(random() * 0.02)');
          });
        }
      }),
    );
    writing = false;
    await Promise.all(sealing);
    await sealAll();
    expect(await check()).toMatchObject({ unsealed: 0, breaks: [] });
  });

  it('can not be changed by the program', async () => {
    for (const table of ['audit_block', 'audit_signature']) {
      for (const text of [`UPDATE ${table} SET height = 9`, `DELETE FROM ${table}`]) {
        await expect(at.app.query(text)).rejects.toMatchObject({ code: '42501' });
      }
    }
    const forged = `INSERT INTO audit_signature (height, public_key, signature) VALUES (1, '', '')`;
    await expect(at.app.query(forged)).rejects.toMatchObject({ code: '42501' });
  });
});

describe('the anchor in a file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'payonce-anchor-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const root = (n: number): { height: bigint; hash: Hex } => ({
    height: BigInt(n),
    hash: toHex(Buffer.alloc(32, n)),
  });

  it('has what was appended, in its order, by any process', async () => {
    const file = join(folder, 'anchors');
    expect(await new FileAnchor(file).read()).toEqual([]);
    await new FileAnchor(file).append(root(1));
    await new FileAnchor(file).append(root(2));
    await new FileAnchor(file).append(root(2));
    expect(await new FileAnchor(file).read()).toEqual([root(1), root(2), root(2)]);
    const highest = [0n, 1n, 2n, 9n].map((upTo) => new FileAnchor(file).highest(upTo));
    expect(await Promise.all(highest)).toEqual([0n, 1n, 2n, 2n]);
  });

  it('passes over a line that a crash tore off, and writes on behind it', async () => {
    const file = join(folder, 'anchors');
    await new FileAnchor(file).append(root(1));
    writeFileSync(file, `${readFileSync(file, 'latin1')}\n2 0x0202`);
    await new FileAnchor(file).append(root(2));
    expect(await new FileAnchor(file).read()).toEqual([root(1), root(2)]);
  });

  it('is told where it is when it can not be written or read', async () => {
    const nowhere = new FileAnchor(join(folder, 'none', 'anchors'));
    await expect(nowhere.append(root(1))).rejects.toThrow(/none\/anchors can not be written/);
    await expect(new FileAnchor(folder).read()).rejects.toThrow(/can not be read/);
  });
});
