import type { Ceiling } from '../../../base/effect/index.ts';
import { type Address, type Hex, keccakBytes } from '../../../base/kernel/index.ts';

// Hashes and words are hex without 0x here: one string becomes bytes once, where it is hashed.

const AUTHORIZATION_TYPE = hashOf(
  'TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)',
);
const TOKEN_TYPE = 'TokenPermissions(address token,uint256 amount)';
const TOKEN_HASH = hashOf(TOKEN_TYPE);
const PERMITS = {
  exact: permitOf('Witness(address to,uint256 validAfter)'),
  upto: permitOf('Witness(address to,address facilitator,uint256 validAfter)'),
};
const DOMAIN_TYPE = hashOf(
  'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)',
);
const DOMAIN_WITHOUT_VERSION = hashOf(
  'EIP712Domain(string name,uint256 chainId,address verifyingContract)',
);

/** Of a token; Permit2's has no version. */
type Domain = { name: string; version?: string; chainId: number; contract: Address };

export function domainSeparator({ name, version, chainId, contract }: Domain): string {
  const named = [hashOf(name), ...(version === undefined ? [] : [hashOf(version)])];
  const type = version === undefined ? DOMAIN_WITHOUT_VERSION : DOMAIN_TYPE;
  return hashed([type, ...named, word(BigInt(chainId)), addressWord(contract)]);
}

/** Types of a permit and of what its payer adds to it. */
function permitOf(witness: string): { permit: string; witness: string } {
  const type =
    'PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,Witness witness)';
  return { permit: hashOf(`${type}${TOKEN_TYPE}${witness}`), witness: hashOf(witness) };
}

type Signed = {
  payer: Address;
  token: Address;
  payTo: Address;
  amount: bigint;
  validAfter: bigint;
  validBefore: bigint;
  nonce: Hex;
};

/** The struct that a payer by EIP-3009 signs. */
export function authorizationHash(signed: Signed): string {
  return hashed([
    AUTHORIZATION_TYPE,
    addressWord(signed.payer),
    addressWord(signed.payTo),
    word(signed.amount),
    word(signed.validAfter),
    word(signed.validBefore),
    signed.nonce.slice(2),
  ]);
}

/** The struct that a payer by Permit2 signs, for the proxy that may spend it; of `upto` its amount is the most. */
export function permitHash(
  signed: Signed & { spender: Address | null; ceiling: Ceiling | null },
): string {
  const { ceiling } = signed;
  const types = ceiling === null ? PERMITS.exact : PERMITS.upto;
  const facilitator = ceiling === null ? [] : [addressWord(ceiling.facilitator)];
  return hashed([
    types.permit,
    hashed([TOKEN_HASH, addressWord(signed.token), word(signed.amount)]),
    addressWord(signed.spender!),
    signed.nonce.slice(2),
    word(signed.validBefore),
    hashed([types.witness, addressWord(signed.payTo), ...facilitator, word(signed.validAfter)]),
  ]);
}

/** The 32 bytes that a signature is over. */
export function signedDigest(separator: string, struct: string): Buffer {
  return keccakBytes(Buffer.from(`1901${separator}${struct}`, 'hex'));
}

function hashed(parts: readonly string[]): string {
  return keccakBytes(Buffer.from(parts.join(''), 'hex')).toString('hex');
}

function hashOf(text: string): string {
  return keccakBytes(Buffer.from(text)).toString('hex');
}

function word(value: bigint): string {
  return value.toString(16).padStart(64, '0');
}

function addressWord(address: Address): string {
  return address.slice(2).padStart(64, '0');
}
