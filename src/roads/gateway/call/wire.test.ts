import { describe, expect, it } from 'vitest';
import { encode, readSignature, requestHash } from './wire.ts';

const GOOD = {
  x402Version: 2,
  accepted: { extra: { challengeId: '01890000-0000-7000-8000-00000000000a' } },
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
      payer: `0x${'11'.repeat(20)}`,
      nonce: `0x${'ab'.repeat(32)}`,
      signatureHash: '0x01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b',
    });
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
