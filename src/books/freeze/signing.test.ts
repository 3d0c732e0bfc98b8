import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import { readSigningFreeze, tellSigningFreezes } from './index.ts';

let at: MainDatabase;
beforeEach(async () => {
  at = await MainDatabase.start();
});
afterEach(() => at.stop());

async function declare(code: string): Promise<string> {
  const [row] = await at.rows<{ freeze_id: string }>(
    `INSERT INTO signing_freeze (code, detail, remedy, declared_by) VALUES ($1, 'found', 'do', 's')
     RETURNING freeze_id`,
    [code],
  );
  return row!.freeze_id;
}
const lift = (id: string) =>
  at.rows(`INSERT INTO signing_freeze_lift (freeze_id, lifted_by) VALUES ($1, 's')`, [id]);
const events = () =>
  at.rows(
    `SELECT tenant_id, type, data FROM event WHERE type LIKE 'signing.%' ORDER BY event_id, tenant_id`,
  );

describe('a freeze of signing', () => {
  it('stands until it is lifted, and the newest of several is shown', async () => {
    expect(await readSigningFreeze(at.app)).toBeNull();
    const first = await declare('main_behind');
    const second = await declare('witness_missing');
    expect(await readSigningFreeze(at.app)).toMatchObject({
      code: 'witness_missing',
      detail: 'found',
      remedy: 'do',
      at: expect.any(Date),
    });
    await lift(second);
    expect(await readSigningFreeze(at.app)).toMatchObject({ code: 'main_behind' });
    await lift(first);
    expect(await readSigningFreeze(at.app)).toBeNull();
  });

  it('and its end are told to every tenant, once each, also by two at a time', async () => {
    const other = await at.tenant('other');
    const id = await declare('main_behind');
    const told = await Promise.all([
      tellSigningFreezes(at.app),
      tellSigningFreezes(at.app),
      tellSigningFreezes(at.app),
    ]);
    expect(told.reduce((sum, n) => sum + n, 0)).toBe(1);
    const data = { code: 'main_behind', detail: 'found', remedy: 'do' };
    const tenants = [at.tenantId, other].sort();
    const frozen = tenants.map((tenant_id) => ({ tenant_id, type: 'signing.frozen', data }));
    const byTenant = (a: { tenant_id: string }, b: { tenant_id: string }) =>
      a.tenant_id < b.tenant_id ? -1 : 1;
    expect(((await events()) as typeof frozen).sort(byTenant)).toEqual(frozen);
    await lift(id);
    expect(await tellSigningFreezes(at.app)).toBe(1);
    expect(await tellSigningFreezes(at.app)).toBe(0);
    expect((await events()).filter(({ type }) => type === 'signing.resumed')).toHaveLength(2);
  });

  it('that was over before anyone told it is told with its end', async () => {
    await lift(await declare('main_behind'));
    expect(await tellSigningFreezes(at.app)).toBe(2);
    expect((await events()).map(({ type }) => type)).toEqual(['signing.frozen', 'signing.resumed']);
  });
});
