import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Line, Scripted } from '../scripted.fixture.ts';
import { FacilitatorClient, type FacilitatorOptions } from './client.ts';
import { FacilitatorFault } from './fault.ts';

let facilitator: Scripted;
let faults: FacilitatorFault[];
beforeEach(async () => {
  facilitator = await Scripted.open();
  faults = [];
});
afterEach(() => facilitator.close());

const clientOf = (over: Partial<FacilitatorOptions> = {}) =>
  new FacilitatorClient({
    url: facilitator.url,
    apiKey: 'pk_1',
    onFault: (fault) => faults.push(fault),
    ...over,
  });

const ASKED = { network: 'eip155:1' };
const payment = () => ({ x402Version: 2, payload: { authorization: { from: '0x1', nonce: '2' } } });
const extra = { paymentId: 'p1' };
const PAID = { body: { success: true, transaction: '0xa', network: 'eip155:1', extra } };
const TAKEN = {
  body: { success: false, errorReason: 'duplicate_settlement', transaction: '0xa', extra },
};
const PENDING = { body: { success: false, errorReason: 'settlement_pending', extra } };
const GRANTED = { body: { isValid: true, extra } };
const view = (status: string, level: string): Line => ({
  body: { status, confirmation: { level }, waitUntil: 'included' },
});
const UNDER_WAY = view('RESERVED', 'none');
const INCLUDED = view('INCLUDED', 'included');

