import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKey, type NewApiKey, rotateKey } from './index.ts';
import { done, People, type Person } from './operator/people.fixture.ts';

let people: People;
let ann: Person;
let bob: Person;
beforeAll(async () => {
  people = await People.start();
  ann = await people.person(['security-admin', 'approver']);
  bob = await people.person(['security-admin']);
});
afterAll(() => people?.stop());

type By = Parameters<typeof createKey>[2];
const make = async (scopes: string[], by: By = null) => {
  const order = { tenantId: people.at.tenantId, name: 'payroll', scopes };
  return done(await createKey(people.at.app, order, by)) as NewApiKey;
};
const rotate = ({ keyId }: NewApiKey, by: NonNullable<By>) =>
  rotateKey(people.at.app, { keyId, tenantId: people.at.tenantId, overlapMs: 0, by });

describe('a key that asks for payments', () => {
  it.each([[['withdrawals:create']], [['ledger:read', 'withdrawals:*']], [['payments:refund']]])(
    'with %j is rotated by nobody who would then ask by it as somebody else',
    async (scopes) => {
      const admin = await make([...scopes, 'admin:keys']);
      const byKey = { keyId: admin.keyId, rateLimit: null };
      const theirs = [await make(scopes), await make(scopes, { operatorId: bob.operatorId })];
      for (const key of theirs) {
        for (const by of [{ operatorId: ann.operatorId }, byKey]) {
          expect(await rotate(key, by)).toMatchObject({ code: 'grant_too_wide' });
        }
      }
      const own = { operatorId: ann.operatorId };
      expect(await rotate(await make(scopes, own), own)).toHaveProperty('key');
      expect(await rotate(await make(scopes, byKey), byKey)).toHaveProperty('key');
      expect(await rotate(admin, byKey)).toHaveProperty('key');
    },
  );
});
