import { EXACT_PROXY } from '../../../base/effect/index.ts';
import { type Address, type Hex, keccakBytes } from '../../../base/kernel/index.ts';

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

export function domainSeparator({ name, version, chainId, contract }: Domain): Buffer {
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
export function authorizationHash(signed: Signed): Buffer {
  return hashed([
    AUTHORIZATION_TYPE,
    addressWord(signed.payer),
    addressWord(signed.payTo),
    word(signed.amount),
    word(signed.validAfter),
    word(signed.validBefore),
    bytesOf(signed.nonce),
  ]);
}

/** The struct that a payer by Permit2 signs, for the proxy of `exact`. */
export function permitHash(signed: Signed): Buffer {
  return hashed([
    PERMIT_TYPE,
    hashed([TOKEN_HASH, addressWord(signed.token), word(signed.amount)]),
    addressWord(EXACT_PROXY),
    bytesOf(signed.nonce),
    word(signed.validBefore),
    hashed([WITNESS_HASH, addressWord(signed.payTo), word(signed.validAfter)]),
  ]);
}

/** The 32 bytes that a signature is over. */
export function signedDigest(separator: Buffer, struct: Buffer): Buffer {
  return hashed([Buffer.from([0x19, 0x01]), separator, struct]);
}

function hashed(parts: readonly Buffer[]): Buffer {
  return keccakBytes(Buffer.concat(parts));
}

function hashOf(text: string): Buffer {
  return keccakBytes(Buffer.from(text));
}

function bytesOf(hex: Hex): Buffer {
  return Buffer.from(hex.slice(2), 'hex');
}

function word(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
}

function addressWord(address: Address): Buffer {
  return Buffer.from(address.slice(2).padStart(64, '0'), 'hex');
}
