import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import { makePersons } from '../../../../test/support/steps/persons.ts';
import { Assets } from '../../../base/config/index.ts';
import { inTransaction } from '../../../base/db/index.ts';
import { isRefusal, Transient } from '../../../base/kernel/index.ts';
import { openBreaks } from '../../../books/breaks/index.ts';
import { Ledger } from '../../../books/ledger/index.ts';
import { BreakService } from '../index.ts';

let at: MainDatabase;
beforeAll(async () => {
  at = await MainDatabase.start();
});
afterAll(() => at?.stop());

it('a break that is found again while the second word is carried out stays open: nobody has seen it like that', async () => {
  const [lane] = await at.rows<{ id: number }>(
    `INSERT INTO lane (tenant_id, chain_id, address, purpose, first_nonce, next_nonce)
     VALUES ($1, 1, decode(repeat('ab', 20), 'hex'), 'pay', 0, 0) RETURNING lane_id AS id`,
    [at.tenantId],
  );
  const subjectId = randomUUID();
  const find = (transactions: number) =>
    inTransaction(at.app, (sql) =>
      openBreaks(sql, [
        {
          ...{ tenantId: at.tenantId, kind: 'final_taken_back', chainId: 1, laneId: lane!.id },
          ...{ subjectId, owner: null, correlationId: null, detail: { transactions } },
        },
      ]),
    );
  await find(1);
  let meanwhile = async () => {};
  class Slow extends Ledger {
    override async open(...args: Parameters<Ledger['open']>) {
      await meanwhile();
      return super.open(...args);
    }
  }
  const parts = { db: at.app, ledger: new Slow(at.app), assets: new Assets([]) };
  const breaks = new BreakService({ ...parts, chains: [], owners: {} });
  const [found] = await breaks.list(at.tenantId, {}, { limit: 1, before: null });
  const [first, second] = await makePersons(at.app, at.tenantId);
  const say = (personId: string) =>
    breaks.resolve(at.tenantId, found!.id, {
      by: { personId, tenantId: at.tenantId },
      body: { action: 'adjust', adjustments: [], evidence: 'one transaction, seen' },
      correlationId: 'c',
    });
  expect(await say(first!)).toMatchObject({ kind: 'proposed' });
  meanwhile = () => find(2);
  await expect(say(second!)).rejects.toBeInstanceOf(Transient);
  meanwhile = async () => {};
  const now = await breaks.get(at.tenantId, found!.id);
  expect(now).toMatchObject({ state: 'open', detail: { transactions: 2 }, actions: [] });
  // Of it as it is now both say it anew.
  expect(await say(second!)).toMatchObject({ kind: 'proposed' });
  const done = await say(first!);
  expect(isRefusal(done) || done.view.state).toBe('resolved');
});
