import { createHash } from 'node:crypto';
import type { AssetSettings } from '../../../base/config/index.ts';
import type { AuthorizationMethod } from '../../../base/effect/index.ts';
import {
  type Address,
  checksummed,
  type Hex,
  isUuid,
  keyHash,
  MAX_UINT256,
  parseAddress,
} from '../../../base/kernel/index.ts';
import type { PricedEndpoint } from '../endpoint/rows.ts';
import { neededMs } from './rows.ts';

/** How long a payer may take to sign, and what is signed may take to be mined. */
export const MAX_TIMEOUT_SECONDS = 300;
const MOST_HEADER = 12_288;

type Fields = Readonly<Record<string, unknown>>;

/** What came in PAYMENT-SIGNATURE, as far as the gateway looks at it; the rest is the facilitator's to judge. */
export type SignedHeader = {
  payload: Fields;
  challengeId: string;
  /** The chain and the token that it says it pays in. */
  chainId: number;
  token: Address;
  method: AuthorizationMethod;
  payer: Address;
  nonce: Hex;
  /** In seconds, of one by Permit2; else null. */
  deadline: bigint | null;
  /** The payer's own name for the payment. */
  identifier: unknown;
  signatureHash: Hex;
};

/** Null: it is no payment of version 2 for a challenge of ours. */
export function readSignature(header: string): SignedHeader | null {
  if (header.length > MOST_HEADER || !/^[A-Za-z0-9+/]+={0,2}$/.test(header)) return null;
  let payload: unknown;
  try {
    payload = JSON.parse(Buffer.from(header, 'base64').toString('utf8'));
  } catch {
    return null;
  }
  const accepted = fieldsOf(fieldsOf(payload)?.['accepted']);
  const challengeId = fieldsOf(accepted?.['extra'])?.['challengeId'];
  const [, chainId] = /^eip155:([1-9][0-9]{0,14})$/.exec(String(accepted?.['network'])) ?? [];
  const token = addressOf(accepted?.['asset']);
  const inner = fieldsOf(fieldsOf(payload)?.['payload']);
  const signed = readSigned(inner);
  const signature = inner?.['signature'];
  if (typeof challengeId !== 'string' || !isUuid(challengeId.toLowerCase())) return null;
  if (chainId === undefined || token === null || signed === null) return null;
  if (typeof signature !== 'string' || !/^0x([0-9a-fA-F]{2})+$/.test(signature)) return null;
  return {
    payload: fieldsOf(payload)!,
    challengeId: challengeId.toLowerCase(),
    chainId: Number(chainId),
    token,
    ...signed,
    signatureHash: `0x${createHash('sha256').update(signature.slice(2), 'hex').digest('hex')}`,
    identifier: identifierIn(fieldsOf(payload)?.['extensions']),
  };
}

/** Who pays by what, by the member that holds it; null: nobody, or by something else. */
function readSigned(inner: Fields | undefined) {
  const transfer = fieldsOf(inner?.['authorization']);
  const permit = fieldsOf(inner?.['permit2Authorization']);
  const payer = addressOf((transfer ?? permit)?.['from']);
  const nonce = transfer ? bytes32Of(transfer['nonce']) : wordOf(permit?.['nonce']);
  if (payer === null || nonce === null) return null;
  const method: AuthorizationMethod = transfer ? 'eip3009' : 'permit2';
  const deadline = transfer ? null : wordOf(permit?.['deadline']);
  return { method, payer, nonce, deadline: deadline && BigInt(deadline) };
}

function identifierIn(extensions: unknown): unknown {
  const extension = fieldsOf(fieldsOf(extensions)?.['payment-identifier']);
  return fieldsOf(extension?.['info'])?.['id'];
}

function addressOf(value: unknown): Address | null {
  const address = typeof value === 'string' ? parseAddress(value) : 'syntax';
  return address === 'syntax' || address === 'checksum' ? null : address;
}

