import { type Address, type Hex, MAX_UINT256, parseAddress } from '../../../base/kernel/index.ts';
import { chainOfNetwork } from './networks.ts';
import type { Reason } from './reasons.ts';

/** A payment as a merchant hands it in: what its payer signed, and what the merchant asked for. */
export type PaymentRequest = {
  version: 1 | 2;
  /** As the merchant wrote it; answers repeat it. */
  network: string;
  chainId: number;
  asked: { token: Address; payTo: Address; amount: bigint; name: string; version: string };
  signed: {
    payer: Address;
    payTo: Address;
    amount: bigint;
    validAfter: bigint;
    validBefore: bigint;
    nonce: Hex;
    signature: Hex;
  };
  /** What is paid for, without its query; '' where nothing was named. */
  endpoint: string;
  /** The payer's payment-identifier, else its merchant's Idempotency-Key. */
  identifier: string | null;
};

/** Why a request can not be a payment; `message` names the member and holds nothing of the payer's. */
type Misfit = { reason: Reason; message: string; payer: string | null };

class Fault extends Error {
  readonly reason: Reason;

  constructor(reason: Reason, message: string) {
    super(message);
    this.reason = reason;
  }
}

type Fields = Readonly<Record<string, unknown>>;

const ADDRESS = '0x and 40 hex digits';
const NUMBER = 'a decimal string of a uint256, without leading zeros';
const MOST_SIGNATURE_BYTES = 2_048;
const MOST_TEXT = 2_048;
const IDENTIFIER = /^[A-Za-z0-9_-]{16,128}$/;

/**
 * Reads the body of verify and settle, of both versions of the protocol; what identifies a payment is its payer's
 * identifier, else the merchant's key. Pure; judges form only.
 */
export function readRequest(
  body: unknown,
  idempotencyKey: string | null = null,
): PaymentRequest | Misfit {
  try {
    const root = fieldsOf(body, 'the body');
    const payload = fieldsOf(root['paymentPayload'], 'paymentPayload');
    const asked = fieldsOf(root['paymentRequirements'], 'paymentRequirements');
    const version = payload['x402Version'] ?? root['x402Version'];
    if (version !== 1 && version !== 2)
      throw new Fault('invalid_x402_version', 'x402Version: 1 or 2');
    const request = version === 2 ? readSecond(payload, asked) : readFirst(payload, asked);
    return { ...request, identifier: request.identifier ?? idempotencyKey };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { reason: error.reason, message: error.message, payer: payerIn(body) };
  }
}

function readSecond(payload: Fields, asked: Fields): PaymentRequest {
  const accepted = fieldsOf(payload['accepted'], 'paymentPayload.accepted');
  const network = networkOf(asked, accepted);
  return {
    version: 2,
    ...network,
    asked: readAsked(asked, 'amount'),
    signed: readSigned(payload['payload'], asked['extra']),
    endpoint: endpointOf(optional(payload['resource'])?.['url']),
    identifier: identifierOf(payload['extensions']),
  };
}

function readFirst(payload: Fields, asked: Fields): PaymentRequest {
  return {
    version: 1,
    ...networkOf(asked, payload),
    asked: readAsked(asked, 'maxAmountRequired'),
    signed: readSigned(payload['payload'], asked['extra']),
    endpoint: endpointOf(asked['resource']),
    identifier: null,
  };
}

/** Scheme and network, which both sides name. */
function networkOf(asked: Fields, accepted: Fields): { network: string; chainId: number } {
  for (const [side, { scheme }] of [
    ['paymentRequirements', asked],
    ['payload', accepted],
  ] as const) {
    if (scheme !== 'exact')
      throw new Fault('unsupported_scheme', `${side}: the scheme is not exact`);
  }
  const { network } = asked;
  const chainId = chainOfNetwork(network);
  if (typeof network !== 'string' || chainId === null) {
    throw new Fault(
      'invalid_network',
      'paymentRequirements.network: an EVM network, like eip155:8453',
    );
  }
  if (chainOfNetwork(accepted['network']) !== chainId) {
    throw new Fault(
      'invalid_exact_evm_network_mismatch',
      'payload and requirements name two networks',
    );
  }
  return { network, chainId };
}

