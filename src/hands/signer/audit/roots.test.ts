import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import type { Db } from '../../../base/db/index.ts';
import { fromHex, type Hex, toHex } from '../../../base/kernel/index.ts';
import {
  type AuditHeader,
  auditHash,
  isAuditSignature,
  NO_HEADER,
  rawPublicKey,
} from '../../../books/audit/check.ts';
import { signRoots } from './roots.ts';

const { privateKey: key } = generateKeyPairSync('ed25519');
let at: MainDatabase;
let main: Db;
let journal: Db;
let installationId: string;
beforeEach(async () => {
  at = await MainDatabase.start();
  main = at.pool('payonce_signer');
  journal = at.pool('payonce_signer', 2, at.databases.signerUrl);
  const [row] = await at.rows<{ id: string }>('SELECT installation_id AS id FROM installation');
  installationId = row!.id;
});
afterEach(() => at.stop());

const idOf = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;

/** A block after another, as the sealer would write it. */
async function block(previous: AuditHeader | null, root = 7): Promise<AuditHeader> {
  const height = (previous?.height ?? 0n) + 1n;
  const header: AuditHeader = {
    installationId,
    height,
    previous: previous === null ? NO_HEADER : auditHash(previous),
    from: idOf(Number(height)),
    to: idOf(Number(height) + 1),
    rows: { transfer: 1 },
    merkleRoot: toHex(Buffer.alloc(32, root)),
    journal: { height: 0n, hash: NO_HEADER },
    sealedAt: new Date('2026-01-31T12:00:00.123Z'),
  };
  await at.rows(
    `INSERT INTO audit_block (height, previous_hash, from_id, to_id, counts, merkle_root, journal_height,
       journal_hash, sealed_at, leaves) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9)`,
    [
      ...[height, fromHex(header.previous), header.from, header.to, JSON.stringify(header.rows)],
      ...[fromHex(header.merkleRoot), fromHex(NO_HEADER), header.sealedAt, Buffer.alloc(48)],
    ],
  );
  return header;
}

const sign = () => signRoots({ main, journal, key });
const signatures = () =>
  at.rows<{ height: bigint; signature: Buffer; public_key: Buffer }>(
    'SELECT height, signature, public_key FROM audit_signature ORDER BY height',
  );

describe('the signer', () => {
  it('signs the headers that wait, each after the one before', async () => {
    expect(await sign()).toBe(0);
    const first = await block(null);
    const second = await block(first);
    expect(await sign()).toBe(2);
    expect(await sign()).toBe(0);
    const third = await block(second);
    expect(await sign()).toBe(1);
    const found = await signatures();
    const publicKey: Hex = rawPublicKey(key);
    expect(found.map(({ public_key }) => toHex(public_key))).toEqual([
      publicKey,
      publicKey,
      publicKey,
    ]);
    [first, second, third].forEach((header, at) => {
      expect(isAuditSignature(header, publicKey, found[at]!.signature)).toBe(true);
      const other = { ...header, rows: { transfer: 2 } };
      expect(isAuditSignature(other, publicKey, found[at]!.signature)).toBe(false);
    });
  });

  it('gives the same signature again when a crash lost it behind the journal', async () => {
    await block(null);
    await sign();
    const before = await signatures();
    await at.rows('DELETE FROM audit_signature');
    expect(await sign()).toBe(1);
    expect(await signatures()).toEqual(before);
  });

  it('signs no other header of a height that it has signed', async () => {
    const first = await block(null);
    await block(first);
    await sign();
    await at.rows('DELETE FROM audit_signature');
    await at.rows('DELETE FROM audit_block');
    const forged = await block(null, 8);
    await expect(sign()).rejects.toThrow(/nothing of this height will be signed/);
    await block(forged);
    await expect(sign()).rejects.toThrow(/audit block 1 is/);
    expect(await signatures()).toEqual([]);
  });

  it('signs none that follows what it has not signed', async () => {
    const first = await block(null);
    const second = await block(first);
    await at.rows('DELETE FROM audit_block WHERE height = 1');
    await expect(sign()).rejects.toThrow(/after what was signed here/);
    await at.rows('DELETE FROM audit_block');
    await sign();
    await block({ ...second, height: 0n, merkleRoot: NO_HEADER });
    await expect(sign()).rejects.toThrow(/audit block 1 is/);
    expect(await signatures()).toEqual([]);
  });

  it('can read of a block only what it signs, and change nothing', async () => {
    for (const text of [
      'SELECT leaves FROM audit_block',
      'DELETE FROM audit_block',
      'UPDATE audit_signature SET height = 2',
      'SELECT * FROM audit_entry',
    ]) {
      await expect(main.query(text), text).rejects.toMatchObject({ code: '42501' });
    }
  });
});