function bytes32Of(value: unknown): Hex | null {
  const fits = typeof value === 'string' && /^0x[0-9a-fA-F]{64}$/.test(value);
  return fits ? (value.toLowerCase() as Hex) : null;
}

/** Permit2 counts its nonces: a decimal uint256. */
function wordOf(value: unknown): Hex | null {
  if (typeof value !== 'string' || !/^(0|[1-9][0-9]{0,77})$/.test(value)) return null;
  const number = BigInt(value);
  return number <= MAX_UINT256 ? `0x${number.toString(16).padStart(64, '0')}` : null;
}

function fieldsOf(value: unknown): Fields | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return value as Fields;
}

/**
 * What names the payment where its payer signs anew: its payment-identifier, which the facilitator reads itself, else
 * the Idempotency-Key of the request, which counts for this payer alone. Null: both are given, and are not the same.
 */
export function paymentKeyOf(
  { payer, identifier }: Pick<SignedHeader, 'payer' | 'identifier'>,
  idempotencyKey: string | null,
): { idempotencyKey?: string } | null {
  if (idempotencyKey === null) return {};
  if (identifier !== undefined && identifier !== null) {
    return identifier === idempotencyKey ? {} : null;
  }
  // No identifier has a colon, so nobody can take another's key by one.
  return { idempotencyKey: `${payer}:${keyHash(idempotencyKey)}` };
}

/** What is paid for: another method, path, query or body is another request. */
export function requestHash(of: {
  merchantId: string;
  method: string;
  path: string;
  search: string;
  body: Buffer;
}): Hex {
  const hash = createHash('sha256');
  for (const part of [of.merchantId, of.method, of.path, of.search]) {
    hash.update(`${Buffer.byteLength(part)}:${part}`);
  }
  return `0x${hash.update(createHash('sha256').update(of.body).digest()).digest('hex')}`;
}

/**
 * What is asked for, in the form of the packages; the challenge comes back within what its payer accepted. `taker`: the
 * wallet that a payer by `upto` signs for, told where it is asked to sign.
 */
export function requirementsOf(
  endpoint: PricedEndpoint,
  asset: AssetSettings,
  { challengeId, taker }: { challengeId: string; taker?: Address | null },
) {
  const upto = endpoint.usage !== null;
  return {
    scheme: upto ? 'upto' : 'exact',
    network: `eip155:${asset.chainId}`,
    amount: endpoint.price.toString(),
    asset: checksummed(asset.address!),
    payTo: checksummed(endpoint.payTo),
    // What is charged by its answer has to be good until that is there.
    maxTimeoutSeconds: MAX_TIMEOUT_SECONDS + (upto ? Math.ceil(neededMs(endpoint) / 1000) : 0),
    extra: {
      ...(endpoint.transferMethod === 'eip3009'
        ? asset.eip712!
        : { assetTransferMethod: 'permit2' }),
      ...(taker ? { facilitatorAddress: checksummed(taker) } : {}),
      challengeId,
    },
  };
}

/** What else a payer may say: its own name for the payment. The packages' payers give one only where it is asked for. */
export const OFFERED = {
  'payment-identifier': {
    info: { required: false },
    schema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: {
        required: { type: 'boolean' },
        id: { type: 'string', minLength: 16, maxLength: 128, pattern: '^[a-zA-Z0-9_-]+$' },
      },
      required: ['required'],
    },
  },
};

/** The body of a settle: what the payer signed, against what we asked and for what we say it is. */
export function settlementOf(
  { payload }: SignedHeader,
  requirements: ReturnType<typeof requirementsOf>,
  url: string,
) {
  return {
    x402Version: 2,
    paymentPayload: { ...payload, x402Version: 2, resource: { url } },
    paymentRequirements: requirements,
  };
}

export const encode = (value: unknown): string =>
  Buffer.from(JSON.stringify(value)).toString('base64');
