import { createPublicKey, type KeyObject } from 'node:crypto';
import type { RateLimit } from '../../base/config/index.ts';
import {
  type Fault,
  type Network,
  networkWithin,
  parseInstant,
  parseNetwork,
  type Refusal,
  refuse,
} from '../../base/kernel/index.ts';
import { allows, GRANTS, type Grant, isGrant, opened, type Scope } from './scopes.ts';

/** What a key may do, from where, how fast and for how long. */
export type Rights = {
  scopes: Grant[];
  /** CIDR; empty: from anywhere. */
  allowedNetworks: string[];
  /** Raw Ed25519. */
  publicKey: Buffer | null;
  /** Without it a signature is held to its rules where one comes. */
  requireSignature: boolean;
  /** Null: what the configuration says of every key. */
  rateLimit: RateLimit | null;
  expiresAt: Date | null;
};

/** As rows have them. */
export type RightsRow = Omit<Rights, 'rateLimit'> & {
  requestsPerSecond: number | null;
  burst: number | null;
};

export function rightsOf({ requestsPerSecond, burst, ...row }: RightsRow): Rights {
  const rateLimit = requestsPerSecond === null ? null : { requestsPerSecond, burst: burst! };
  return { ...row, rateLimit };
}

export type KeyOrder = {
  tenantId: string;
  name: string;
  scopes: readonly string[];
  /** An RFC 3339 time to come. */
  expiresAt?: string;
  allowedNetworks?: readonly string[];
  /** SubjectPublicKeyInfo in PEM, as openssl and node:crypto write it. */
  publicKey?: string;
  /** With a public key true unless it says otherwise. */
  requireSignature?: boolean;
  rateLimit?: RateLimit;
};

const MOST_NETWORKS = 100;
const MOST_A_SECOND = 1_000_000;
const DER_HEAD = Buffer.from('302a300506032b6570032100', 'hex');

/** The rights that are ordered, or every fault of the order. Pure; the clock of the database judges the expiry. */
export function readRights(order: KeyOrder): Rights | Refusal {
  const faults: Fault[] = [];
  const fault = (pointer: string, got: string, expected: string) =>
    faults.push({ pointer, code: 'invalid_request', got: got.slice(0, 128), expected });
  if (order.name.trim() === '' || order.name.length > 128) {
    fault('/name', order.name, '1 to 128 characters');
  }
  if (order.scopes.length === 0) fault('/scopes', 'none', 'at least one scope');
  order.scopes.forEach((scope, index) => {
    if (!isGrant(scope)) fault(`/scopes/${index}`, scope, `one of ${GRANTS.join(', ')}`);
  });
  const networks = order.allowedNetworks ?? [];
  if (networks.length > MOST_NETWORKS) {
    fault('/allowedNetworks', String(networks.length), `at most ${MOST_NETWORKS} networks`);
  }
  networks.forEach((text, index) => {
    if (parseNetwork(text) === null) {
      fault(`/allowedNetworks/${index}`, text, 'an address or a network in CIDR, like 10.0.0.0/8');
    }
  });
  const publicKey = order.publicKey === undefined ? null : readPublicKey(order.publicKey);
  if (publicKey === null && order.publicKey !== undefined) {
    fault('/publicKey', 'no such key (not shown)', 'a public Ed25519 key in PEM');
  }
  const requireSignature = order.requireSignature ?? order.publicKey !== undefined;
  if (requireSignature && order.publicKey === undefined) {
    fault('/publicKey', 'nothing', 'a public key, since requireSignature is true');
  }
  for (const [name, value] of Object.entries(order.rateLimit ?? {})) {
    if (!Number.isInteger(value) || value < 1 || value > MOST_A_SECOND) {
      fault(`/rateLimit/${name}`, String(value), `a whole number from 1 to ${MOST_A_SECOND}`);
    }
  }
  const { expiresAt } = order;
  const ends = expiresAt === undefined ? null : parseInstant(expiresAt);
  if (ends === undefined) fault('/expiresAt', expiresAt!, 'an RFC 3339 time to come');
  if (faults.length > 0) return unusable(faults);
  return {
    scopes: [...new Set(order.scopes as readonly Grant[])].sort(),
    allowedNetworks: [...new Set(networks)],
    publicKey,
    requireSignature,
    rateLimit: order.rateLimit ?? null,
    expiresAt: ends == null ? null : new Date(ends),
  };
}

