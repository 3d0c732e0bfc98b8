import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  activateOperator,
  allows,
  beginInvitation,
  changeRoles,
  createKey,
  inviteOperator,
  listOperators,
  type NewApiKey,
  readOperator,
  recoverOperator,
  resumeOperator,
  rotateKey,
  suspendOperator,
} from '../index.ts';
import { done, People, type Person } from './people.fixture.ts';

let people: People;
let ann: Person;
let bob: Person;
let viewer: Person;
beforeAll(async () => {
  people = await People.start();
  ann = await people.person(['security-admin'], { name: 'ann' });
  bob = await people.person(['security-admin', 'operator'], { name: 'bob' });
  viewer = await people.person(['viewer'], { name: 'viewer' });
});
afterAll(() => people?.stop());

const of = (by: Person, target: Pick<Person, 'operatorId'>, tenantId = people.at.tenantId) => ({
  ...{ tenantId, operatorId: target.operatorId },
  by: { operatorId: by.operatorId, correlationId: 'c' },
});
const owner = { operatorId: null };
const compared = async (by: Person, target: Pick<Person, 'operatorId'>) => ({
  ...of(by, target),
  fingerprint: done(await read(target)).fingerprints[0]!,
});
const read = ({ operatorId }: Pick<Person, 'operatorId'>) =>
  readOperator(people.at.app, { operatorId, tenantId: people.at.tenantId });

describe('whom a security-admin invites', () => {
  it('may do nothing until another one has activated them', async () => {
    const { app } = people.at;
    const carl = await people.accept(await people.invite(['operator'], { by: ann }));
    expect(await read(carl)).toMatchObject({ state: 'pending', grantedBy: ann.operatorId });
    expect(await people.tryLogin(carl)).toMatchObject({ code: 'passkey_refused' });
    expect(await activateOperator(app, of(ann, carl))).toMatchObject({
      code: 'second_person_required',
    });
    expect(await activateOperator(app, of(carl, carl))).toMatchObject({ code: 'missing_role' });
    const active = done(await activateOperator(app, await compared(bob, carl)));
    expect(active).toMatchObject({ state: 'active', activatedBy: bob.operatorId });
    expect(active.fingerprints).toHaveLength(1);
    await people.login(carl);
    const [told] = await people.events('operator.activated');
    expect(told).toMatchObject({ subjectId: carl.operatorId, data: { by: bob.operatorId } });
  });

  it('is not activated before they have a passkey to compare, save by the link of the owner', async () => {
    const { app } = people.at;
    const invited = await people.invite(['viewer'], { by: ann });
    expect(await activateOperator(app, of(bob, invited))).toMatchObject({ code: 'not_registered' });
    expect(await read(await people.invite(['viewer']))).toMatchObject({ state: 'invited' });
  });

  it('has a link that falls with the rights of who gave it', async () => {
    const { app } = people.at;
    const dora = await people.person(['security-admin']);
    const invited = await people.invite(['viewer'], { by: dora });
    done(await suspendOperator(app, of(ann, dora)));
    expect(await beginInvitation(people.entry, invited.token)).toMatchObject({
      code: 'invitation_ended',
    });
  });

  it.each([
    ['a name with spaces', 'a person', ['viewer'], 'invalid_request'],
    ['no role', 'nobody', [], 'invalid_request'],
    ['a role that is none', 'nobody', ['root'], 'invalid_request'],
    ['somebody who is there', 'viewer', ['viewer'], 'operator_exists'],
  ])('is refused %s', async (_what, name, roles, code) => {
    const before = await listOperators(people.at.app);
    const order = { tenantId: people.at.tenantId, name, roles, lifeMs: 1_000 };
    const by = { operatorId: ann.operatorId };
    expect(await inviteOperator(people.at.app, { ...order, by })).toMatchObject({ code });
    expect(await listOperators(people.at.app)).toEqual(before);
  });
});

