import { isIP } from 'node:net';
import { inNetworks, type Network, parseNetwork } from '../../../base/kernel/index.ts';

/**
 * Where no upstream may be unless the configuration opens it: this machine, private and carrier networks, link-local (where
 * clouds keep their credentials), multicast, reserved, documentation, and IPv6 forms that wrap IPv4.
 */
const CLOSED: readonly Network[] = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15'],
  ...['198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  ...['::/96', '64:ff9b::/96', '64:ff9b:1::/48', '100::/64', '2001::/23', '2001:db8::/32'],
  ...['2002::/16', 'fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
].map((text) => parseNetwork(text)!);

/** Whether an upstream may be asked at this address. */
export function isOpenAddress(address: string, opened: readonly Network[]): boolean {
  return inNetworks(opened, address) || !inNetworks(CLOSED, address);
}

/** The host of an upstream that names a closed address itself, before anybody resolves it; null: it does not. */
export function closedHost({ hostname }: URL, opened: readonly Network[]): string | null {
  const host = hostname.replace(/^\[|\]$/g, '');
  const named = host === 'localhost' ? ['127.0.0.1', '::1'] : isIP(host) === 0 ? [] : [host];
  return named.length > 0 && !named.some((address) => isOpenAddress(address, opened)) ? host : null;
}
