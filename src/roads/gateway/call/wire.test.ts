import { describe, expect, it } from 'vitest';
import { encode, paymentKeyOf, readSignature, requestHash } from './wire.ts';

const GOOD = {
  x402Version: 2,
  accepted: {
    network: 'eip155:31337',
    asset: `0x${'22'.repeat(20)}`,
    extra: { challengeId: '01890000-0000-7000-8000-00000000000a' },
  },
  payload: {
    signature: '0x0A',
    authorization: { from: `0x${'11'.repeat(20)}`, nonce: `0x${'AB'.repeat(32)}` },
  },
};
const withAt = (path: string[], value: unknown) => {
  const copy = structuredClone(GOOD) as unknown as Record<string, unknown>;
  let at = copy;
  for (const name of path.slice(0, -1)) at = at[name] as Record<string, unknown>;
  at[path.at(-1)!] = value;
  return encode(copy);
};

describe('a payment header', () => {
  it('is read', () => {
    expect(readSignature(encode(GOOD))).toMatchObject({
      challengeId: GOOD.accepted.extra.challengeId,
      chainId: 31_337,
      token: GOOD.accepted.asset,
      method: 'eip3009',
      payer: `0x${'11'.repeat(20)}`,
      nonce: `0x${'ab'.repeat(32)}`,
      signatureHash: '0x01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b',
    });
  });

  it('by Permit2 has the permit’s payer and nonce', () => {
    const permit = { from: `0x${'11'.repeat(20)}`, nonce: '258' };
    const payload = { signature: '0x0A', permit2Authorization: permit };
    expect(readSignature(withAt(['payload'], payload))).toMatchObject({
      method: 'permit2',
      payer: permit.from,
      nonce: `0x${'102'.padStart(64, '0')}`,
    });
    for (const nonce of ['', '07', '0x07', 7, '-1', (2n ** 256n).toString()]) {
      const other = { ...payload, permit2Authorization: { ...permit, nonce } };
      expect(readSignature(withAt(['payload'], other))).toBeNull();
    }
  });

  it.each([
    ['no base64', '{}'],
    ['base64 of no JSON', Buffer.from('{').toString('base64')],
    ['of a list', encode([])],
    ['of null', encode(null)],
    ['empty', ''],
    ['12 KB of it', 'A'.repeat(12_292)],
    ['without a challenge', withAt(['accepted', 'extra', 'challengeId'], undefined)],
    ['with another’s challenge', withAt(['accepted', 'extra', 'challengeId'], 'x')],
    ['without what was accepted', withAt(['accepted'], undefined)],
    ['of another kind of chain', withAt(['accepted', 'network'], 'solana:1')],
    ['without a token', withAt(['accepted', 'asset'], undefined)],
    ['without a signature', withAt(['payload', 'signature'], undefined)],
    ['with half a byte of one', withAt(['payload', 'signature'], '0x0')],
    ['without an authorization', withAt(['payload', 'authorization'], 7)],
    ['with a short payer', withAt(['payload', 'authorization', 'from'], '0x11')],
    [
      'with a nonce of 31 bytes',
      withAt(['payload', 'authorization', 'nonce'], `0x${'ab'.repeat(31)}`),
    ],
  ])('%s is none', (_, header) => {
    expect(readSignature(header)).toBeNull();
  });
});

describe('a request', () => {
  const one = { merchantId: 'm', method: 'GET', path: '/a', search: '?b', body: Buffer.from('c') };
  it.each([
    ['merchant', { ...one, merchantId: 'n' }],
    ['method', { ...one, method: 'POST' }],
    ['path', { ...one, path: '/a?', search: 'b' }],
    ['query', { ...one, search: '' }],
    ['body', { ...one, body: Buffer.from('d') }],
  ])('with another %s is another', (_, other) => {
    expect(requestHash(other)).not.toBe(requestHash(one));
  });
});

describe('what names a payment', () => {
  const payer = `0x${'11'.repeat(20)}` as const;
  const of = (identifier: unknown, key: string | null) => paymentKeyOf({ payer, identifier }, key);

  it('is its identifier, else the Idempotency-Key, of its payer alone; never two', () => {
    expect(of(undefined, null)).toEqual({});
    expect(of('a', null)).toEqual({});
    expect(of('a', 'a')).toEqual({});
    expect(of('a', 'b')).toBeNull();
    expect(of(7, 'b')).toBeNull();
    const named = of(undefined, 'b')?.idempotencyKey;
    expect(named).toMatch(/^0x1{40}:[0-9a-f-]{36}$/);
    expect(of(null, 'b')?.idempotencyKey).toBe(named);
    expect(of(undefined, 'c')?.idempotencyKey).not.toBe(named);
    const another = { payer: `0x${'12'.repeat(20)}`, identifier: undefined } as const;
    expect(paymentKeyOf(another, 'b')?.idempotencyKey).not.toBe(named);
  });
});
