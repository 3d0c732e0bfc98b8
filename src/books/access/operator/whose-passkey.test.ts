import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authenticator } from '../../../../test/support/authenticator.ts';
import {
  activateOperator,
  addPasskey,
  beginRegistration,
  inviteOperator,
  listPasskeys,
  readOperator,
  recoverOperator,
  removePasskey,
} from '../index.ts';
import { done, ORIGIN, People, type Person } from './people.fixture.ts';

let people: People;
let ann: Person;
let bob: Person;
beforeAll(async () => {
  people = await People.start();
  ann = await people.person(['security-admin'], { name: 'ann' });
  bob = await people.person(['security-admin'], { name: 'bob' });
});
afterAll(() => people?.stop());

const of = (by: Person, target: Pick<Person, 'operatorId'>) => ({
  ...{ tenantId: people.at.tenantId, operatorId: target.operatorId },
  by: { operatorId: by.operatorId, correlationId: 'c' },
});
const shown = async ({ operatorId }: Person) =>
  done(await readOperator(people.at.app, { operatorId, tenantId: people.at.tenantId }));

describe('a passkey that nobody has compared yet', () => {
  it('is not let into another tenant by what the owner gives there', async () => {
    const { app } = people.at;
    // Whoever gave the link opened it.
    const carl = await people.accept(await people.invite(['viewer'], { by: ann, name: 'carl' }));
    const tenantId = await people.at.tenant('of-the-owner');
    const order = { tenantId, name: 'carl', roles: ['security-admin'], lifeMs: 1_000 };
    const given = done(await inviteOperator(app, { ...order, by: { operatorId: null } }));
    expect(given).toMatchObject({ operator: { state: 'pending' }, invitation: null });
    expect(await people.tryLogin(carl)).toMatchObject({ code: 'passkey_refused' });
    const at = { tenantId, operatorId: carl.operatorId, by: { operatorId: null } };
    expect(done(await activateOperator(app, at)).state).toBe('active');
    // It was compared once.
    const next = { ...order, tenantId: await people.at.tenant('another'), by: at.by };
    expect(done(await inviteOperator(app, next)).operator.state).toBe('active');
  });

  it('is not activated in the place of the one that was compared', async () => {
    const { app } = people.at;
    const dora = await people.accept(await people.invite(['viewer'], { by: ann }));
    const [compared] = (await shown(dora)).fingerprints;
    const { invitation } = done(await recoverOperator(app, { ...of(ann, dora), lifeMs: 60_000 }));
    const swapped = await people.accept({ ...dora, token: invitation!.token });
    const activate = (fingerprint?: string) =>
      activateOperator(app, { ...of(bob, dora), ...(fingerprint && { fingerprint }) });
    for (const named of [compared, undefined]) {
      expect(await activate(named)).toMatchObject({ code: 'other_passkey' });
    }
    expect(await people.tryLogin(swapped)).toMatchObject({ code: 'passkey_refused' });
    const [now] = (await shown(dora)).fingerprints;
    expect(done(await activate(now)).state).toBe('active');
  });
});

describe('one more passkey', () => {
  it('is not added by a session whose own passkey went meanwhile', async () => {
    const { app } = people.at;
    const eve = await people.person(['viewer']);
    const { operatorId, name } = eve;
    const thief = new Authenticator(ORIGIN);
    const options = await beginRegistration(app, people.party, { operatorId, name });
    const by = { operatorId };
    done(await removePasskey(app, { operatorId, credentialId: eve.key.id, by }));
    const order = { operatorId, credentialId: eve.key.id, name: 'mine', correlationId: 'c' };
    const answer = thief.register(options);
    expect(await addPasskey(people.entry, { ...order, answer })).toMatchObject({
      code: 'unauthenticated',
    });
    expect(await listPasskeys(app, operatorId)).toEqual([]);
  });
});
