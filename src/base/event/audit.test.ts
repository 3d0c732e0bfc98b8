import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import { inTransaction } from '../db/index.ts';
import { readAudit, writeAudit } from './index.ts';

let at: MainDatabase;
beforeAll(async () => {
  at = await MainDatabase.start();
});
afterAll(() => at.stop());

const entries = () =>
  at.rows('SELECT tenant_id, action, actor, subject, correlation_id, detail FROM audit_entry');

describe('audit entries', () => {
  it('are written with the act that they tell, or not at all', async () => {
    const { tenantId } = at;
    const undone = inTransaction(at.app, async (sql) => {
      await writeAudit(sql, [{ tenantId, action: 'lane.paused', actor: 'ann' }]);
      throw new Error('the act failed');
    });
    await expect(undone).rejects.toThrow('the act failed');
    expect(await entries()).toEqual([]);
    await inTransaction(at.app, (sql) =>
      writeAudit(sql, [
        { tenantId: null, action: 'chain.resume_ordered', actor: 'ann' },
        {
          ...{ tenantId, action: 'api_key.made', actor: 'API key 1', subject: '2' },
          ...{ correlationId: 'c', detail: { scopes: ['admin'], at: new Date(0) } },
        },
      ]),
    );
    await writeAudit(at.app, []);
    expect(await entries()).toEqual([
      {
        ...{ tenant_id: null, action: 'chain.resume_ordered', actor: 'ann', subject: null },
        ...{ correlation_id: null, detail: {} },
      },
      {
        ...{ tenant_id: tenantId, action: 'api_key.made', actor: 'API key 1', subject: '2' },
        ...{ correlation_id: 'c', detail: { scopes: ['admin'], at: '1970-01-01T00:00:00.000Z' } },
      },
    ]);
  });

  it.each([
    ['an action that is not room.verb', { action: 'Paused', actor: 'ann' }],
    ['nobody as who did it', { action: 'lane.paused', actor: '' }],
  ])('are refused with %s', async (_what, entry) => {
    const refused = writeAudit(at.app, [{ tenantId: at.tenantId, ...entry }]);
    await expect(refused).rejects.toMatchObject({ code: '23514' });
  });

  it('are read newest first and by pages, by room, action and subject, each by its own tenant', async () => {
    const { rows } = await at.owner.query<{ tenant_id: string }>(
      `INSERT INTO tenant (name) VALUES ('reader') RETURNING tenant_id`,
    );
    const tenantId = rows[0]!.tenant_id;
    const acts = ['lane.paused', 'lane.resumed', 'lanes.odd', 'hold.cleared'];
    for (const action of acts) {
      const subject = action === 'lane.paused' ? '1' : '2';
      await writeAudit(at.app, [{ tenantId, action, actor: 'ann', subject }]);
    }
    const read = async (query: { action?: string; subject?: string; before?: string }) =>
      (await readAudit(at.app, { tenantId, limit: 3, before: null, ...query })).map(
        ({ action }) => action,
      );
    expect(await read({})).toEqual(['hold.cleared', 'lanes.odd', 'lane.resumed']);
    const [, , last] = await readAudit(at.app, { tenantId, limit: 3, before: null });
    expect(await read({ before: last!.id })).toEqual(['lane.paused']);
    expect(await read({ action: 'lane' })).toEqual(['lane.resumed', 'lane.paused']);
    expect(await read({ action: 'lane.paused' })).toEqual(['lane.paused']);
    expect(await read({ subject: '2', action: 'lane' })).toEqual(['lane.resumed']);
    const others = await readAudit(at.app, { tenantId: at.tenantId, limit: 9, before: null });
    expect(others.map(({ action }) => action)).toEqual(['api_key.made']);
  });

  it('can not be changed or deleted by the program', async () => {
    for (const text of ["UPDATE audit_entry SET actor = 'bob'", 'DELETE FROM audit_entry']) {
      await expect(at.app.query(text)).rejects.toMatchObject({ code: '42501' });
    }
  });
});
