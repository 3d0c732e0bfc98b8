import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabases, testDatabases } from '../../../test/support/postgres.ts';
import { finish } from '../../../test/support/steps/finish.ts';
import { brokenLaws } from '../../../test/support/steps/laws.ts';
import type { Processes } from '../../../test/support/steps/processes.ts';
import { Road } from '../../../test/support/steps/road.ts';
import { TOKEN } from '../../../test/support/steps/surroundings.ts';
import { type Payer, type Signed, signedPayment } from '../../../test/support/x402/payers.ts';
import { land, openShop, PURSE, signAll, usesOn } from '../../../test/support/x402/paying.ts';
import { Assets } from '../../base/config/index.ts';
import type { Address, Hex } from '../../base/kernel/index.ts';
import type { Merchant } from '../../books/access/index.ts';
import { Ledger } from '../../books/ledger/index.ts';
import { Policies } from '../../books/policy/index.ts';
import { FacilitatorService } from './service.ts';

const NONCE: Hex = `0x${'77'.repeat(32)}`;
const [ALICE, BOB] = (['a1', 'b2'] as const).map(
  (byte) => privateKeyToAccount(`0x${byte.repeat(32)}`) as unknown as Payer,
) as [Payer, Payer];
const LIFE_S = 300;
const told = { correlationId: 'c' };

let databases: TestDatabases;
let road: Road;
let on: Processes;
let merchant: Merchant;
let now: number;
beforeAll(async () => {
  databases = await testDatabases();
  road = await Road.open(databases);
  merchant = await openShop(road);
});
beforeEach(async () => {
  await road.reset();
  on = await road.start();
  now = Math.floor(Date.now() / 1000);
  road.chain.skipTo(now);
  for (const { address } of [ALICE, BOB]) {
    road.chain.give(address.toLowerCase() as Address, PURSE, TOKEN);
  }
});
afterAll(async () => {
  await road?.close();
  await databases?.drop();
});

type Terms = Omit<NonNullable<Parameters<typeof signedPayment>[2]>, 'payTo'> & { payTo?: Address };
const sign = (more: Terms = {}, payer = ALICE): Promise<Signed> =>
  signedPayment(payer, TOKEN, {
    payTo: road.settings.lanes[0]!.address,
    amount: '1000000',
    validBefore: String(now + LIFE_S),
    nonce: NONCE,
    ...more,
  });

type By = { of?: Merchant; by?: FacilitatorService; pricedEndpoint?: string };
const ask = async (question: 'verify' | 'settle', body: Signed, { of, by, ...more }: By = {}) =>
  (await (by ?? on.facilitator)[question](of ?? merchant, body, { ...told, ...more })) as {
    status: number;
    body: Record<string, unknown>;
  };
const ELSEWHERE = { status: 409, body: { errorReason: 'credential_bound_elsewhere' } };

/** A process by whose clock every authorization of now has run out. */
function later(): FacilitatorService {
  const { settings, wires, clock } = road;
  return new FacilitatorService({
    ...{ db: wires.app, ledger: new Ledger(wires.app), assets: new Assets(settings.assets) },
    ...{ settings, policies: new Policies(), ports: () => wires.chain },
    clock: {
      now: () => clock.now() + 2 * LIFE_S * 1000,
      monotonic: () => clock.monotonic(),
      sleep: () => clock.sleep(),
    },
    log: { info() {}, warn() {}, error() {} } as never,
  });
}

