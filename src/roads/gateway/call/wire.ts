import { createHash } from 'node:crypto';
import type { AssetSettings } from '../../../base/config/index.ts';
import { authorizationDigest } from '../../../base/effect/index.ts';
import {
  type Address,
  checksummed,
  type Hex,
  isUuid,
  parseAddress,
} from '../../../base/kernel/index.ts';
import type { PricedEndpoint } from '../endpoint/rows.ts';

/** How long a payer may take to sign, and what is signed may take to be mined. */
export const MAX_TIMEOUT_SECONDS = 300;
const MOST_HEADER = 12_288;

type Fields = Readonly<Record<string, unknown>>;

/** What came in PAYMENT-SIGNATURE, as far as the gateway looks at it; the rest is the facilitator's to judge. */
export type SignedHeader = {
  payload: Fields;
  challengeId: string;
  payer: Address;
  nonce: Hex;
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
  const signed = fieldsOf(fieldsOf(fieldsOf(payload)?.['payload'])?.['authorization']);
  const payer = typeof signed?.['from'] === 'string' ? parseAddress(signed['from']) : 'syntax';
  const nonce = signed?.['nonce'];
  const signature = fieldsOf(fieldsOf(payload)?.['payload'])?.['signature'];
  if (typeof challengeId !== 'string' || !isUuid(challengeId.toLowerCase())) return null;
  if (payer === 'syntax' || payer === 'checksum') return null;
  if (typeof nonce !== 'string' || !/^0x[0-9a-fA-F]{64}$/.test(nonce)) return null;
  if (typeof signature !== 'string' || !/^0x([0-9a-fA-F]{2})+$/.test(signature)) return null;
  return {
    payload: fieldsOf(payload)!,
    challengeId: challengeId.toLowerCase(),
    payer,
    nonce: nonce.toLowerCase() as Hex,
    signatureHash: `0x${createHash('sha256').update(signature.slice(2), 'hex').digest('hex')}`,
  };
}

function fieldsOf(value: unknown): Fields | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return value as Fields;
}

export function authorizationOf({ payer, nonce }: SignedHeader, asset: AssetSettings): Hex {
  const { chainId, address: token } = asset;
  return authorizationDigest({ method: 'eip3009', chainId, token: token!, payer, nonce });
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

/** What is asked for, in the form of the packages; the challenge comes back within what its payer accepted. */
export function requirementsOf(
  endpoint: PricedEndpoint,
  asset: AssetSettings,
  challengeId: string,
) {
  return {
    scheme: 'exact',
    network: `eip155:${asset.chainId}`,
    amount: endpoint.price.toString(),
    asset: checksummed(asset.address!),
    payTo: checksummed(endpoint.payTo),
    maxTimeoutSeconds: MAX_TIMEOUT_SECONDS,
    extra: { ...asset.eip712!, challengeId },
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
