import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authenticator } from '../../../../test/support/authenticator.ts';
import {
  acceptInvitation,
  beginInvitation,
  beginLogin,
  finishLogin,
  listPasskeys,
} from '../index.ts';
import { done, ORIGIN, People } from './people.fixture.ts';

let people: People;
beforeAll(async () => {
  people = await People.start();
});
afterAll(() => people?.stop());

const REFUSED = { code: 'passkey_refused' };
const ENDED = { code: 'invitation_ended' };

describe('an invitation', () => {
  const begin = (token: string) => beginInvitation(people.entry, token);
  const accept = (token: string, answer: unknown) =>
    acceptInvitation(people.entry, { token, name: 'key', answer, correlationId: 'c' });

  it('registers a passkey once, and its operator logs in with it', async () => {
    const invited = await people.invite(['viewer']);
    const key = new Authenticator(ORIGIN);
    const { options, name } = done(await begin(invited.token));
    expect(name).toBe(invited.name);
    const accepted = done(await accept(invited.token, key.register(options)));
    expect(accepted).toEqual({
      active: true,
      fingerprint: expect.stringMatching(/^(\w{4}-){3}\w{4}$/),
    });
    expect(await begin(invited.token)).toMatchObject(ENDED);
    const session = (await people.session(await people.login({ key })))!;
    expect(session).toMatchObject({ operatorId: invited.operatorId, fresh: true });
    expect(session.memberships).toEqual([
      { tenantId: people.at.tenantId, tenantName: 'demo', roles: ['viewer'] },
    ]);
  });

  it('is used by one of two who open it at once', async () => {
    const { token, operatorId } = await people.invite(['viewer']);
    const answers = await Promise.all(
      [1, 2].map(async () => {
        const { options } = done(await begin(token));
        return new Authenticator(ORIGIN).register(options);
      }),
    );
    const ends = await Promise.all(answers.map((answer) => accept(token, answer)));
    expect(ends.filter((end) => 'fingerprint' in end)).toHaveLength(1);
    expect(ends.filter((end) => 'code' in end)).toMatchObject([ENDED]);
    expect(await listPasskeys(people.at.app, operatorId)).toHaveLength(1);
  });

  it('opens nothing when it is unknown, malformed, too old or replaced', async () => {
    const old = await people.invite(['viewer']);
    await people.at.rows(
      `UPDATE operator_invitation SET expires_at = now() WHERE operator_id = $1`,
      [old.operatorId],
    );
    for (const token of [old.token, `oi_${'x'.repeat(43)}`, 'nonsense', '']) {
      expect(await begin(token)).toMatchObject(ENDED);
    }
  });

  it('stores no token', async () => {
    const { token } = await people.invite(['viewer']);
    const rows = await people.at.rows(
      'SELECT operator_invitation::text AS row FROM operator_invitation',
    );
    expect(JSON.stringify(rows)).not.toContain(token);
  });

  it.each<[string, (key: Authenticator, options: object) => object]>([
    [
      'of another origin',
      (key, options) => key.register(options, { origin: 'https://evil.example' }),
    ],
    ['of another site', (key, options) => key.register(options, { rpId: 'evil.example' })],
    [
      'of a person who was not verified',
      (key, options) => key.register(options, { unverified: true }),
    ],
    ['to another challenge', (key, options) => key.register(options, { challenge: 'AAAA' })],
    ['of a login', (key, options) => key.login({ ...options, rpId: 'pay.example' })],
    ['that is none', () => ({})],
    [
      'with broken parts',
      (key, options) => ({
        ...key.register(options),
        response: { clientDataJSON: '%', attestationObject: 'x' },
      }),
    ],
  ])('does not take an answer %s, and can be used after it', async (_what, answerOf) => {
    const invited = await people.invite(['viewer']);
    const { options } = done(await begin(invited.token));
    const answer = answerOf(new Authenticator(ORIGIN), options);
    expect(await accept(invited.token, answer)).toMatchObject(REFUSED);
    await people.accept(invited);
  });

  it('takes no challenge of another operator, and none twice', async () => {
    const [one, two] = [await people.invite(['viewer']), await people.invite(['viewer'])];
    const key = new Authenticator(ORIGIN);
    const { options } = done(await begin(one.token));
    expect(await accept(two.token, key.register(options))).toMatchObject(REFUSED);
    const answer = key.register(options, { unverified: true });
    expect(await accept(one.token, answer)).toMatchObject(REFUSED);
    expect(await accept(one.token, key.register(options))).toMatchObject(REFUSED);
  });

  it('takes no passkey that is somebody else’s, and is not used up by it', async () => {
    const { key } = await people.person(['viewer']);
    const invited = await people.invite(['viewer']);
    const { options } = done(await begin(invited.token));
    expect(await accept(invited.token, key.register(options))).toMatchObject(REFUSED);
    await people.accept(invited);
  });
});

