import type { AuthorizationMethod, Ceiling } from '../../../base/effect/index.ts';
import type { Address, Hex } from '../../../base/kernel/index.ts';
import { addressOf, bytesOf, Fault, type Fields, fieldsOf, numberOf, optional } from './fields.ts';
import { chainOfNetwork } from './networks.ts';
import type { Reason } from './reasons.ts';

/** A payment as a merchant hands it in: what its payer signed, and what the merchant asked for. */
export type PaymentRequest = {
  version: 1 | 2;
  /** As the merchant wrote it; answers repeat it. */
  network: string;
  chainId: number;
  asked: {
    token: Address;
    payTo: Address;
    /** Of `upto` the most when it is verified, and what is charged when it is settled. */
    amount: bigint;
    /** Of the token, which a payer by EIP-3009 signs for; with Permit2 nobody does. */
    domain: { name: string; version: string } | null;
  };
  signed: {
    method: AuthorizationMethod;
    payer: Address;
    token: Address;
    /** Who may take it from Permit2. */
    spender: Address | null;
    payTo: Address;
    /** Of `upto` the most. */
    amount: bigint;
    validAfter: bigint;
    /** Of Permit2: its deadline. */
    validBefore: bigint;
    nonce: Hex;
    signature: Hex;
    ceiling: Ceiling | null;
  };
  /** What is paid for, without its query; '' where nothing was named. */
  endpoint: string;
  /** The payer's payment-identifier, else its merchant's Idempotency-Key. */
  identifier: string | null;
};

/** Why a request can not be a payment; `message` names the member and holds nothing of the payer's. */
type Misfit = { reason: Reason; message: string; payer: string | null };

const MOST_SIGNATURE_BYTES = 2_048;
const MOST_TEXT = 2_048;
const AT = 'paymentPayload.payload';
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
  const scheme = schemeOf(asked, accepted);
  const network = networkOf(asked, accepted, scheme);
  const method = methodOf(asked, scheme);
  const wanted = readAsked(asked, 'amount', method);
  return {
    version: 2,
    ...network,
    asked: wanted,
    signed: readSigned(payload['payload'], method, wanted.token),
    endpoint: endpointOf(optional(payload['resource'])?.['url']),
    identifier: identifierOf(payload['extensions']),
  };
}

function readFirst(payload: Fields, asked: Fields): PaymentRequest {
  const scheme = schemeOf(asked, payload);
  if (scheme !== 'exact') throw new Fault('unsupported_scheme', 'only exact in version 1');
  const network = networkOf(asked, payload, scheme);
  const method = methodOf(asked, scheme);
  if (method !== 'eip3009')
    throw new Fault('unsupported_asset_transfer_method', 'not in version 1');
  const wanted = readAsked(asked, 'maxAmountRequired', method);
  return {
    version: 1,
    ...network,
    asked: wanted,
    signed: readSigned(payload['payload'], method, wanted.token),
    endpoint: endpointOf(asked['resource']),
    identifier: null,
  };
}

type Scheme = 'exact' | 'upto';

/** Both sides name it, and the same. */
function schemeOf({ scheme }: Fields, accepted: Fields): Scheme {
  if (scheme !== 'exact' && scheme !== 'upto') {
    throw new Fault('unsupported_scheme', 'paymentRequirements: the scheme is exact or upto');
  }
  if (accepted['scheme'] === scheme) return scheme;
  const reason = scheme === 'upto' ? 'invalid_upto_evm_scheme' : 'unsupported_scheme';
  throw new Fault(reason, `payload: the scheme is not ${scheme}`);
}

/** Which both sides name, too. */
function networkOf(
  asked: Fields,
  accepted: Fields,
  scheme: Scheme,
): { network: string; chainId: number } {
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
      `invalid_${scheme}_evm_network_mismatch`,
      'payload and requirements name two networks',
    );
  }
  return { network, chainId };
}

/** How the merchant wants to be paid: what its payer signed has to be of that kind. */
function methodOf(asked: Fields, scheme: Scheme): AuthorizationMethod {
  const method = optional(asked['extra'])?.['assetTransferMethod'];
  if (scheme === 'upto') {
    if (method === undefined || method === 'permit2') return 'upto';
    throw new Fault('unsupported_asset_transfer_method', 'upto is paid by permit2');
  }
  if (method === undefined || method === null) return 'eip3009';
  if (method === 'eip3009' || method === 'permit2') return method;
  throw new Fault('unsupported_asset_transfer_method', 'eip3009 and permit2 are taken here');
}