export function unusable(faults: Fault[]): Refusal {
  return refuse('invalid_request', 'The key can not be made as it was ordered.', { faults });
}

/** The 32 bytes of an Ed25519 key. Only a public key is taken: whoever sends a private one has told it to us. */
function readPublicKey(pem: string): Buffer | null {
  if (!/^\s*-----BEGIN PUBLIC KEY-----/.test(pem)) return null;
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType !== 'ed25519') return null;
    return key.export({ format: 'der', type: 'spki' }).subarray(DER_HEAD.length);
  } catch {
    return null;
  }
}

export function publicKeyOf(raw: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([DER_HEAD, raw]), format: 'der', type: 'spki' });
}

/**
 * What of `wanted` goes beyond the key that asks for it; pure. `rateLimit` of both is what holds for them, null for
 * none.
 */
export function beyond(maker: Rights, wanted: Rights): Fault[] {
  const faults: Fault[] = [];
  const fault = (pointer: string, got: string, expected: string) =>
    faults.push({ pointer, code: 'grant_too_wide', got, expected });
  wanted.scopes.forEach((scope, index) => {
    if (allows(maker.scopes, scope)) return;
    fault(`/scopes/${index}`, scope, `of the key's own: ${maker.scopes.join(', ')}`);
  });
  if (maker.allowedNetworks.length > 0) {
    const outer = maker.allowedNetworks.map((text) => parseNetwork(text) as Network);
    const own = `within the key's own: ${maker.allowedNetworks.join(', ')}`;
    if (wanted.allowedNetworks.length === 0) fault('/allowedNetworks', 'none', own);
    wanted.allowedNetworks.forEach((text, index) => {
      const inner = parseNetwork(text) as Network;
      if (outer.some((network) => networkWithin(network, inner))) return;
      fault(`/allowedNetworks/${index}`, text, own);
    });
  }
  if (maker.requireSignature && !wanted.requireSignature) {
    fault('/requireSignature', 'false', 'true, with a public key: the key itself must sign');
  }
  if (
    maker.expiresAt !== null &&
    !(wanted.expiresAt !== null && wanted.expiresAt <= maker.expiresAt)
  ) {
    const got = wanted.expiresAt?.toISOString() ?? 'never';
    fault('/expiresAt', got, `at most the key's own: ${maker.expiresAt.toISOString()}`);
  }
  for (const name of ['requestsPerSecond', 'burst'] as const) {
    const own = maker.rateLimit?.[name];
    const got = wanted.rateLimit?.[name];
    if (own === undefined || (got !== undefined && got <= own)) continue;
    fault(`/rateLimit/${name}`, got === undefined ? 'unlimited' : String(got), `at most ${own}`);
  }
  return faults;
}

/** Whose word counts as a person's, where two persons decide. */
const DECIDING: readonly Grant[] = [
  'admin',
  'admin:*',
  'admin:breaks',
  'admin:chains',
  'admin:freeze',
  'admin:policy',
];

/** Who asks for a payment by it may not approve that: an approver is told apart from them by the person of the key. */
const ASKING: readonly Scope[] = ['withdrawals:create', 'payments:refund'];

/** One who rotated somebody else's key that asks for payments could ask by it as them, and approve as themself. */
export function asksForAnother(scopes: readonly Grant[]): Refusal | null {
  const index = scopes.findIndex((grant) => opened(grant).some((scope) => ASKING.includes(scope)));
  const expected =
    "none that asks for payments in somebody else's name: make a key of your own, or rotate it by `payonce key rotate` or itself";
  return index < 0 ? null : tooWideAt(scopes, index, expected);
}

/** One who made or rotated the second person's key by the first one's would be both of them. */
export function ofAPerson(scopes: readonly Grant[]): Refusal | null {
  const index = scopes.findIndex((scope) => DECIDING.includes(scope));
  const expected =
    'none that speaks for a person: such a key is made by `payonce key create`, and rotated by that or itself';
  return index < 0 ? null : tooWideAt(scopes, index, expected);
}

function tooWideAt(scopes: readonly Grant[], index: number, expected: string): Refusal {
  const pointer = `/scopes/${index}`;
  const fault = { pointer, code: 'grant_too_wide' as const, got: scopes[index]!, expected };
  const detail = `At ${pointer}: ${fault.got}; expected ${expected}.`;
  return refuse('grant_too_wide', detail, { faults: [fault] });
}
