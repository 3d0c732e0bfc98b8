import { EXACT_PROXY } from '../../../base/effect/index.ts';
import { type Address, type Hex, keccakBytes } from '../../../base/kernel/index.ts';

// Hashes and words are hex without 0x here: one string becomes bytes once, where it is hashed.

const AUTHORIZATION_TYPE = hashOf(
  'TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)',
);
const TOKEN_TYPE = 'TokenPermissions(address token,uint256 amount)';
const WITNESS_TYPE = 'Witness(address to,uint256 validAfter)';
const PERMIT_TYPE = hashOf(
  `PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,Witness witness)${TOKEN_TYPE}${WITNESS_TYPE}`,
);
const TOKEN_HASH = hashOf(TOKEN_TYPE);
const WITNESS_HASH = hashOf(WITNESS_TYPE);
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

/** The struct that a payer by Permit2 signs, for the proxy of `exact`. */
export function permitHash(signed: Signed): string {
  return hashed([
    PERMIT_TYPE,
    hashed([TOKEN_HASH, addressWord(signed.token), word(signed.amount)]),
    addressWord(EXACT_PROXY),
    signed.nonce.slice(2),
    word(signed.validBefore),
    hashed([WITNESS_HASH, addressWord(signed.payTo), word(signed.validAfter)]),
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
