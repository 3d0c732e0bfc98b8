import { describe, expect, it } from 'vitest';
import { keyOf } from './key.ts';

const signed = (nonce: string, over: object = {}) => ({
  payload: { signature: '0x1', authorization: { from: '0xAb', nonce }, ...over },
});
const named = (id: unknown) => ({
  ...signed('1'),
  extensions: { 'payment-identifier': { info: { id } } },
});

describe('the key of a payment', () => {
  it('is what its payer calls it', () => {
    expect(keyOf(named('order-0123456789'), 'caller')).toBe('order-0123456789');
  });

  it('is the caller’s, whatever is signed, and for its payer alone', () => {
    const key = keyOf(signed('1'), 'order 7');
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect(keyOf(signed('2'), 'order 7')).toBe(key);
    expect(keyOf(signed('1'), 'order 8')).not.toBe(key);
    const other = { payload: { permit2Authorization: { from: '0xac', nonce: '1' } } };
    expect(keyOf(other, 'order 7')).not.toBe(key);
    expect(keyOf({ payload: { permit2Authorization: { from: '0xAB' } } }, 'order 7')).toBe(key);
  });

  it.each([undefined, '', 'a b', 'é', 'x'.repeat(256), 7])(
    'is what was signed where the payer calls it %j',
    (id) => {
      expect(keyOf(named(id), undefined)).toBe(keyOf(signed('1'), undefined));
    },
  );

  it('is another for another authorization, and not for another signature or order of members', () => {
    const key = keyOf(signed('1'), undefined);
    expect(keyOf(signed('2'), undefined)).not.toBe(key);
    expect(keyOf(signed('1', { signature: '0x2' }), undefined)).toBe(key);
    const turned = { payload: { authorization: { nonce: '1', from: '0xAb' }, signature: '0x1' } };
    expect(keyOf(turned, undefined)).toBe(key);
    expect(keyOf({}, undefined)).toMatch(/^[0-9a-f]{64}$/);
  });
});
