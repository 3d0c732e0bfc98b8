import { type Address, fromHex, type Hex, keccak256, keccakBytes } from '../kernel/index.ts';

/** What an approver says yes to: one payment, by one wallet group, under one version of the policy, until then. */
export type ApprovalContent = {
  chainId: number;
  /** The wallets of which one pays; the signer's own configuration says which these are. */
  walletGroup: string;
  /** CAIP-19. */
  asset: string;
  to: Address;
  /** Base units of the asset. */
  amount: bigint;
  /** Wei: the most that gasLimit × maxFeePerGas of one transaction may come to. */
  feeCap: bigint;
  intentId: Hex;
  policyVersion: string;
  /** Who asked for the payment, and so may not approve it: the id of an operator or of an API key. */
  initiator: string;
  /** Seconds since the epoch: nothing is signed for the first time from then on. */
  expiry: number;
};

/** The order and the types of EIP-712's struct; the digest and what a wallet shows both come from here. */
const FIELDS = [
  ['walletGroup', 'string'],
  ['asset', 'string'],
  ['to', 'address'],
  ['amount', 'uint256'],
  ['feeCap', 'uint256'],
  ['intentId', 'bytes32'],
  ['policyVersion', 'string'],
  ['initiator', 'string'],
  ['expiry', 'uint256'],
] as const satisfies readonly (readonly [keyof ApprovalContent, string])[];
const DOMAIN_FIELDS = [
  ['name', 'string'],
  ['version', 'string'],
  ['chainId', 'uint256'],
] as const;
const NAME = 'payonce';
const VERSION = '1';

const DOMAIN_TYPE = typeHash('EIP712Domain', DOMAIN_FIELDS);
const CONTENT_TYPE = typeHash('Payment', FIELDS);

/**
 * The digest that approvals are signatures over: EIP-712's, for keys of any kind, so that a wallet can show
 * what it signs. The chain is the domain's, all else the struct's.
 */
export function approvalDigest(content: ApprovalContent): Hex {
  const domain = [DOMAIN_TYPE, hashed(NAME), hashed(VERSION), word(BigInt(content.chainId))];
  const struct = FIELDS.map(([name, type]) => encoded(type, content[name]));
  return keccak256(
    Buffer.concat([
      Buffer.from([0x19, 0x01]),
      keccakBytes(Buffer.concat(domain)),
      keccakBytes(Buffer.concat([CONTENT_TYPE, ...struct])),
    ]),
  );
}

/** The same as eth_signTypedData_v4 takes it; numbers are decimal strings. */
export function approvalTypedData(content: ApprovalContent) {
  const listed = (fields: readonly (readonly [string, string])[]) =>
    fields.map(([name, type]) => ({ name, type }));
  return {
    domain: { name: NAME, version: VERSION, chainId: content.chainId },
    types: { EIP712Domain: listed(DOMAIN_FIELDS), Payment: listed(FIELDS) },
    primaryType: 'Payment' as const,
    message: Object.fromEntries(FIELDS.map(([name]) => [name, String(content[name])])),
  };
}

function typeHash(name: string, fields: readonly (readonly [string, string])[]): Buffer {
  return hashed(`${name}(${fields.map(([field, type]) => `${type} ${field}`).join(',')})`);
}

function encoded(type: (typeof FIELDS)[number][1], value: string | bigint | number): Buffer {
  if (type === 'string') return hashed(String(value));
  if (type === 'uint256') return word(BigInt(value));
  const bytes = fromHex(String(value));
  return Buffer.concat([Buffer.alloc(32 - bytes.length), bytes]);
}

function hashed(text: string): Buffer {
  return keccakBytes(Buffer.from(text, 'utf8'));
}

/** Throws RangeError for what is no uint256. */
function word(value: bigint): Buffer {
  if (value < 0n || value >= 2n ** 256n) throw new RangeError('not a uint256');
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
}
