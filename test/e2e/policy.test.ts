import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient } from '../support/laws.ts';
import { ruleBy } from '../support/policy.ts';

/** Refuses every call. */
const REFUSES = '0x60006000fd';
const BAD = recipient(666);

let on: Installation;
beforeAll(async () => {
  on = await Installation.start({ lanes: 1, blockTime: 0.1 });
  await on.anvil.rpc('anvil_setCode', recipient(6), REFUSES);
  await ruleBy(
    on,
    `version: 1
rules:
  - { id: customers, type: allow, match: { kinds: [withdrawal] } }
  - { id: sanctioned, type: deny, match: { destinations: ["${BAD}"] } }
  - { id: day, type: window, match: { accounts: [alice, bob, carol, dave], assets: [USDC] }, per: account, window: 24h, amount: "100" }
  - { id: erin-day, type: window, match: { accounts: [erin], assets: [USDC] }, per: destination, window: 24h, amount: "300" }
  - { id: eth-day, type: window, match: { assets: [ETH] }, per: account, window: 24h, count: 1 }
  - { id: dap, type: hold, match: { accounts: [erin], assets: [USDC], over: "200" }, hold: travel_rule, timeout: 24h }
  - { id: usdc, type: tiers, match: { assets: [USDC] }, tiers: [{ name: small, upTo: "50", commitAt: safe }, { name: large, commitAt: finalized }] }
  - { id: eth, type: tiers, match: { assets: [ETH] }, tiers: [{ name: small, commitAt: finalized }] }
`,
  );
  for (const account of ['alice', 'bob', 'carol', 'dave', 'erin']) {
    await on.deposit(account, 'USDC', '1000');
    await on.deposit(account, 'ETH', '5');
  }
});
afterAll(() => on?.stop());

async function read(id: string) {
  return (await on.call('GET', `/v1/withdrawals/${id}`)).body;
}

/** One that waits for its hold. */
async function held(more: object = {}): Promise<string> {
  const body = { account: 'erin', asset: 'USDC', amount: '250', to: recipient(9), ...more };
  const { body: made } = await on.withdraw(body);
  const id = made['id'] as string;
  const view = await on.call(
    'GET',
    `/v1/withdrawals/${id}?waitFor=AWAITING_APPROVAL&timeoutMs=20000`,
  );
  expect(view.body['status']).toBe('AWAITING_APPROVAL');
  return id;
}

async function holdOf(withdrawalId: string): Promise<string> {
  const { body } = await on.call('GET', '/v1/holds');
  const holds = body['holds'] as { id: string; withdrawalId: string }[];
  return holds.find((hold) => hold.withdrawalId === withdrawalId)!.id;
}

async function ended(account: string, amount: string, more: object = {}) {
  const body = { account, asset: 'USDC', amount, to: recipient(1), ...more };
  const { body: made } = await on.withdraw(body);
  await quiet(on);
  const { body: view } = await on.call('GET', `/v1/withdrawals/${made['id']}`);
  return view as Record<string, unknown> & {
    decision: { policyVersion: string; trace: { rule: string; verdict: string }[] };
  };
}

