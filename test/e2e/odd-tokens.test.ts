import canonicalize from 'canonicalize';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Address, caip19 } from '../../src/base/kernel/index.ts';
import { readLanes } from '../../src/books/tx/index.ts';
import { checkEvidence } from '../../src/roads/evidence/index.ts';
import { deploy, transactWith } from '../support/contracts.ts';
import { type Answer, Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient } from '../support/laws.ts';
import { until } from '../support/until.ts';
import { verifyOf } from '../support/verify.ts';

/** As the contract counts them. */
const MODES = {
  honest: 0,
  feeFromAmount: 1,
  feeFromSender: 2,
  answersFalse: 3,
  paused: 4,
} as const;
const HELD = 1_000_000_000_000n;

type Break = {
  id: string;
  kind: string;
  state: string;
  withdrawalId: string;
  detail: { txHash: string };
  proposal: { action: string; evidence: string; proposedBy: string } | null;
  actions: { action: string; transferIds: string[]; proposedBy: string; confirmedBy: string }[];
};

let on: Installation;
let odd: Address;
let refuser: Address;
let persons: string[];

beforeAll(async () => {
  on = await Installation.start({
    lanes: 1,
    settings: async (base) => {
      const { url } = base.chains[0]!.rpc[0]!;
      const lane = base.lanes[0]!.address;
      odd = await deploy(url, 'OddToken');
      const silent = await deploy(url, 'SilentToken');
      refuser = await deploy(url, 'Refuser');
      await transactWith(url, { name: 'OddToken', at: odd }, 'mint', [lane, HELD]);
      // A first balance would cost more gas than was estimated for a transfer without a fee.
      await transactWith(url, { name: 'OddToken', at: odd }, 'mint', [odd, 1n]);
      await transactWith(url, { name: 'SilentToken', at: silent }, 'mint', [lane, HELD]);
      await transactWith(url, { name: 'OddToken', at: odd }, 'blockAccount', [recipient(90)]);
      const usdc = base.assets.find(({ id }) => id === 'USDC')!;
      const assetOf = (id: string, address: Address) => ({
        ...{ ...usdc, id, address },
        caip19: caip19(usdc.chainId, address),
      });
      return { ...base, assets: [...base.assets, assetOf('ODD', odd), assetOf('SILENT', silent)] };
    },
  });
  // Blocks come only when a test asks for them: safe is 4 below the latest, finalized 8.
  await on.anvil.hold();
  for (const asset of ['ODD', 'SILENT']) await on.deposit('alice', asset, '10000');
  await on.deposit('alice', 'ETH', '10');
  persons = [on.apiKey, (await on.addKey({ scopes: ['admin'] })).key];
});
afterAll(() => on?.stop());

const view = async (id: string) => (await on.call('GET', `/v1/withdrawals/${id}`)).body;
const order = async (n: number, asset: string, amount: string, to: string = recipient(n)) => {
  const answer = await on.withdraw({ account: 'alice', asset, amount, to });
  expect(answer.status).toBe(202);
  return answer.body['id'] as string;
};
const setMode = (mode: keyof typeof MODES) =>
  on.anvil.rpc('anvil_setStorageAt', odd, '0x0', `0x${String(MODES[mode]).padStart(64, '0')}`);
const oddBalance = async (of: Address) => {
  const data = `0x70a08231${of.slice(2).padStart(64, '0')}`;
  return BigInt(await on.anvil.rpc<string>('eth_call', { to: odd, data }, 'latest'));
};
const mineUntil = <T>(what: string, done: () => Promise<T | undefined | false>) =>
  until(what, async () => {
    await on.anvil.mine();
    return done();
  });
const ended = (id: string, status: string) =>
  mineUntil(status, async () => (await view(id))['status'] === status);
const breaks = async (query = '?state=open') =>
  (await on.call<{ breaks: Break[] }>('GET', `/v1/reconciliation/breaks${query}`)).body.breaks;
const say = (person: number, id: string, body: unknown): Promise<Answer> =>
  on.call('POST', `/v1/reconciliation/breaks/${id}/resolve`, body, {
    authorization: `Bearer ${persons[person]}`,
  });
const both = async (id: string, body: unknown) => {
  expect((await say(0, id, body)).status).toBe(202);
  const done = await say(1, id, body);
  expect([done.status, done.body['code']]).toEqual([200, undefined]);
  return done.body as unknown as Break;
};
const resolutions = async (id: string) =>
  (
    await on.rows<{ resolution: string }>(
      'SELECT resolution FROM reserve_resolution WHERE withdrawal_id = $1 ORDER BY generation',
      [id],
    )
  ).map(({ resolution }) => resolution);