function readAsked(asked: Fields, amount: string): PaymentRequest['asked'] {
  const { name, version } = optional(asked['extra']) ?? {};
  if (typeof name !== 'string' || typeof version !== 'string') {
    const expected = 'paymentRequirements.extra: name and version of the EIP-712 domain';
    throw new Fault('invalid_exact_evm_missing_eip712_domain', expected);
  }
  const at = 'paymentRequirements';
  return {
    token: addressOf(asked['asset'], `${at}.asset`),
    payTo: addressOf(asked['payTo'], `${at}.payTo`),
    amount: numberOf(asked[amount], `${at}.${amount}`),
    name,
    version,
  };
}

function readSigned(value: unknown, extra: unknown): PaymentRequest['signed'] {
  const at = 'paymentPayload.payload';
  const method = optional(extra)?.['assetTransferMethod'];
  if (method !== undefined && method !== null && method !== 'eip3009') {
    throw new Fault('unsupported_asset_transfer_method', 'only eip3009 is taken here');
  }
  const payload = fieldsOf(value, at);
  if (payload['permit2Authorization'] !== undefined) {
    throw new Fault('unsupported_payload_type', 'only EIP-3009 authorizations are taken here');
  }
  const signed = fieldsOf(payload['authorization'], `${at}.authorization`);
  const field = (name: string) => `${at}.authorization.${name}`;
  return {
    payer: addressOf(signed['from'], field('from')),
    payTo: addressOf(signed['to'], field('to')),
    amount: numberOf(signed['value'], field('value')),
    validAfter: numberOf(signed['validAfter'], field('validAfter')),
    validBefore: numberOf(signed['validBefore'], field('validBefore')),
    nonce: bytesOf(signed['nonce'], field('nonce'), { from: 32, to: 32 }),
    signature: bytesOf(payload['signature'], `${at}.signature`, {
      from: 1,
      to: MOST_SIGNATURE_BYTES,
    }),
  };
}

function identifierOf(extensions: unknown): string | null {
  const info = optional(optional(optional(extensions)?.['payment-identifier'])?.['info']);
  const id = info?.['id'];
  if (id === undefined || id === null) {
    if (info?.['required'] !== true) return null;
    throw new Fault('invalid_payload', 'payment-identifier: an id is required');
  }
  if (typeof id === 'string' && IDENTIFIER.test(id)) return id;
  throw new Fault('invalid_payload', 'payment-identifier: 16 to 128 of A-Z a-z 0-9 _ -');
}

function endpointOf(url: unknown): string {
  if (url === undefined || url === null) return '';
  if (typeof url !== 'string' || url.length > MOST_TEXT) {
    throw new Fault('invalid_payload', `resource.url: a text of at most ${MOST_TEXT} characters`);
  }
  const plain = url.split(/[?#]/, 1)[0]!;
  return URL.canParse(plain) ? new URL(plain).href.slice(0, MOST_TEXT) : '';
}

function fieldsOf(value: unknown, at: string): Fields {
  const fields = optional(value);
  if (fields === undefined) throw new Fault('invalid_payload', `${at}: an object`);
  return fields;
}

function optional(value: unknown): Fields | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return value as Fields;
}

function addressOf(value: unknown, at: string): Address {
  const address = typeof value === 'string' ? parseAddress(value) : 'syntax';
  if (address !== 'syntax' && address !== 'checksum') return address;
  // Payers' libraries differ in case; one whose checksum is wrong was mistyped.
  throw new Fault('invalid_payload', `${at}: ${ADDRESS}, with the right checksum when mixed case`);
}

function numberOf(value: unknown, at: string): bigint {
  if (typeof value === 'string' && /^(0|[1-9][0-9]{0,77})$/.test(value)) {
    const number = BigInt(value);
    if (number <= MAX_UINT256) return number;
  }
  throw new Fault('invalid_payload', `${at}: ${NUMBER}`);
}

function bytesOf(value: unknown, at: string, { from, to }: { from: number; to: number }): Hex {
  if (typeof value === 'string' && /^0x([0-9a-fA-F]{2})*$/.test(value)) {
    const length = value.length / 2 - 1;
    if (length >= from && length <= to) return value.toLowerCase() as Hex;
  }
  const size = from === to ? `${from} bytes` : `${from} to ${to} bytes`;
  throw new Fault('invalid_payload', `${at}: 0x and ${size} of hex`);
}

/** For the answer to a request that is none: an address, if one stands where it belongs. */
function payerIn(body: unknown): string | null {
  const payload = optional(optional(optional(body)?.['paymentPayload'])?.['payload']);
  const from = optional(payload?.['authorization'])?.['from'];
  return typeof from === 'string' && /^0x[0-9a-fA-F]{40}$/.test(from) ? from : null;
}