describe('a nonce that its payer signed twice', () => {
  it('is the payment that came first, and pays for nothing dearer', async () => {
    const cheap = await sign({ amount: '1' });
    const dear = await sign({ amount: '5000000' });
    expect((await ask('verify', cheap)).body).toMatchObject({ isValid: true });
    expect(await ask('verify', dear)).toMatchObject({
      status: 409,
      body: { isValid: false, invalidReason: 'credential_bound_elsewhere' },
    });
    expect(await ask('settle', dear)).toMatchObject(ELSEWHERE);
    await ask('settle', cheap);
    expect(await finish(road, on)).toEqual([]);
    expect(await ask('settle', dear)).toMatchObject(ELSEWHERE);
    const { body } = await ask('settle', dear, { by: later() });
    expect(body).toMatchObject({ success: false });
    expect((await ask('settle', cheap)).body).toMatchObject({ success: true, amount: '1' });
    expect(usesOn(road).get(NONCE)).toHaveLength(1);
  });

  it.each<[string, Terms]>([
    ['another payee', { payTo: `0x${'cafe'.repeat(10)}` }],
    ['another end', { validBefore: String(Math.floor(Date.now() / 1000) + 2 * LIFE_S) }],
    ['another beginning', { validAfter: '1' }],
  ])('does not pay for %s', async (_, other) => {
    expect((await ask('verify', await sign())).body).toMatchObject({ isValid: true });
    expect(await ask('settle', await sign(other))).toMatchObject(ELSEWHERE);
  });

  it('is one payment also where both come at once', async () => {
    const bodies = [await sign({ amount: '1' }), await sign({ amount: '5000000' })];
    const answers = await Promise.all(bodies.map((body) => ask('verify', body)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
  });
});

describe('a payment that is under way', () => {
  const underWay = async (by: By, of?: (body: Signed) => Signed) => {
    const body = await sign();
    expect((await ask('settle', body)).body).not.toHaveProperty('success', true);
    const asked = of?.(body) ?? body;
    return [await ask('verify', asked, by), await ask('settle', asked, by)];
  };

  it.each<[string, () => By]>([
    ['whose time is over', () => ({ by: later() })],
    ['whose merchant has another payee by now', () => ({ of: { ...merchant, payTo: [] } })],
    ['whose merchant takes another token by now', () => ({ of: { ...merchant, assets: [] } })],
  ])('%s is told neither as a yes nor as a no, and as paid when it is', async (_, by) => {
    const [verified, settled] = await underWay(by());
    expect(verified).toMatchObject({ status: 202, body: { invalidReason: 'settlement_pending' } });
    expect(verified!.body).not.toHaveProperty('isValid');
    expect(settled!.body).not.toHaveProperty('success', true);
    expect(settled!.body).toMatchObject({ errorReason: 'settlement_pending' });
    expect(await finish(road, on)).toEqual([]);
    expect((await ask('verify', await sign(), by())).body).toMatchObject({
      invalidReason: 'duplicate_settlement',
    });
    expect((await ask('settle', await sign(), by())).body).toMatchObject({ success: true });
  });

  it('pays for what was signed alone, whenever it is asked', async () => {
    const dearer = (body: Signed): Signed => ({
      ...body,
      paymentRequirements: { ...body.paymentRequirements, amount: '1000001' },
    });
    for (const { body } of await underWay({ by: later() }, dearer)) {
      expect(body['errorReason'] ?? body['invalidReason']).toMatch(/valid_before|value_mismatch/);
    }
  });

  it('is not another payer’s, who gives the same name to what has run out', async () => {
    const identifier = 'the-same-name-of-two';
    await ask('settle', await sign({ identifier }));
    expect(await finish(road, on)).toEqual([]);
    const theirs = await sign({ identifier, nonce: `0x${'88'.repeat(32)}` }, BOB);
    expect((await ask('settle', theirs, { by: later() })).body).toMatchObject({ success: false });
    expect((await ask('settle', await sign({ identifier }))).body).toMatchObject({ success: true });
  });
});

describe('a payment that somebody else landed before it had a nonce', () => {
  it.each([
    ['an own wallet', true],
    ['another one', false],
  ])('to %s is taken back with its block, and settled anew with the next', async (_, custodial) => {
    const order = { payer: 0, amount: 1_000_000n, custodial, again: null } as const;
    const [paying] = await signAll(road, { seed: 3, orders: [order] });
    const walk = async (blocks: number) => {
      road.chain.mine(blocks);
      while (await on.observe());
      await road.clock.elapse(6_000);
      await on.job('payment.final');
    };
    const status = async () => (await on.payments.find(merchant, {}))[0]!.status;
    await ask('settle', paying!.body as Signed);
    land(road, paying!);
    await walk(1);
    await on.job('tx.prepare');
    await road.clock.elapse(8_000_000);
    await on.job('payment.expire');
    await walk(4);
    expect(await status()).toBe('SETTLED');
    road.chain.reorg(5, { toPool: false, blocks: 6 });
    await walk(0);
    expect(await status()).toBe('REVERSED');
    land(road, paying!);
    expect(await finish(road, on)).toEqual([]);
    expect(await status()).toBe('RESETTLED');
    expect(await brokenLaws(road, true)).toEqual([]);
  });
});

describe('a payment that the gateway holds', () => {
  it('is not settled past it, or one payment would be served twice; nor the other way round', async () => {
    const body = await sign();
    const by = { of: { ...merchant, replays: true }, pricedEndpoint: merchant.tenantId };
    const own = await sign({ nonce: `0x${'88'.repeat(32)}` });
    expect((await ask('verify', own)).body).toMatchObject({ isValid: true });
    expect(await ask('settle', own, by)).toMatchObject(ELSEWHERE);
    expect((await ask('verify', body, by)).body).toMatchObject({ isValid: true });
    await ask('settle', body, by);
    expect(await finish(road, on)).toEqual([]);
    expect((await ask('settle', body, by)).body).toMatchObject({ success: true });
    expect(await ask('settle', body)).toMatchObject(ELSEWHERE);
    expect((await ask('settle', body, { by: later() })).body).toMatchObject({ success: false });
  });
});

describe('a payment that nobody reserved', () => {
  it('is over when the chain’s clock says so, whatever that of a process does', async () => {
    await ask('verify', await sign());
    const { id } = (await on.payments.find(merchant, {}))[0]!;
    const standing = async () => (await on.payments.standings([id])).get(id);
    await road.owner.query('UPDATE payment SET valid_before = $1', [now - LIFE_S]);
    expect(await standing()).toEqual({ kind: 'open', runOut: null });
    await road.owner.query('UPDATE payment SET valid_before = $1', [now + LIFE_S]);
    road.chain.skipTo(now + LIFE_S + 61);
    road.chain.mine(1);
    while (await on.observe());
    const runOut = 'invalid_exact_evm_payload_authorization_valid_before';
    expect(await standing()).toEqual({ kind: 'open', runOut });
  });
});
