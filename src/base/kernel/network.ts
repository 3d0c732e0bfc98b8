import { isIPv4, isIPv6 } from 'node:net';

/** A range of addresses: the first `prefix` bits of `base` are its own. IPv4 is in its place in IPv6, ::ffff:0:0/96. */
export type Network = { base: Uint8Array; prefix: number };

const IPV4_PREFIX = 96;

/** CIDR or a single address, IPv4 or IPv6; null for anything else, also where bits behind the prefix are set. */
export function parseNetwork(text: string): Network | null {
  const [address = '', length, ...rest] = text.split('/');
  const base = addressBytes(address);
  if (base === null || rest.length > 0) return null;
  const shift = isIPv4(address) ? IPV4_PREFIX : 0;
  if (length === undefined) return { base, prefix: 128 };
  if (!/^(0|[1-9]\d{0,2})$/.test(length)) return null;
  const prefix = Number(length) + shift;
  if (prefix > 128) return null;
  for (let bit = prefix; bit < 128; bit += 1) if (bitOf(base, bit) !== 0) return null;
  return { base, prefix };
}

/** False for what is no address. An IPv4 address that came over an IPv6 socket is that IPv4 address. */
export function inNetworks(networks: readonly Network[], address: string): boolean {
  const bytes = addressBytes(address);
  return bytes !== null && networks.some((network) => holds(network, bytes));
}

/** Every address of `inner` is one of `outer`. */
export function networkWithin(outer: Network, inner: Network): boolean {
  return inner.prefix >= outer.prefix && holds(outer, inner.base);
}

function holds({ base, prefix }: Network, bytes: Uint8Array): boolean {
  // Whoever writes ::/0 means IPv6.
  if (prefix < IPV4_PREFIX && isIPv4Bytes(bytes)) return false;
  const whole = prefix >> 3;
  for (let index = 0; index < whole; index += 1) if (base[index] !== bytes[index]) return false;
  const mask = 0xff00 >> (prefix & 7);
  return whole === 16 || ((base[whole]! ^ bytes[whole]!) & mask & 0xff) === 0;
}

function isIPv4Bytes(bytes: Uint8Array): boolean {
  return (
    bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((one) => one === 0)
  );
}

function bitOf(bytes: Uint8Array, bit: number): number {
  return (bytes[bit >> 3]! >> (7 - (bit & 7))) & 1;
}

function addressBytes(address: string): Uint8Array | null {
  if (isIPv4(address)) {
    return Uint8Array.of(...new Array(10).fill(0), 0xff, 0xff, ...address.split('.').map(Number));
  }
  // A zone (%eth0) names an interface, not a network.
  if (!isIPv6(address) || address.includes('%')) return null;
  // The URL standard writes an address with groups of hex alone, and one :: at most.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const [front, back] = [groups(head), groups(tail ?? '')];
  const zeros = new Array<string>(8 - front.length - back.length).fill('0');
  const all = [...front, ...zeros, ...back].map((group) => Number.parseInt(group, 16));
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}