describe('a policy document', () => {
  it('decides about withdrawals, and tells every rule’s verdict', async () => {
    const view = await ended('alice', '60');
    expect(view).toMatchObject({ status: 'COMPLETED', riskTier: 'large' });
    expect(view.decision.policyVersion).toMatch(/^policy:[0-9a-f]{64}$/);
    expect(view.decision.trace.map(({ rule, verdict }) => `${rule} ${verdict}`)).toEqual([
      'customers allow',
      'day pass',
      'usdc pass',
      '* no_match',
    ]);
  });

  it('denies above a window with the reserve released, and still takes what fits', async () => {
    expect(await ended('alice', '41')).toMatchObject({
      status: 'REJECTED',
      failure: { code: 'policy_denied', message: 'day: 101000000 of 100000000' },
    });
    expect(await ended('alice', '40')).toMatchObject({ status: 'COMPLETED', riskTier: 'small' });
  });

  it('denies a destination whatever else allows it', async () => {
    expect(await ended('bob', '1', { to: BAD })).toMatchObject({
      status: 'REJECTED',
      failure: { code: 'policy_denied', message: 'sanctioned: denied' },
    });
  });

  it('gives back what a payment took that the chain refused', async () => {
    const refused = await ended('carol', '1', { asset: 'ETH', to: recipient(6) });
    expect(refused).toMatchObject({ status: 'FAILED' });
    expect(await ended('carol', '1', { asset: 'ETH' })).toMatchObject({ status: 'COMPLETED' });
    expect(await ended('carol', '1', { asset: 'ETH' })).toMatchObject({ status: 'REJECTED' });
  });

  it('gives back what a cancelled withdrawal took', async () => {
    await on.stopRole('signer');
    const { body: made } = await on.withdraw({
      account: 'dave',
      asset: 'USDC',
      amount: '100',
      to: recipient(2),
    });
    await on.call('GET', `/v1/withdrawals/${made['id']}?waitFor=APPROVED&timeoutMs=20000`);
    await on.call('POST', `/v1/withdrawals/${made['id']}/cancel`);
    await on.startSigner();
    await quiet(on);
    expect(await ended('dave', '100')).toMatchObject({ status: 'COMPLETED' });
    expect(await ended('dave', '1')).toMatchObject({ status: 'REJECTED' });
  });

  it('lets a payment wait for a hold, and go on when it is cleared', async () => {
    const id = await held();
    expect(await read(id)).toMatchObject({ waiting: { reason: 'hold', detail: 'travel_rule' } });
    const hold = await holdOf(id);
    expect(await on.call('POST', `/v1/holds/${hold}/clear`, {})).toMatchObject({
      body: { status: 'cleared', hold: 'travel_rule', rule: 'dap' },
    });
    await quiet(on);
    expect(await read(id)).toMatchObject({ status: 'COMPLETED', waiting: null });
    // The same again changes nothing, another answer is refused.
    expect((await on.call('POST', `/v1/holds/${hold}/clear`, {})).status).toBe(200);
    const other = await on.call('POST', `/v1/holds/${hold}/reject`, { reason: 'late' });
    expect(other).toMatchObject({ status: 409, body: { code: 'hold_closed' } });
    // What was decided about by then is taken: 250 of 300.
    expect(await ended('erin', '51', { to: recipient(9) })).toMatchObject({ status: 'REJECTED' });
  });

  it('rejects what a hold is rejected for, with its reserve and its window given back', async () => {
    const id = await held({ to: recipient(10) });
    const url = `/v1/holds/${await holdOf(id)}/reject`;
    expect((await on.call('POST', url, {})).status).toBe(400);
    await on.call('POST', url, { reason: 'no name given' });
    const said = await on.rows(
      `SELECT actor, detail FROM audit_entry WHERE action = 'hold.rejected'`,
    );
    const actor = expect.stringMatching(/^API key [0-9a-f-]{36}$/);
    const detail = { hold: 'travel_rule', reason: 'no name given' };
    expect(said).toMatchObject([{ actor, detail }]);
    await quiet(on);
    expect(await read(id)).toMatchObject({
      status: 'REJECTED',
      failure: {
        code: 'hold_rejected',
        message: expect.stringMatching(/^travel_rule: API key .*: no name given$/),
      },
    });
    expect(await ended('erin', '150', { to: recipient(10) })).toMatchObject({
      status: 'COMPLETED',
    });
  });

  it('denies what nobody cleared in time', async () => {
    const id = await held({ to: recipient(11) });
    const hold = await holdOf(id);
    await on.rows('UPDATE policy_hold SET expires_at = now() WHERE hold_id = $1', [hold]);
    expect((await on.call('POST', `/v1/holds/${hold}/clear`, {})).status).toBe(409);
    await on.rows(
      `UPDATE job SET run_at = now() WHERE topic = 'withdrawal.unheld' AND subject_id = $1`,
      [id],
    );
    await quiet(on);
    expect(await read(id)).toMatchObject({
      status: 'REJECTED',
      failure: { code: 'hold_timed_out' },
    });
  });

  it('closes the holds of what its client cancels', async () => {
    const id = await held({ to: recipient(12) });
    const hold = await holdOf(id);
    await on.call('POST', `/v1/withdrawals/${id}/cancel`);
    expect((await on.call('POST', `/v1/holds/${hold}/clear`, {})).body).toMatchObject({
      code: 'hold_closed',
    });
    await quiet(on);
    expect(await read(id)).toMatchObject({ status: 'CANCELLED' });
  });

  it('tells beforehand what it would decide, and takes nothing for that', async () => {
    const body = { account: 'erin', asset: 'USDC', amount: '250', to: recipient(13) };
    const asked = await on.call('POST', '/v1/withdrawals/preview', body);
    expect(asked).toMatchObject({
      status: 200,
      body: {
        verdict: 'allow',
        riskTier: 'large',
        commitAt: 'finalized',
        holds: [{ hold: 'travel_rule', rule: 'dap' }],
        balance: { required: '250.5', sufficient: true },
      },
    });
    expect(await on.call('POST', '/v1/withdrawals/preview', body)).toEqual(
      expect.objectContaining({ body: asked.body }),
    );
    const denied = await on.call('POST', '/v1/withdrawals/preview', { ...body, amount: '301' });
    expect(denied.body).toMatchObject({
      verdict: 'deny',
      reason: expect.stringMatching(/^erin-day: /),
    });
    const faulty = await on.call('POST', '/v1/withdrawals/preview', { ...body, to: 'nobody' });
    expect(faulty).toMatchObject({ status: 400, body: { code: 'invalid_address' } });
  });

  it('leaves books that every law holds in', async () => {
    await expectLaws(on);
  });
});
