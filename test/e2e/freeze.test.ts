import { afterAll, beforeAll, expect, it } from 'vitest';
import { Installation, type TestKey } from '../support/installation.ts';
import { expectLaws, quiet, recipient, tokenPayments } from '../support/laws.ts';
import { until } from '../support/until.ts';

let on: Installation;
let persons: TestKey[];
beforeAll(async () => {
  on = await Installation.start({ blockTime: 0.1 });
  const scopes = ['admin:freeze'];
  persons = [await on.addKey({ scopes }), await on.addKey({ scopes })];
  await on.deposit('alice', 'USDC', '100');
});
afterAll(() => on?.stop());

const say = (person: number, method: string, path: string, body: object) =>
  on.call(method, path, body, { authorization: `Bearer ${persons[person]!.key}` });
const freeze = async (body: object) => {
  const answer = await say(0, 'POST', '/v1/freeze', { reason: 'a leak', ...body });
  expect(answer.status).toBe(201);
  return `/v1/freeze/${answer.body['id']}`;
};
const lift = async (path: string) => {
  expect((await say(0, 'DELETE', path, { reason: 'mended' })).status).toBe(202);
  expect((await say(1, 'DELETE', path, { reason: 'mended' })).status).toBe(200);
};
const view = async (id: string) => (await on.call('GET', `/v1/withdrawals/${id}`)).body;
const freezeCheck = async () =>
  ((await on.call('GET', '/readyz')).body['checks'] as Record<string, unknown>)['freeze'];
const slots = async () => (await on.rows('SELECT 1 FROM nonce_slot')).length;

it('withdrawals under a freeze keep their money and their place, and are paid once it is lifted', async () => {
  expect(await freezeCheck()).toMatchObject({ ok: true });
  const everything = await freeze({ scope: 'global' });
  const [lane] = await on.rows<{ lane_id: number }>('SELECT lane_id FROM lane');
  const wallet = await freeze({ scope: 'wallet', subject: String(lane!.lane_id) });
  expect(await freezeCheck()).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/^everything is frozen since .*; the wallet is frozen/),
  });

  const to = recipient(1);
  const order = { account: 'alice', asset: 'USDC', amount: '10', to };
  const { body } = await on.withdraw(order);
  const id = body['id'] as string;
  await until('approved', async () => (await view(id))['status'] === 'APPROVED');
  const detail = expect.stringMatching(/^everything is frozen since \d{4}-/);
  expect((await view(id))['waiting']).toEqual({ reason: 'frozen', detail });
  const balances = (await on.call('GET', '/v1/accounts/alice/balances')).body['balances'];
  expect(balances).toMatchObject([{ reserved: '10.5' }]);

  await lift(everything);
  // Its wallet is still frozen: it is opened, and gets no nonce.
  await until('opened, and waiting', async () => {
    const opened = (await on.rows('SELECT 1 FROM tx')).length === 1;
    return opened && (await view(id))['waiting'] !== null;
  });
  expect(await view(id)).toMatchObject({ status: 'APPROVED', waiting: { reason: 'frozen' } });
  expect(await slots()).toBe(0);

  await lift(wallet);
  expect(await on.waitFor(id)).toMatchObject({ status: 'COMPLETED', waiting: null });
  await quiet(on);
  expect((await tokenPayments(on)).get(to)).toHaveLength(1);
  await expectLaws(on);
});

it('a frozen withdrawal can be cancelled', async () => {
  const path = await freeze({ scope: 'asset', subject: 'USDC' });
  const order = { account: 'alice', asset: 'USDC', amount: '10', to: recipient(2) };
  const id = (await on.withdraw(order)).body['id'] as string;
  await until('approved', async () => (await view(id))['status'] === 'APPROVED');
  await on.call('POST', `/v1/withdrawals/${id}/cancel`);
  expect(await view(id)).toMatchObject({ status: 'CANCELLED', waiting: null });
  await lift(path);
});
