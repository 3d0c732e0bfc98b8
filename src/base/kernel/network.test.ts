import { describe, expect, it } from 'vitest';
import { inNetworks, type Network, networkWithin, parseNetwork } from './index.ts';

const network = (text: string) => parseNetwork(text) as Network;

describe('a network', () => {
  it.each([
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['10.0.0.0/8', '::ffff:10.1.2.3', true],
    ['10.0.0.0/8', '::ffff:a01:203', true],
    ['192.0.2.7', '192.0.2.7', true],
    ['192.0.2.7', '192.0.2.6', false],
    ['192.0.2.0/25', '192.0.2.127', true],
    ['192.0.2.0/25', '192.0.2.128', false],
    ['0.0.0.0/0', '203.0.113.9', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['::/0', '203.0.113.9', false],
    ['::/0', '2001:db8::1', true],
    ['2001:db8::/33', '2001:db8:7fff::1', true],
    ['2001:db8::/33', '2001:db8:8000::1', false],
    ['::1', '0:0:0:0:0:0:0:1', true],
    ['2001:db8::1', 'fe80::1%eth0', false],
    ['10.0.0.0/8', 'unknown', false],
    ['10.0.0.0/8', '', false],
  ])('%s holds %s: %s', (range, address, held) => {
    expect(inNetworks([network(range)], address)).toBe(held);
  });

  it.each([
    '',
    '10.0.0.0/33',
    '10.0.0.1/8',
    '10.0.0/8',
    '010.0.0.0/8',
    '10.0.0.0/',
    '10.0.0.0/08',
    '10.0.0.0/8/8',
    '::1/129',
    '2001:db8::1/64',
    'fe80::1%eth0',
    '[::1]',
    'localhost',
    '10.0.0.0/-1',
    ' 10.0.0.0/8',
  ])('is not %j', (text) => {
    expect(parseNetwork(text)).toBeNull();
  });

  it.each([
    ['10.0.0.0/8', '10.1.0.0/16', true],
    ['10.0.0.0/8', '10.0.0.0/8', true],
    ['10.1.0.0/16', '10.0.0.0/8', false],
    ['10.0.0.0/8', '2001:db8::/32', false],
    ['::ffff:0:0/96', '0.0.0.0/0', true],
  ])('%s has all of %s: %s', (outer, inner, within) => {
    expect(networkWithin(network(outer), network(inner))).toBe(within);
  });
});