describe('nobody', () => {
  it('changes, activates, suspends or invites themself', async () => {
    const { app } = people.at;
    const own = of(ann, ann);
    const ends = [
      await changeRoles(app, { ...own, roles: ['viewer'] }),
      await activateOperator(app, own),
      await suspendOperator(app, own),
      await resumeOperator(app, own),
      await recoverOperator(app, { ...own, lifeMs: 1_000 }),
    ];
    for (const end of ends) expect(end).toMatchObject({ code: 'own_rights' });
  });

  it('without the role of security-admin does any of it, nor by one of another tenant', async () => {
    const { app } = people.at;
    const elsewhere = await people.at.tenant('elsewhere');
    const eve = await people.person(['security-admin'], { tenantId: elsewhere });
    for (const by of [viewer, eve]) {
      const at = of(by, bob);
      const invited = { tenantId: at.tenantId, name: 'x', roles: ['viewer'], lifeMs: 1, by: at.by };
      const ends = [
        await inviteOperator(app, invited),
        await changeRoles(app, { ...at, roles: ['viewer'] }),
        await activateOperator(app, at),
        await suspendOperator(app, at),
        await resumeOperator(app, at),
        await recoverOperator(app, { ...at, lifeMs: 1 }),
      ];
      for (const end of ends) expect(end).toMatchObject({ code: 'missing_role' });
    }
    expect(await suspendOperator(app, of(eve, bob, elsewhere))).toMatchObject({
      code: 'not_found',
    });
  });
});

describe('roles', () => {
  it('are narrowed at once, and widened by two', async () => {
    const { app } = people.at;
    const fred = await people.person(['viewer', 'operator']);
    const token = await people.login(fred);
    done(await changeRoles(app, { ...of(ann, fred), roles: ['viewer'] }));
    expect((await people.session(token))!.memberships).toMatchObject([{ roles: ['viewer'] }]);
    const wider = await changeRoles(app, { ...of(ann, fred), roles: ['viewer', 'approver'] });
    expect(wider).toMatchObject({ state: 'pending', grantedBy: ann.operatorId, activatedBy: null });
    expect(await people.session(token)).toBeNull();
    expect(await activateOperator(app, of(ann, fred))).toMatchObject({
      code: 'second_person_required',
    });
    done(await activateOperator(app, await compared(bob, fred)));
    await people.login(fred);
  });

  it('are held to two persons by the database itself', async () => {
    const set = (text: string) =>
      people.at.app.query(`UPDATE operator_membership SET ${text} WHERE operator_id = $1`, [
        viewer.operatorId,
      ]);
    const [a, v] = [ann.operatorId, viewer.operatorId].map((id) => `'${id}'`);
    const at = 'activated_at = now()';
    await expect(set(`granted_by = ${a}, activated_by = ${a}, ${at}`)).rejects.toThrow(
      /two_persons/,
    );
    await expect(set(`granted_by = ${v}`)).rejects.toThrow(/_own/);
    await expect(set(`activated_by = ${v}, ${at}`)).rejects.toThrow(/_own/);
    await expect(set(`roles = '{root}'`)).rejects.toThrow(/_roles/);
    await expect(set(`roles = '{}'`)).rejects.toThrow(/_roles/);
  });
});

describe('suspension', () => {
  it('is never of the last security-admin, also when two suspend each other at once', async () => {
    const tenantId = await people.at.tenant('pair');
    const [one, two] = [
      await people.person(['security-admin'], { tenantId }),
      await people.person(['security-admin'], { tenantId }),
    ];
    const { app } = people.at;
    const ends = await Promise.all([
      suspendOperator(app, of(one, two, tenantId)),
      suspendOperator(app, of(two, one, tenantId)),
    ]);
    expect(ends.filter((end) => 'state' in end)).toHaveLength(1);
    expect(ends.filter((end) => 'code' in end)).toMatchObject([{ code: 'missing_role' }]);
  });

  it('is taken back with the rights that were good before', async () => {
    const { app } = people.at;
    const gus = await people.person(['viewer']);
    done(await suspendOperator(app, of(ann, gus)));
    expect(done(await suspendOperator(app, of(ann, gus))).state).toBe('suspended');
    expect(done(await resumeOperator(app, of(ann, gus))).state).toBe('active');
    expect(await people.events('operator.suspended')).toContainEqual({
      ...{ tenantId: people.at.tenantId, subjectId: gus.operatorId },
      data: { by: ann.operatorId },
    });
    const [own, by] = [gus, ann].map(({ operatorId }) => `operator ${operatorId}`);
    // The last two: what was said twice was done once.
    expect((await people.acts(gus.operatorId)).slice(-2)).toEqual([
      ['operator.suspended', by],
      ['operator.resumed', by],
    ]);
    expect(await people.acts(gus.operatorId)).toContainEqual(['operator.registered', own]);
  });
});

