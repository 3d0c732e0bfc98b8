import { describe, expect, it } from 'vitest';
import { parseNetwork } from '../../../base/kernel/index.ts';
import { isOpenAddress } from './networks.ts';

describe('an upstream', () => {
  it.each([
    ...['127.0.0.1', '127.255.255.254', '10.1.2.3', '172.31.0.1', '192.168.1.1', '169.254.169.254'],
    ...['100.64.0.1', '0.0.0.0', '224.0.0.1', '255.255.255.255', '198.18.0.1', '::1', '::'],
    ...[
      '::ffff:127.0.0.1',
      '::ffff:169.254.169.254',
      '::127.0.0.1',
      'fe80::1',
      'fc00::1',
      'fd00:ec2::254',
    ],
    ...['64:ff9b::7f00:1', '2002:7f00:1::', '2001:db8::1', 'ff02::1'],
  ])('is never at %s', (address) => {
    expect(isOpenAddress(address, [])).toBe(false);
  });

  it.each(['8.8.8.8', '172.32.0.1', '11.0.0.1', '2606:4700::1111'])('may be at %s', (address) => {
    expect(isOpenAddress(address, [])).toBe(true);
  });

  it('may be where the configuration opens a network, and nowhere beside it', () => {
    const opened = [parseNetwork('10.1.0.0/16')!];
    expect(isOpenAddress('10.1.2.3', opened)).toBe(true);
    expect(isOpenAddress('10.2.2.3', opened)).toBe(false);
  });
});