const brokenLaws = async () => {
  const { mainUrl, signerUrl } = on.databases;
  const { laws } = await verifyOf({ mainUrl, signerUrl, nodes: [on.anvil.url] });
  return laws.filter(({ status }) => status === 'broken').map(({ law }) => law);
};
const settled = async () => {
  await on.anvil.mine(10);
  await quiet(on);
  await expectLaws(on);
};

/** Sent while the token was honest, mined when it is not any more: final, and not what was wanted. */
async function parked(n: number, mode: keyof typeof MODES): Promise<{ id: string; found: Break }> {
  const id = await order(n, 'ODD', '500');
  await on.waitFor(id, 'BROADCASTED');
  await setMode(mode);
  await on.anvil.mine();
  const found = await mineUntil('a break', async () => (await breaks())[0]);
  await setMode('honest');
  expect(found).toMatchObject({ kind: 'effect_mismatch', state: 'open', withdrawalId: id });
  const seen = await view(id);
  expect(seen).toMatchObject({ status: 'FINALIZED', waiting: { reason: 'effect_mismatch' } });
  expect(found.detail.txHash).toBe(seen['txHash']);
  expect(await resolutions(id)).toEqual([]);
  expect(await brokenLaws()).toContain('queue/no-break-open');
  return { id, found };
}

describe('tokens that are not as they should be', () => {
  it('pay where they answer nothing at all', async () => {
    const id = await order(1, 'SILENT', '12.5');
    await ended(id, 'COMPLETED');
    await settled();
  });

  it('revert before a nonce is given where they block the recipient', async () => {
    const id = await order(90, 'ODD', '5');
    const failed = await on.waitFor(id, 'FAILED');
    expect(failed['failure']).toMatchObject({ code: 'simulation_reverted' });
    expect(await resolutions(id)).toEqual(['RELEASE']);
  });

  it('as a contract that takes no coins', async () => {
    const id = await order(0, 'ETH', '1', refuser);
    const failed = await on.waitFor(id, 'FAILED');
    expect(failed['failure']).toMatchObject({ code: 'simulation_reverted' });
    expect(await on.nativeBalance(refuser)).toBe(0n);
  });

  it('are FAILED at finality where they were paused before the block', async () => {
    const id = await order(2, 'ODD', '5');
    await on.waitFor(id, 'BROADCASTED');
    await setMode('paused');
    await on.anvil.mine();
    await setMode('honest');
    await ended(id, 'FAILED');
    expect(await resolutions(id)).toEqual(['RELEASE']);
    await settled();
  });

  it('with a fee on transfer are parked, and committed by the word of two', async () => {
    const { id, found } = await parked(3, 'feeFromAmount');
    expect(await oddBalance(recipient(3))).toBe(495_000_000n);
    const done = await both(found.id, { action: 'commit', evidence: 'the client accepts the fee' });
    expect(done).toMatchObject({ state: 'resolved', proposal: null });
    expect(done.actions[0]!.transferIds).toHaveLength(1);
    expect(await view(id)).toMatchObject({ status: 'COMPLETED', waiting: null });
    expect(await resolutions(id)).toEqual(['COMMIT']);
    const { body } = await on.call('GET', `/v1/withdrawals/${id}/evidence`);
    const { statements } = await checkEvidence(`${canonicalize(body)}\n`, []);
    // Nothing is sealed in this installation.
    const untrue = statements.filter(({ what, holds }) => !holds && !what.endsWith(' is sealed'));
    expect(untrue).toEqual([]);
    await settled();
  });

  it('with a fee on top: what else left the lane is adjusted, then it is committed', async () => {
    const { id, found } = await parked(4, 'feeFromSender');
    const adjust = { action: 'adjust', evidence: 'the token took a hundredth on top' };
    const left = [{ asset: 'ODD', amount: '5', movement: 'left' }];
    expect(await both(found.id, { ...adjust, adjustments: left })).toMatchObject({ state: 'open' });
    expect((await view(id))['status']).toBe('FINALIZED');
    const done = await both(found.id, { action: 'commit', evidence: 'it was paid in full' });
    expect(done.actions.map(({ action }) => action)).toEqual(['adjust', 'commit']);
    expect(await view(id)).toMatchObject({ status: 'COMPLETED' });
    await settled();
  });

  it('that answer false and move nothing are released; a wrong commit is reversed first', async () => {
    const { id, found } = await parked(5, 'answersFalse');
    expect(await oddBalance(recipient(5))).toBe(0n);
    await both(found.id, { action: 'commit', evidence: 'looked at the wrong block' });
    expect(await brokenLaws()).toContain('chain/lane-balances');
    const reversed = await both(found.id, { action: 'reverse', evidence: 'nothing was moved' });
    expect(reversed.state).toBe('open');
    expect(await view(id)).toMatchObject({ status: 'REVERSED' });
    const done = await both(found.id, { action: 'release', evidence: 'nothing was moved' });
    expect(done).toMatchObject({ state: 'resolved' });
    expect(await view(id)).toMatchObject({
      status: 'FAILED',
      failure: { code: 'effect_mismatch' },
      completedAt: null,
    });
    expect(await resolutions(id)).toEqual(['COMMIT', 'RELEASE']);
    await settled();
  });
});