describe('recovery', () => {
  it('gives new passkeys in the place of all others, and rights that wait for another one', async () => {
    const { app } = people.at;
    const hal = await people.person(['operator']);
    const token = await people.login(hal);
    const { invitation } = done(await recoverOperator(app, { ...of(ann, hal), lifeMs: 60_000 }));
    expect(await people.session(token)).not.toBeNull();
    const again = await people.accept({ ...hal, token: invitation!.token });
    expect(await people.session(token)).toBeNull();
    expect(await people.tryLogin(hal)).toMatchObject({ code: 'passkey_refused' });
    expect(await activateOperator(app, of(ann, hal))).toMatchObject({
      code: 'second_person_required',
    });
    done(await activateOperator(app, await compared(bob, hal)));
    await people.login(again);
  });

  it('by the owner leaves the rights as they are', async () => {
    const ida = await people.person(['operator']);
    const at = { tenantId: people.at.tenantId, operatorId: ida.operatorId, by: owner };
    const { invitation } = done(await recoverOperator(people.at.app, { ...at, lifeMs: 60_000 }));
    await people.login(await people.accept({ ...ida, token: invitation!.token }));
  });

  it('is refused to who is no security-admin in every tenant of the operator', async () => {
    const { app } = people.at;
    const other = await people.at.tenant('other');
    const jon = await people.person(['operator']);
    done(
      await inviteOperator(app, {
        ...{ tenantId: other, name: jon.name, roles: ['viewer'], lifeMs: 1_000, by: owner },
      }),
    );
    expect(await recoverOperator(app, { ...of(ann, jon), lifeMs: 1_000 })).toMatchObject({
      code: 'operator_elsewhere',
    });
  });

  it('of one tenant gives no link to an operator who is in another one too', async () => {
    const { app } = people.at;
    const other = await people.at.tenant('third');
    const invited = await people.invite(['operator'], { tenantId: other });
    const order = { tenantId: people.at.tenantId, name: invited.name, roles: ['viewer'] };
    const by = { operatorId: ann.operatorId };
    expect(await inviteOperator(app, { ...order, lifeMs: 1_000, by })).toMatchObject({
      invitation: null,
    });
    await people.accept(invited);
  });
});

describe('a key that an operator makes', () => {
  const make = (by: Person, scopes: string[]) =>
    createKey(
      people.at.app,
      { tenantId: people.at.tenantId, name: 'made', scopes },
      { operatorId: by.operatorId },
    );

  it('speaks for them, and may do what systems do', async () => {
    expect(await make(ann, ['withdrawals:*', 'ledger:credit'])).toMatchObject({
      personId: ann.operatorId,
    });
    expect(await make(bob, ['admin:breaks'])).toMatchObject({ personId: bob.operatorId });
  });

  it('is refused what people do and they may not', async () => {
    for (const scope of ['admin', 'admin:*', 'admin:breaks', 'admin:chains', 'admin:lanes']) {
      const refusal = await make(ann, ['ledger:read', scope]);
      const faults = [{ got: scope }];
      expect(refusal).toMatchObject({ code: 'grant_too_wide', faults });
    }
  });

  it('is refused once they are suspended, whatever a process remembers', async () => {
    const kim = await people.person(['security-admin']);
    done(await suspendOperator(people.at.app, of(ann, kim)));
    expect(await make(kim, ['ledger:read'])).toMatchObject({ code: 'unauthenticated' });
  });

  it('is not one that speaks for somebody else, by way of rotation', async () => {
    const { app, tenantId } = people.at;
    const order = { tenantId, name: 'of the owner', scopes: ['admin:breaks'] };
    const others = done(await createKey(app, order)) as NewApiKey;
    const own = done(await make(bob, ['admin:breaks'])) as NewApiKey;
    const plain = done(await createKey(app, { ...order, scopes: ['ledger:credit'] })) as NewApiKey;
    const rotate = ({ keyId }: NewApiKey, by = bob) =>
      rotateKey(app, { keyId, tenantId, overlapMs: 0, by: { operatorId: by.operatorId } });
    expect(await rotate(others)).toMatchObject({ code: 'grant_too_wide' });
    expect(await rotate(own, ann)).toMatchObject({ code: 'grant_too_wide' });
    expect(await rotate(own)).toMatchObject({ keyId: own.keyId });
    expect(await rotate(plain)).toMatchObject({ keyId: plain.keyId });
  });

  it('never opens the managing of operators', () => {
    expect(allows(['admin', 'admin:*'], 'operators')).toBe(false);
  });
});
