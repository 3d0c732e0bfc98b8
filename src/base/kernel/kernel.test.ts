import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Address,
  caip19,
  ERRORS,
  formatAmount,
  fromHex,
  isRefusal,
  isUuid,
  keyHash,
  lengthPrefixed,
  nonceKey,
  parseAddress,
  parseAmount,
  refuse,
  systemClock,
  toHex,
} from './index.ts';

const MAX_UINT256 = 2n ** 256n - 1n;

describe('amounts', () => {
  it.each<[string, number, bigint | string]>([
    ['12.50', 6, 12_500_000n],
    ['0', 6, 0n],
    ['0.000001', 6, 1n],
    ['0.0000001', 6, 'too_many_decimals'],
    ['1.0', 0, 'too_many_decimals'],
    [MAX_UINT256.toString(), 0, MAX_UINT256],
    [(MAX_UINT256 + 1n).toString(), 0, 'too_large'],
    [MAX_UINT256.toString(), 1, 'too_large'],
    ['9'.repeat(79), 0, 'syntax'],
    ['', 6, 'syntax'],
    ['.5', 6, 'syntax'],
    ['5.', 6, 'syntax'],
    ['-1', 6, 'syntax'],
    ['1e3', 6, 'syntax'],
    ['0x10', 6, 'syntax'],
    ['1,5', 6, 'syntax'],
    ['007', 6, 'syntax'],
    ['1\n', 6, 'syntax'],
    ['NaN', 6, 'syntax'],
  ])('%j with %s decimals is %s', (text, decimals, expected) => {
    expect(parseAmount(text, decimals)).toBe(expected);
  });

  it('are read back as they were written, for every amount and asset', () => {
    fc.assert(
      fc.property(
        fc.bigInt(0n, MAX_UINT256),
        fc.integer({ min: 0, max: 36 }),
        (atomic, decimals) => {
          const text = formatAmount(atomic, decimals);
          expect(parseAmount(text, decimals)).toBe(atomic);
          expect(text).toMatch(/^(0|[1-9]\d*)(\.\d*[1-9])?$/);
        },
      ),
    );
  });
});

describe('bytes and keys', () => {
  it('are hex and back, and refuse what is no hex', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(new Uint8Array(fromHex(toHex(bytes)))).toEqual(bytes);
      }),
    );
    for (const wrong of ['', '12', '0x1', '0xzz', '0x12 ', 'x12']) {
      expect(() => fromHex(wrong)).toThrow(RangeError);
    }
  });

  it.each([
    [['a', '']],
    [['a'.repeat(127), 'b']],
    [['a'.repeat(128)]],
    [['é', 'b']],
    [['\u007f\u0000']],
  ])('is of the parts behind their lengths, long, short and in any script: %j', (parts) => {
    const hex = createHash('sha256').update(lengthPrefixed(parts)).digest('hex');
    expect(keyHash(...parts).replaceAll('-', '')).toBe(hex.slice(0, 32));
  });

  it('hash parts so that other parts never make the same text', () => {
    expect(keyHash('ab', 'c')).not.toBe(keyHash('a', 'bc'));
    expect(keyHash('a')).not.toBe(keyHash('a', ''));
    expect(keyHash('a', 'b')).toBe(keyHash('a', 'b'));
    expect(isUuid(keyHash('é', '\u0000'))).toBe(true);
    expect([isUuid('x'), isUuid(''), isUuid(keyHash('a').toUpperCase())]).toEqual([
      false,
      false,
      false,
    ]);
  });
});

describe('addresses', () => {
  // The samples of EIP-55.
  const samples = [
    '0x52908400098527886E0F7030069857D2E4169EE7',
    '0x8617E340B3D01FA5F11F306F4090FD50E238070D',
    '0xde709f2102306220921060314715629080e2fb77',
    '0x27b1fdb04752bbc536007a920d24acb045561c26',
    '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
    '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359',
    '0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB',
    '0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb',
  ];
  it.each(samples)('%s is taken in its checksum, in lower and in upper case', (address) => {
    const lower = address.toLowerCase();
    expect(parseAddress(address)).toBe(lower);
    expect(parseAddress(lower)).toBe(lower);
    expect(parseAddress(`0x${address.slice(2).toUpperCase()}`)).toBe(lower);
  });

  it.each([
    ['0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD', 'checksum'],
    ['0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe', 'syntax'],
    ['5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed', 'syntax'],
    ['0X5aaeb6053f3e94c9b9a09f33669435e7ef1beaed', 'syntax'],
    [' 0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed', 'syntax'],
    ['', 'syntax'],
  ])('%s is refused: %s', (text, fault) => {
    expect(parseAddress(text)).toBe(fault);
  });

  it('name slots and assets in the standard forms', () => {
    const address = samples[4]!.toLowerCase() as Address;
    expect(nonceKey(1, address, 7n)).toBe(`1:${address}:7`);
    expect(caip19(8453, address)).toBe(`eip155:8453/erc20:${address}`);
    expect(caip19(1, null)).toBe('eip155:1/slip44:60');
  });
});

describe('errors', () => {
  it('each have a title and tell what to do', () => {
    for (const [code, entry] of Object.entries(ERRORS)) {
      expect(code).toMatch(/^[a-z][a-z0-9_]*$/);
      expect(entry.title).not.toMatch(/\.$/);
      expect(entry.help).toMatch(/\.$/);
    }
  });

  it('that are refusals are values, told apart from everything else', () => {
    expect(isRefusal(refuse('not_found', 'x'))).toBe(true);
    for (const other of [null, undefined, {}, new Error('x'), 'refused']) {
      expect(isRefusal(other)).toBe(false);
    }
  });
});

describe('the clock', () => {
  it('ends a sleep at once when its signal aborts, before or during', async () => {
    const abort = new AbortController();
    const asleep = systemClock.sleep(3_600_000, abort.signal);
    abort.abort();
    await asleep;
    await systemClock.sleep(3_600_000, abort.signal);
    const before = systemClock.monotonic();
    await systemClock.sleep(1);
    expect(systemClock.monotonic()).toBeGreaterThan(before);
    expect(systemClock.now()).toBeGreaterThan(1_700_000_000_000);
  });
});
