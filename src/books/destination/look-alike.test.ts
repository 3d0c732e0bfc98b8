import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import { sequenceEvents } from '../../base/event/index.ts';
import { type Address, isRefusal } from '../../base/kernel/index.ts';
import { createKey } from '../access/index.ts';
import { addEntry, notePaid, readLookAlikes, removeEntry } from './index.ts';

let at: MainDatabase;
let by: string;
beforeAll(async () => {
  at = await MainDatabase.start();
  const key = await createKey(at.app, {
    ...{ tenantId: at.tenantId, name: 'ada', scopes: ['admin:address-book'] },
  });
  if (isRefusal(key)) throw new Error(key.detail);
  by = key.keyId;
});
afterAll(() => at.stop());

/** Between two given ends. */
const address = (head: string, middle: string, tail: string) =>
  `0x${head}${middle.repeat(16)}${tail}` as Address;
const looksLike = async (...addresses: Address[]) =>
  readLookAlikes(
    at.app,
    addresses.map((one) => ({ tenantId: at.tenantId, address: one })),
  );
const book = (one: Address) =>
  addEntry(at.app, { tenantId: at.tenantId, address: one, account: null, label: 'x', by });

/** A withdrawal of the tenant that came to this state, as its history tells. */
async function paid(to: Address, toState = 'COMPLETED'): Promise<void> {
  const id = randomUUID();
  await at.rows(
    `INSERT INTO withdrawal (withdrawal_id, tenant_id, account, asset, amount, fee, recipient, idempotency_key,
       correlation_id, status) VALUES ($1, $2, 'alice', 'x', 1, 0, decode($3, 'hex'), $4, 'c', 'RESERVED')`,
    [id, at.tenantId, to.slice(2), id],
  );
  await at.rows(
    `INSERT INTO event_batch (tenant_id, type, to_state, size, subject_ids) VALUES ($1, 'withdrawal', $2, 1, ARRAY[$3::uuid])`,
    [at.tenantId, toState, id],
  );
}

describe('a destination', () => {
  it('looks like one of the address book that has its ends, and no other', async () => {
    const known = address('abcd', '11', '9876');
    const { entry } = await book(known);
    expect(
      await looksLike(
        address('abcd', '22', '9876'),
        address('abcd', '22', '9877'),
        address('abce', '22', '9876'),
        known,
      ),
    ).toEqual([known, null, null, null]);
    await removeEntry(at.app, { tenantId: at.tenantId, id: entry.id, by });
    expect(await looksLike(address('abcd', '22', '9876'))).toEqual([null]);
  });

  it('looks like one that was paid before, as soon as the history was read', async () => {
    const known = address('5555', '11', '6666');
    const forged = address('5555', '22', '6666');
    await paid(known);
    await paid(address('7777', '11', '8888'), 'CANCELLED');
    await sequenceEvents(at.owner);
    expect(await looksLike(forged)).toEqual([null]);
    expect(await notePaid(at.app, 1)).toBe(true);
    while (await notePaid(at.app, 1));
    expect(await looksLike(forged, address('7777', '22', '8888'))).toEqual([known, null]);
    // It was paid itself: it is known from now on.
    await paid(forged);
    await sequenceEvents(at.owner);
    await notePaid(at.app);
    expect(await looksLike(forged)).toEqual([null]);
  });

  it('looks like nobody whom another tenant knows', async () => {
    const other = await at.tenant('other');
    await book(address('aaaa', '11', 'bbbb'));
    expect(
      await readLookAlikes(at.app, [{ tenantId: other, address: address('aaaa', '22', 'bbbb') }]),
    ).toEqual([null]);
  });
});
