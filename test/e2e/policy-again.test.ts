import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient } from '../support/laws.ts';
import { ruleBy } from '../support/policy.ts';
import { until } from '../support/until.ts';

let on: Installation;
let lane: string;
beforeAll(async () => {
  on = await Installation.start({ lanes: 1, blockTime: 0.1 });
  await on.deposit('alice', 'USDC', '10000');
  const [row] = await on.rows<{ lane_id: number }>('SELECT lane_id FROM lane');
  lane = String(row!.lane_id);
});
afterAll(() => on?.stop());

let version = 0;
/** Rules from now on, and nothing that was decided before is good any more. */
async function tighten(...rules: string[]): Promise<string> {
  version += 1;
  return ruleBy(
    on,
    `version: 1
rules:
  - { id: all, type: allow }
  - { id: other-${version}, type: deny, match: { accounts: [nobody-${version}] } }
  - { id: day, type: window, match: { assets: [USDC] }, per: destination, window: 24h, amount: "100" }
  - { id: usdc, type: tiers, match: { assets: [USDC] }, tiers: [{ name: any, commitAt: safe }] }
${rules.map((rule) => `  - ${rule}\n`).join('')}`,
  );
}
const HOLD = '{ id: h, type: hold, hold: manual_review, timeout: 24h }';
const CAP = '{ id: cap, type: cap, match: { assets: [USDC] }, amount: "50" }';
let next = 300;
const stranger = () => {
  next += 1;
  return recipient(next);
};
async function withdraw(amount: string, to = stranger()): Promise<string> {
  const { body } = await on.withdraw({ account: 'alice', asset: 'USDC', amount, to });
  return body['id'] as string;
}
const read = async (id: string) => (await on.call('GET', `/v1/withdrawals/${id}`)).body;
const versionOf = async (id: string) =>
  ((await read(id))['decision'] as { policyVersion: string }).policyVersion;
async function opened(amount: string, to = stranger()): Promise<string> {
  const id = await withdraw(amount, to);
  await until('its transaction', () =>
    on.rows('SELECT 1 FROM tx WHERE owner_id = $1', [id]).then(({ length }) => length > 0),
  );
  return id;
}
async function held(amount: string, to = stranger()): Promise<string> {
  const id = await withdraw(amount, to);
  await on.waitFor(id, 'AWAITING_APPROVAL');
  return id;
}
const holdsOf = (id: string) =>
  on.rows<{ id: string; answer: string | null }>(
    `SELECT h.hold_id AS id, a.answer FROM policy_hold h LEFT JOIN policy_hold_answer a USING (hold_id)
     WHERE subject_id = $1 ORDER BY hold_id`,
    [id],
  );
const clear = (holdId: string) => on.call('POST', `/v1/holds/${holdId}/clear`, {});
/** While it runs no nonce is given. */
async function whileFrozen<T>(work: () => Promise<T>): Promise<T> {
  const freeze = { scope: 'wallet', subject: lane, reason: 'a test' };
  const { body } = await on.call('POST', '/v1/freeze', freeze);
  const done = await work();
  const second = await on.addKey({ scopes: ['admin:freeze'] });
  const lift = { reason: 'over' };
  await on.call('DELETE', `/v1/freeze/${body['id']}`, lift);
  const authorization = `Bearer ${second.key}`;
  await on.call('DELETE', `/v1/freeze/${body['id']}`, lift, { authorization });
  return done;
}

describe('after a policy was tightened, what was decided before and has no nonce', () => {
  it('goes on by a new decision where that allows it, and takes from windows once', async () => {
    await tighten();
    const to = stranger();
    const { id, now } = await whileFrozen(async () => ({
      id: await opened('60', to),
      now: await tighten('{ id: big, type: cap, match: { assets: [USDC] }, amount: "99" }'),
    }));
    expect(await on.waitFor(id)).toMatchObject({ status: 'COMPLETED' });
    expect(await versionOf(id)).toBe(now);
    const decisions = await on.rows(
      'SELECT 1 FROM decision_consumed JOIN decision USING (decision_id) WHERE subject_id = $1',
      [id],
    );
    expect(decisions).toHaveLength(2);
    // 60 of 100 are taken, not 120.
    expect(await on.waitFor(await withdraw('40', to))).toMatchObject({ status: 'COMPLETED' });
    expect(await on.waitFor(await withdraw('1', to))).toMatchObject({ status: 'REJECTED' });
  });

  it('ends without a nonce where that denies it, with the rule, and gives back what it took', async () => {
    await tighten();
    const to = stranger();
    const id = await whileFrozen(async () => {
      const open = await opened('60', to);
      await tighten(CAP);
      return open;
    });
    expect(await on.waitFor(id)).toMatchObject({
      ...{ status: 'FAILED', nonceKey: null },
      failure: { code: 'policy_denied', message: 'cap: at most 50000000' },
    });
    await tighten();
    expect(await on.waitFor(await withdraw('100', to))).toMatchObject({ status: 'COMPLETED' });
  });

  it('ends without a nonce where persons would have to be asked: states do not go back', async () => {
    await tighten();
    const id = await whileFrozen(async () => {
      const open = await opened('10');
      await tighten(HOLD);
      return open;
    });
    expect(await on.waitFor(id)).toMatchObject({
      ...{ status: 'FAILED', nonceKey: null, failure: { code: 'policy_superseded' } },
    });
  });

  it('and waits for persons is denied at once, asked about anew, or goes on', async () => {
    await tighten(HOLD);
    const [denied, asked] = [await held('60'), await held('10')];
    await tighten(HOLD, CAP);
    expect(await on.waitFor(denied)).toMatchObject({
      ...{ status: 'REJECTED', failure: { code: 'policy_denied' } },
    });
    const [old, fresh] = await until('asked anew', async () => {
      const holds = await holdsOf(asked);
      return holds.length === 2 && holds;
    });
    expect([old!.answer, fresh!.answer]).toEqual(['cancelled', null]);
    expect(await clear(old!.id)).toMatchObject({ status: 409 });
    await clear(fresh!.id);
    expect(await on.waitFor(asked)).toMatchObject({ status: 'COMPLETED' });
    const free = await held('10');
    await tighten();
    expect(await on.waitFor(free)).toMatchObject({ status: 'COMPLETED' });
  });

  it('leaves books, chain and decisions in agreement', async () => {
    await quiet(on);
    await expectLaws(on);
    const [row] = await on.rows<{ open: number }>(
      `SELECT count(*)::int AS open FROM policy_charge c JOIN withdrawal w ON w.withdrawal_id = c.subject_id
       WHERE c.released_at IS NULL AND (w.status <> 'COMPLETED' OR c.decision_id <> w.decision_id)`,
    );
    expect(row!.open).toBe(0);
  });
});