function readAsked(
  asked: Fields,
  amount: string,
  method: AuthorizationMethod,
): PaymentRequest['asked'] {
  const at = 'paymentRequirements';
  return {
    token: addressOf(asked['asset'], `${at}.asset`),
    payTo: addressOf(asked['payTo'], `${at}.payTo`),
    amount: numberOf(asked[amount], `${at}.${amount}`),
    domain: method === 'eip3009' ? domainOf(asked['extra']) : null,
  };
}

function domainOf(extra: unknown): { name: string; version: string } {
  const { name, version } = optional(extra) ?? {};
  if (typeof name === 'string' && typeof version === 'string') return { name, version };
  const expected = 'paymentRequirements.extra: name and version of the EIP-712 domain';
  throw new Fault('invalid_exact_evm_missing_eip712_domain', expected);
}

const MEMBERS = {
  eip3009: 'authorization',
  permit2: 'permit2Authorization',
  upto: 'permit2Authorization',
} as const;

function readSigned(
  value: unknown,
  method: AuthorizationMethod,
  token: Address,
): PaymentRequest['signed'] {
  const payload = fieldsOf(value, AT);
  const other = method === 'eip3009' ? MEMBERS.permit2 : MEMBERS.eip3009;
  if (payload[other] !== undefined) {
    throw new Fault('unsupported_payload_type', `${AT}.${other}: asked for was ${method}`);
  }
  const signed = fieldsOf(payload[MEMBERS[method]], `${AT}.${MEMBERS[method]}`);
  const most = MOST_SIGNATURE_BYTES;
  const signature = bytesOf(payload['signature'], `${AT}.signature`, { from: 1, to: most });
  return method === 'eip3009'
    ? { method, token, spender: null, ...readTransfer(signed), ceiling: null, signature }
    : { method, ...readPermit(signed, method), signature };
}

function readTransfer(signed: Fields) {
  const field = (name: string) => `${AT}.${MEMBERS.eip3009}.${name}`;
  return {
    payer: addressOf(signed['from'], field('from')),
    payTo: addressOf(signed['to'], field('to')),
    amount: numberOf(signed['value'], field('value')),
    validAfter: numberOf(signed['validAfter'], field('validAfter')),
    validBefore: numberOf(signed['validBefore'], field('validBefore')),
    nonce: bytesOf(signed['nonce'], field('nonce'), { from: 32, to: 32 }),
  };
}

function readPermit(signed: Fields, method: 'permit2' | 'upto') {
  const field = (name: string) => `${AT}.${MEMBERS.permit2}.${name}`;
  const permitted = fieldsOf(signed['permitted'], field('permitted'));
  const witness = fieldsOf(signed['witness'], field('witness'));
  const nonce = numberOf(signed['nonce'], field('nonce'));
  const amount = numberOf(permitted['amount'], field('permitted.amount'));
  return {
    payer: addressOf(signed['from'], field('from')),
    token: addressOf(permitted['token'], field('permitted.token')),
    spender: addressOf(signed['spender'], field('spender')),
    payTo: addressOf(witness['to'], field('witness.to')),
    amount,
    validAfter: numberOf(witness['validAfter'], field('witness.validAfter')),
    validBefore: numberOf(signed['deadline'], field('deadline')),
    nonce: `0x${nonce.toString(16).padStart(64, '0')}` as Hex,
    ceiling:
      method === 'permit2'
        ? null
        : {
            most: amount,
            facilitator: addressOf(witness['facilitator'], field('witness.facilitator')),
          },
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

/** For the answer to a request that is none: an address, if one stands where it belongs. */
function payerIn(body: unknown): string | null {
  const payload = optional(optional(optional(body)?.['paymentPayload'])?.['payload']);
  const signed = payload?.[MEMBERS.eip3009] ?? payload?.[MEMBERS.permit2];
  const from = optional(signed)?.['from'];
  return typeof from === 'string' && /^0x[0-9a-fA-F]{40}$/.test(from) ? from : null;
}