describe('a settle', () => {
  it('carries key and idempotency key, and tells what it hears', async () => {
    facilitator.script = { settle: [PAID] };
    expect(await clientOf().settle(payment(), ASKED)).toEqual(PAID.body);
    const [{ what, headers, body }] = facilitator.heard as [(typeof facilitator.heard)[0]];
    expect([what, headers['authorization']]).toEqual(['POST /x402/settle', 'Bearer pk_1']);
    expect(headers['idempotency-key']).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.parse(body)).toEqual({
      x402Version: 2,
      paymentPayload: payment(),
      paymentRequirements: ASKED,
    });
  });

  it('that is pending is looked at until it has an outcome, then asked for', async () => {
    facilitator.script = { settle: [PENDING, PAID], payments: [UNDER_WAY, UNDER_WAY, INCLUDED] };
    expect(await clientOf().settle(payment(), ASKED)).toEqual(PAID.body);
    expect(facilitator.times('GET /v1/payments/p1')).toBe(3);
    expect(facilitator.times('POST')).toBe(2);
  });

  it('whose answer was lost is found by its key, and asked again where there is none', async () => {
    facilitator.script = { settle: [null, null, PAID], payments: [{ body: { items: [] } }] };
    expect(await clientOf().settle(payment(), ASKED)).toEqual(PAID.body);
    const key = facilitator.heard[0]!.headers['idempotency-key'];
    expect(facilitator.times(`GET /v1/payments?paymentIdentifier=${key}`)).toBe(2);
  });

  it('without a key to look with is asked again', async () => {
    facilitator.script = { settle: [PENDING, PAID] };
    const { apiKey: _, ...anonymous } = { apiKey: '', url: facilitator.url };
    expect(await new FacilitatorClient(anonymous).settle(payment(), ASKED)).toEqual(PAID.body);
    expect(facilitator.times('GET')).toBe(0);
  });

  it('takes a success that was lost on its way to who was allowed to serve, and no other', async () => {
    facilitator.script = { verify: [GRANTED], settle: [null, TAKEN], payments: [INCLUDED] };
    const client = clientOf();
    const ours = payment();
    await client.verify(ours, ASKED);
    expect(await client.settle(ours, ASKED)).toMatchObject({ success: true, transaction: '0xa' });
    facilitator.script = { settle: [null, TAKEN], payments: [INCLUDED] };
    expect(await client.settle(payment(), ASKED)).toEqual(TAKEN.body);
    facilitator.script = { verify: [GRANTED], settle: [PENDING, TAKEN], payments: [INCLUDED] };
    await client.verify(ours, ASKED);
    expect(await client.settle(ours, ASKED)).toEqual(TAKEN.body);
  });

  it.each<[string, Line]>([
    ['pending', PENDING],
    ['silence', null],
    [
      'an outage',
      { status: 503, body: { success: false, errorReason: 'unexpected_settle_error' } },
    ],
  ])('that ends in %s is unknown and not failed', async (_, line) => {
    facilitator.script = { settle: [line], payments: [UNDER_WAY] };
    const told = clientOf({ patienceMs: 0 }).settle(payment(), ASKED);
    await expect(told).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect(faults).toHaveLength(1);
  });

  it('of which the end was not heard is served when its payment comes again', async () => {
    const client = clientOf({ patienceMs: 0 });
    facilitator.script = { verify: [GRANTED], settle: [null], payments: [UNDER_WAY] };
    const first = payment();
    await client.verify(first, ASKED);
    await expect(client.settle(first, ASKED)).rejects.toBeInstanceOf(FacilitatorFault);
    const duplicate = { isValid: false, invalidReason: 'duplicate_settlement' };
    facilitator.script = { verify: [{ body: { ...duplicate, extra } }], settle: [TAKEN] };
    const again = payment();
    expect(await client.verify(again, ASKED)).toMatchObject({ isValid: true });
    expect(await client.settle(again, ASKED)).toMatchObject({ success: true });
    expect(await client.verify(payment(), ASKED)).toMatchObject(duplicate);
  });

  it('of copies side by side of one that is owed is told to one, and owed still where it was refused', async () => {
    const client = clientOf({ patienceMs: 0 });
    facilitator.script = { verify: [GRANTED], settle: [null], payments: [UNDER_WAY] };
    const first = payment();
    await client.verify(first, ASKED);
    await expect(client.settle(first, ASKED)).rejects.toBeInstanceOf(FacilitatorFault);
    const duplicate = { body: { isValid: false, invalidReason: 'duplicate_settlement', extra } };
    const refused = { status: 401, body: { code: 'unauthenticated', detail: 'no' } };
    facilitator.script = { verify: Array(4).fill(duplicate), settle: [refused, TAKEN] };
    const copies = [payment(), payment(), payment()];
    for (const copy of copies) await client.verify(copy, ASKED);
    await expect(client.settle(copies[0]!, ASKED)).rejects.toMatchObject({ code: 'refused' });
    const told = await Promise.all(copies.slice(1).map((copy) => client.settle(copy, ASKED)));
    expect(told.filter(({ success }) => success)).toHaveLength(1);
  });

  it('is refused at once and in words where the facilitator does not know its merchant', async () => {
    const problem = { code: 'unauthenticated', detail: 'There is no such key.' };
    facilitator.script = { settle: [{ status: 401, body: problem }] };
    const unknown = (message: string) => new RangeError(message);
    const told = clientOf({ unknown }).settle(payment(), ASKED);
    await expect(told).rejects.toThrow(RangeError);
    expect(faults[0]).toMatchObject({
      code: 'refused',
      message:
        'the facilitator refused to settle: HTTP 401: unauthenticated: There is no such key.',
    });
    expect(facilitator.heard).toHaveLength(1);
  });
});

describe('a verify', () => {
  it('asks again while it is undecided, and takes a no for a no', async () => {
    const no = { isValid: false, invalidReason: 'invalid_exact_evm_signature' };
    const undecided = { status: 202, body: { invalidReason: 'settlement_pending' } };
    facilitator.script = { verify: [undecided, null, { body: no }] };
    expect(await clientOf().verify(payment(), ASKED)).toEqual(no);
    expect(facilitator.heard).toHaveLength(3);
  });
});

describe('what is supported', () => {
  it('is told, or why it is not', async () => {
    const kinds = { kinds: [], extensions: [], signers: {} };
    facilitator.script = { supported: [{ body: kinds }, { status: 500, body: {} }] };
    const client = clientOf({ url: `${facilitator.url}/` });
    expect(await client.getSupported()).toEqual(kinds);
    await expect(client.getSupported()).rejects.toThrow(
      'refused to say what is supported: HTTP 500',
    );
    expect(() => clientOf({ url: 'pay.example' })).toThrow('url is no URL');
  });
});
