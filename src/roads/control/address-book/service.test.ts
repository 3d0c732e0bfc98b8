import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import type { Sql } from '../../../base/db/index.ts';
import { checksummed, isRefusal } from '../../../base/kernel/index.ts';
import { createKey } from '../../../books/access/index.ts';
import { addEntry, readKnownSince } from '../../../books/destination/index.ts';
import { AddressBookService } from '../index.ts';

const [A, B] = [`0x${'ab'.repeat(20)}`, `0x${'cd'.repeat(20)}`] as const;

let at: MainDatabase;
let book: AddressBookService;
let other: string;
let personId: string;
beforeAll(async () => {
  at = await MainDatabase.start();
  other = await at.tenant('other');
  const scopes = ['admin:address-book'];
  const key = await createKey(at.app, { tenantId: at.tenantId, name: 'ada', scopes });
  if (isRefusal(key)) throw new Error(key.detail);
  personId = key.keyId;
  book = new AddressBookService(at.app);
});
afterAll(() => at?.stop());

const order = (body: unknown, tenantId = at.tenantId) => ({
  ...{ by: { tenantId, personId }, body, correlationId: 'c' },
});
const add = async (body: object, tenantId = at.tenantId) => {
  const made = await book.add(order({ label: 'cold', reason: 'ticket 7', ...body }, tenantId));
  if (isRefusal(made)) throw new Error(made.detail);
  return made;
};
const remove = (id: string, tenantId = at.tenantId) =>
  book.remove(id, order({ reason: 'closed' }, tenantId));
const known = (account: string | null, address: `0x${string}`, tenantId = at.tenantId) =>
  readKnownSince(at.app, [{ tenantId, account, address }]).then(([since]) => since);
const list = (filter = {}) => book.list(at.tenantId, filter, { limit: 9, before: null });

describe('the address book', () => {
  it('tells what was there to who adds it while another one removes it', async () => {
    const address = `0x${'ef'.repeat(20)}` as const;
    const { view } = await add({ address });
    // The removal is done as soon as a statement has met the entry.
    const sql = {
      query: async (query: { text: string; values: unknown[] }) => {
        const answer = await at.app.query(query);
        await remove(view.id);
        return answer;
      },
    } as unknown as Sql;
    const entry = { tenantId: at.tenantId, address, account: null, label: 'cold', by: personId };
    expect(await addEntry(sql, entry)).toMatchObject({ added: false, entry: { id: view.id } });
    const anew = await add({ address });
    expect(anew.added).toBe(true);
    await remove(anew.view.id);
  });

  it('has an address for every account or for one, since when the database says, once each', async () => {
    const forAll = await add({ address: checksummed(A) });
    expect(forAll).toMatchObject({
      added: true,
      view: { address: checksummed(A), account: null, label: 'cold', addedBy: personId },
    });
    const again = await Promise.all([1, 2, 3].map(() => add({ address: A, label: 'another' })));
    expect(again.map(({ added, view }) => [added, view.id])).toEqual(
      Array.from({ length: 3 }, () => [false, forAll.view.id]),
    );
    const forAlice = await add({ address: A, account: 'alice' });
    expect(forAlice.added).toBe(true);
    await add({ address: B, account: 'alice' });
    expect((await list()).map(({ account }) => account)).toEqual(['alice', 'alice', null]);
    expect(await list({ account: 'bob' })).toHaveLength(1);
    expect(await list({ address: B })).toMatchObject([{ account: 'alice' }]);

    const since = new Date(forAll.view.addedAt).getTime();
    expect(await known('bob', A)).toBe(since);
    // The one that has been there longest counts.
    expect(await known('alice', A)).toBe(since);
    expect(await known(null, A)).toBe(since);
    expect(await known('bob', B)).toBeNull();
    expect(await known('alice', B)).not.toBeNull();
    expect(await known('bob', A, other)).toBeNull();
    const many = [A, B, A].map((address) => ({ tenantId: at.tenantId, account: 'bob', address }));
    expect(await readKnownSince(at.app, many)).toEqual([since, null, since]);
    expect(await readKnownSince(at.app, [])).toEqual([]);
  });

  it('forgets at once what is removed, and begins anew when it comes again', async () => {
    const address = `0x${'11'.repeat(20)}` as const;
    const { view } = await add({ address });
    expect(await remove(view.id)).toMatchObject({ id: view.id, removedAt: expect.any(String) });
    expect(await known('bob', address)).toBeNull();
    expect(await remove(view.id)).toMatchObject({ code: 'not_found' });
    const anew = await add({ address });
    expect([anew.added, anew.view.id === view.id]).toEqual([true, false]);
    expect(await known('bob', address)).toBeGreaterThan(new Date(view.addedAt).getTime() - 1);
    const told = await at.rows(
      `SELECT type, data FROM event WHERE subject_id = $1 ORDER BY event_id`,
      [view.id],
    );
    const data = { address: checksummed(address), account: null, label: 'cold', by: personId };
    expect(told).toEqual([
      { type: 'address_book.added', data: { ...data, reason: 'ticket 7' } },
      { type: 'address_book.removed', data: { ...data, reason: 'closed' } },
    ]);
    const audited = await at.rows(
      `SELECT action AS type, detail AS data FROM audit_entry WHERE subject = $1 AND actor = $2 ORDER BY entry_id`,
      [view.id, `person ${personId}`],
    );
    expect(audited).toEqual(told);
  });

  it("is a tenant's own", async () => {
    const { view } = await add({ address: `0x${'22'.repeat(20)}` });
    expect(await remove(view.id, other)).toMatchObject({ code: 'not_found' });
    expect(await book.list(other, {}, { limit: 9, before: null })).toEqual([]);
    expect(await remove(randomUUID())).toMatchObject({ code: 'not_found' });
    expect(await remove('nonsense')).toMatchObject({ code: 'not_found' });
  });

  it.each<[string, object, string, string]>([
    ['no address', { address: undefined }, 'invalid_request', '/address'],
    ['half an address', { address: '0x12' }, 'invalid_address', '/address'],
    ['a wrong checksum', { address: `0x${'aB'.repeat(20)}` }, 'invalid_address', '/address'],
    ['the zero address', { address: `0x${'00'.repeat(20)}` }, 'invalid_address', '/address'],
    ['an account that can not be', { account: 'a b' }, 'invalid_request', '/account'],
    ['no label', { label: '' }, 'invalid_request', '/label'],
    ['no reason', { reason: undefined }, 'invalid_request', '/reason'],
    ['a blank reason', { reason: '  ' }, 'invalid_request', '/reason'],
    ['an unknown field', { since: 'x' }, 'unknown_field', '/since'],
  ])('takes nothing with %s', async (_, part, code, pointer) => {
    const before = await at.rows('SELECT count(*) FROM address_book_entry');
    const answer = await book.add(order({ address: B, label: 'l', reason: 'r', ...part }));
    expect(answer).toMatchObject({ code, faults: [{ pointer }] });
    expect(await at.rows('SELECT count(*) FROM address_book_entry')).toEqual(before);
  });

  it('lets nobody write when something was added, nor change what was', async () => {
    for (const text of [
      `INSERT INTO address_book_entry (tenant_id, address, label, added_by, added_at)
       SELECT tenant_id, address, label, added_by, '2001-01-01' FROM address_book_entry LIMIT 1`,
      `UPDATE address_book_entry SET added_at = '2001-01-01'`,
      'UPDATE address_book_entry SET address = address',
      'DELETE FROM address_book_entry',
    ]) {
      await expect(at.app.query(text)).rejects.toMatchObject({ code: '42501' });
    }
  });
});