describe('the word of two persons', () => {
  let id: string;
  let found: Break;
  beforeAll(async () => {
    ({ id, found } = await parked(6, 'answersFalse'));
  });
  const release = { action: 'release', evidence: 'nothing was moved' };
  const moved = (part: object) => ({
    action: 'adjust',
    evidence: 'seen',
    adjustments: [{ asset: 'ODD', amount: '1', movement: 'left', ...part }],
  });

  it.each<[string, unknown, number, string]>([
    ['no object', [], 400, 'invalid_request'],
    ['no evidence', { action: 'release' }, 400, 'invalid_request'],
    ['empty evidence', { ...release, evidence: ' ' }, 400, 'invalid_request'],
    ['evidence without end', { ...release, evidence: 'x'.repeat(4_001) }, 400, 'invalid_request'],
    ['no action', { evidence: 'x' }, 400, 'invalid_request'],
    ['an action that does not exist', { ...release, action: 'pay' }, 400, 'invalid_request'],
    ['a field that does not exist', { ...release, amount: '1' }, 400, 'unknown_field'],
    ['adjustments to a release', { ...release, adjustments: [] }, 400, 'invalid_request'],
    ['adjust without a list', { ...release, action: 'adjust' }, 400, 'invalid_request'],
    ['an unknown asset', moved({ asset: 'XYZ' }), 400, 'invalid_request'],
    ['an amount that is a number', moved({ amount: 1 }), 400, 'invalid_request'],
    ['an amount of nothing', moved({ amount: '0' }), 400, 'invalid_request'],
    ['a negative amount', moved({ amount: '-1' }), 400, 'invalid_request'],
    ['more decimals than the asset has', moved({ amount: '0.0000001' }), 400, 'invalid_request'],
    ['a movement that does not exist', moved({ movement: 'gone' }), 400, 'invalid_request'],
    ['a strange member', moved({ lane: 1 }), 400, 'invalid_request'],
    ['a reverse of what is open', { ...release, action: 'reverse' }, 409, 'break_not_resolvable'],
  ])('refuses %s and changes nothing', async (_, body, status, code) => {
    const answer = await say(0, found.id, body);
    expect([answer.status, answer.body['code']]).toEqual([status, code]);
    expect((await breaks())[0]).toEqual(found);
  });

  it('is not one person twice, nor two who say different things', async () => {
    for (const round of [1, 2]) {
      const answer = await say(0, found.id, release);
      expect([round, answer.status]).toEqual([round, 202]);
    }
    const other = { ...release, evidence: 'something else' };
    const replaced = await say(1, found.id, other);
    expect([replaced.status, replaced.body['proposal']]).toMatchObject([
      202,
      { evidence: 'something else' },
    ]);
    expect((await say(0, found.id, release)).status).toBe(202);
    expect(await view(id)).toMatchObject({ status: 'FINALIZED' });
    expect(await resolutions(id)).toEqual([]);
  });

  it('is not the word of another tenant, nor of a key without the scope', async () => {
    const stranger = await on.addTenant('stranger');
    const admin = await on.addKey({ tenantId: stranger.tenantId, scopes: ['admin'] });
    const client = await on.addKey();
    const as = (key: string) =>
      on.call('POST', `/v1/reconciliation/breaks/${found.id}/resolve`, release, {
        authorization: `Bearer ${key}`,
      });
    expect((await as(admin.key)).status).toBe(404);
    expect((await as(client.key)).status).toBe(403);
  });

  it('can not take from a lane what its books do not have', async () => {
    const [lane] = await readLanes(on.owner);
    const all = { ...moved({ amount: '999999999' }) };
    expect((await say(0, found.id, all)).status).toBe(202);
    const answer = await say(1, found.id, all);
    expect([answer.status, answer.body['code']]).toEqual([409, 'break_not_resolvable']);
    expect(answer.body['detail']).toMatch(`free on lane ${lane!.laneId}`);
  });

  it('said at once by both is done once', async () => {
    expect((await say(0, found.id, release)).status).toBe(202);
    const answers = await Promise.all([1, 1, 0].map((person) => say(person, found.id, release)));
    expect(answers.map(({ status }) => status)).toContain(200);
    expect(await resolutions(id)).toEqual(['RELEASE']);
    const [done] = await breaks('?state=resolved&limit=1');
    expect(done).toMatchObject({ id: found.id, state: 'resolved' });
    expect(done!.actions).toHaveLength(1);
    const late = await say(0, found.id, release);
    expect([late.status, late.body['code']]).toEqual([409, 'break_not_resolvable']);
    expect(await breaks()).toEqual([]);
    await settled();
  });
});