describe('a login', () => {
  const finish = (answer: unknown) => finishLogin(people.entry, { answer, correlationId: 'c' });

  it('is not repeated with the same answer, nor with its challenge', async () => {
    const { key } = await people.person(['viewer']);
    const options = await beginLogin(people.entry);
    const answer = key.login(options);
    done(await finish(answer));
    expect(await finish(answer)).toMatchObject(REFUSED);
    expect(await finish(key.login(options))).toMatchObject(REFUSED);
  });

  it.each<[string, (key: Authenticator, options: object) => object]>([
    ['of another origin', (key, options) => key.login(options, { origin: 'https://evil.example' })],
    ['of another site', (key, options) => key.login(options, { rpId: 'evil.example' })],
    [
      'of a person who was not verified',
      (key, options) => key.login(options, { unverified: true }),
    ],
    [
      'to a challenge that is not ours',
      (key, options) => key.login(options, { challenge: 'AAAA' }),
    ],
    [
      'by another key',
      (key, options) => ({
        ...new Authenticator(ORIGIN).login(options),
        id: key.id,
        rawId: key.id,
      }),
    ],
    ['by a key that nobody has', (_key, options) => new Authenticator(ORIGIN).login(options)],
    ['with a NUL for its challenge', (key, options) => key.login(options, { challenge: '\0' })],
    ['with a NUL for its id', (key, options) => ({ ...key.login(options), id: '\0' })],
    ['that is none', () => ({})],
  ])('is refused an answer %s, in the same words', async (_what, answerOf) => {
    const { key } = await people.person(['viewer']);
    const refusal = await finish(answerOf(key, await beginLogin(people.entry)));
    expect(refusal).toMatchObject({
      ...REFUSED,
      detail: 'The passkey is not accepted. Begin the login anew.',
    });
    await people.login({ key });
  });

  it('is refused to a passkey whose counter does not rise, and told', async () => {
    const { key, operatorId } = await people.person(['viewer']);
    await people.login({ key });
    key.counter = 1;
    expect(await people.tryLogin({ key })).toMatchObject(REFUSED);
    const failed = (await people.events('operator.login_failed')).filter(
      (one) => one.subjectId === operatorId,
    );
    expect(failed).toMatchObject([
      { tenantId: people.at.tenantId, data: { why: expect.stringContaining('counter') } },
    ]);
    // Whoever it was did nothing.
    expect((await people.acts(operatorId)).at(-1)![0]).toBe('operator.logged_in');
    key.counter = 100;
    await people.login({ key });
  });

  it('is possible with a passkey that counts nothing', async () => {
    const invited = await people.invite(['viewer']);
    const key = new Authenticator(ORIGIN);
    key.counter = 0;
    const { options } = done(await beginInvitation(people.entry, invited.token));
    const order = { token: invited.token, name: 'key', correlationId: 'c' };
    done(await acceptInvitation(people.entry, { ...order, answer: key.register(options) }));
    await people.login({ key });
    await people.login({ key });
  });

  it('of two at once with one counter is one', async () => {
    const { key } = await people.person(['viewer']);
    key.counter = 50;
    const options = await Promise.all([beginLogin(people.entry), beginLogin(people.entry)]);
    const answers = options.map((one) => {
      key.counter = 50;
      return key.login(one);
    });
    const ends = await Promise.all(answers.map(finish));
    expect(ends.filter((end) => 'token' in end)).toHaveLength(1);
  });

  it('is refused to a challenge of more than 5 minutes, and those are cleared away', async () => {
    const { key } = await people.person(['viewer']);
    const options = (await beginLogin(people.entry)) as { challenge: string };
    // A digest has 32; the page signs no login of so many.
    expect(Buffer.from(options.challenge, 'base64url')).toHaveLength(48);
    await people.at.rows(
      `UPDATE passkey_challenge SET expires_at = now() - interval '1 second' WHERE challenge = $1`,
      [options.challenge],
    );
    expect(await finish(key.login(options))).toMatchObject(REFUSED);
    await beginLogin(people.entry);
    expect(
      await people.at.rows('SELECT FROM passkey_challenge WHERE challenge = $1', [
        options.challenge,
      ]),
    ).toEqual([]);
  });
});
