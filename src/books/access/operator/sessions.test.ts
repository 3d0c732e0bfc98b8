import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authenticator } from '../../../../test/support/authenticator.ts';
import {
  addPasskey,
  beginInvitation,
  beginRegistration,
  endSession,
  inviteFirstAdmin,
  removePasskey,
  suspendOperator,
} from '../index.ts';
import { done, ORIGIN, People } from './people.fixture.ts';

let people: People;
beforeAll(async () => {
  people = await People.start();
});
afterAll(() => people?.stop());

const REFUSED = { code: 'passkey_refused' };
const ENDED = { code: 'invitation_ended' };

describe('a session', () => {
  const shift = (column: string, by: string) =>
    people.at.rows(`UPDATE operator_session SET ${column} = ${column} - $1::interval`, [by]);

  it('ends with its logout, when it is idle for half an hour, and after twelve hours', async () => {
    const person = await people.person(['viewer']);
    const out = await people.login(person);
    await endSession(people.at.app, (await people.session(out))!.sessionId);
    expect(await people.session(out)).toBeNull();

    const idle = await people.login(person);
    await shift('seen_at', '29 minutes');
    expect(await people.session(idle)).not.toBeNull();
    await shift('seen_at', '29 minutes');
    expect(await people.session(idle)).not.toBeNull();
    await shift('seen_at', '30 minutes');
    expect(await people.session(idle)).toBeNull();

    const old = await people.login(person);
    await shift('expires_at', '12 hours');
    expect(await people.session(old)).toBeNull();
  });

  it('is fresh for 5 minutes', async () => {
    const token = await people.login(await people.person(['viewer']));
    await shift('started_at', '5 minutes');
    expect(await people.session(token)).toMatchObject({ fresh: false });
  });

  it('has the rights of each moment, and none left is no session', async () => {
    const { tenantId, app } = people.at;
    const person = await people.person(['viewer']);
    const other = await people.at.tenant('second');
    await people.at.rows(
      `INSERT INTO operator_membership (operator_id, tenant_id, roles, activated_at) VALUES ($1, $2, '{operator}', now())`,
      [person.operatorId, other],
    );
    const token = await people.login(person);
    expect((await people.session(token))!.memberships).toHaveLength(2);
    const { operatorId } = person;
    const by = { operatorId: null };
    done(await suspendOperator(app, { tenantId, operatorId, by }));
    expect((await people.session(token))!.memberships).toMatchObject([{ tenantId: other }]);
    done(await suspendOperator(app, { tenantId: other, operatorId, by }));
    expect(await people.session(token)).toBeNull();
    expect(await people.tryLogin(person)).toMatchObject(REFUSED);
  });

  it('is found by its token alone, which is stored nowhere', async () => {
    const token = await people.login(await people.person(['viewer']));
    const rows = await people.at.rows('SELECT operator_session::text AS row FROM operator_session');
    expect(JSON.stringify(rows)).not.toContain(token);
    for (const wrong of ['', 'x', `${token}x`, 'A'.repeat(43)]) {
      expect(await people.session(wrong)).toBeNull();
    }
  });
});

describe('passkeys', () => {
  it('are several, and one that is removed ends the sessions that it began', async () => {
    const person = await people.person(['viewer']);
    const { operatorId } = person;
    const key = new Authenticator(ORIGIN);
    const answer = key.register(await beginRegistration(people.at.app, people.party, person));
    const order = { operatorId, credentialId: person.key.id, name: 'second', correlationId: 'c' };
    expect(await addPasskey(people.entry, { ...order, answer })).toBeNull();
    expect(await addPasskey(people.entry, { ...order, answer })).toMatchObject(REFUSED);
    const [first, second] = [await people.login(person), await people.login({ key })];
    const by = { operatorId };
    const remove = (credentialId: string) =>
      removePasskey(people.at.app, { operatorId, credentialId, by });
    expect(await remove(person.key.id)).toBeNull();
    expect(await remove(person.key.id)).toMatchObject({ code: 'not_found' });
    expect(await people.session(first)).toBeNull();
    expect(await people.session(second)).not.toBeNull();
    const stranger = await people.person(['viewer']);
    expect(await remove(stranger.key.id)).toMatchObject({ code: 'not_found' });
    expect(await remove('a\0')).toMatchObject({ code: 'not_found' });
  });

  it('are never all removed of the last security-admin', async () => {
    const tenantId = await people.at.tenant('lonely');
    const [ann, bob] = [
      await people.person(['security-admin'], { tenantId }),
      await people.person(['security-admin'], { tenantId }),
    ];
    const remove = ({ operatorId, key }: typeof ann) =>
      removePasskey(people.at.app, { operatorId, credentialId: key.id, by: { operatorId } });
    const ends = await Promise.all([remove(ann), remove(bob)]);
    expect(ends.filter((end) => end === null)).toHaveLength(1);
    expect(ends.filter((end) => end !== null)).toMatchObject([{ code: 'last_security_admin' }]);
  });
});

describe('the first security-admin', () => {
  it('is invited anew by each start until there is one, and never by an old link', async () => {
    const fresh = await People.start();
    const { app, tenantId } = fresh.at;
    const invite = () =>
      inviteFirstAdmin(app, { tenantIds: [tenantId], roles: ['security-admin'], lifeMs: 60_000 });
    const first = (await invite())!;
    const second = (await invite())!;
    expect(await beginInvitation(fresh.entry, first.token)).toMatchObject(ENDED);
    const [operator] = await fresh.at.rows<{ operatorId: string; name: string }>(
      'SELECT operator_id AS "operatorId", name FROM operator',
    );
    const person = await fresh.accept({ ...operator!, token: second.token });
    await fresh.login(person);
    expect(await invite()).toBeNull();
    const { operatorId } = person;
    done(await suspendOperator(app, { tenantId, operatorId, by: { operatorId: null } }));
    expect(await invite()).not.toBeNull();
    const names = await fresh.at.rows('SELECT name FROM operator ORDER BY name');
    expect(names).toEqual([{ name: 'admin' }, { name: 'admin-2' }]);
    await fresh.stop();
  });
});
