import { type Address, fromHex, type Hex, keccak256, toHex } from '../../kernel/index.ts';

/**
 * A payer's signed word that `payer` gives somebody a token (ERC-3009), as the token's contract takes it. Times in
 * seconds since the epoch: it is good after validAfter and before validBefore.
 */
type Authorization = {
  payer: Address;
  validAfter: bigint;
  validBefore: bigint;
  /** 32 bytes. */
  nonce: Hex;
  signature: Hex;
};

const PAYER = 20;
const WORD = 32;
const FIXED = PAYER + 3 * WORD;

/** One value with all of it, as a tx carries it: payer, the two times, nonce, signature. */
export function packAuthorization(authorization: Authorization): Hex {
  const { payer, validAfter, validBefore, nonce, signature } = authorization;
  return `0x${payer.slice(2)}${word(validAfter)}${word(validBefore)}${nonce.slice(2)}${signature.slice(2)}`;
}

/** Throws RangeError where the bytes are no authorization with a signature. */
export function unpackAuthorization(packed: Hex): Authorization {
  const bytes = fromHex(packed);
  if (bytes.length <= FIXED) throw new RangeError('not an authorization with a signature');
  const at = (start: number, length: number) => toHex(bytes.subarray(start, start + length));
  return {
    payer: at(0, PAYER),
    validAfter: BigInt(at(PAYER, WORD)),
    validBefore: BigInt(at(PAYER + WORD, WORD)),
    nonce: at(PAYER + 2 * WORD, WORD),
    signature: toHex(bytes.subarray(FIXED)),
  };
}

/**
 * The identity of an authorization for ever: keccak256 of chain id, token, payer and nonce as fixed-width bytes. Never of
 * the signature, of which a payer can make more than one.
 */
export function authorizationDigest(parts: {
  chainId: number;
  token: Address;
  payer: Address;
  nonce: Hex;
}): Hex {
  const { chainId, token, payer, nonce } = parts;
  const text = `${word(BigInt(chainId))}${token.slice(2)}${payer.slice(2)}${nonce.slice(2)}`;
  return keccak256(Buffer.from(text, 'hex'));
}

// transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32) and (…,bytes)
const BY_PARTS = 'e3ee160e';
const BY_BYTES = 'cf092995';
const SIGNATURE_OF_A_KEY = 65;

/**
 * Calldata of transferWithAuthorization to `payTo`: a signature of 65 bytes goes as v, r, s, which every ERC-3009 token
 * has; any other as bytes, which newer ones have for contract wallets.
 */
export function authorizationCall(
  { payTo, amount }: { payTo: Address; amount: bigint },
  authorization: Authorization,
): Hex {
  const { payer, validAfter, validBefore, nonce, signature } = authorization;
  const head =
    addressWord(payer) +
    addressWord(payTo) +
    word(amount) +
    word(validAfter) +
    word(validBefore) +
    nonce.slice(2);
  const bytes = signature.slice(2);
  if (bytes.length === 2 * SIGNATURE_OF_A_KEY) {
    return `0x${BY_PARTS}${head}${bytes.slice(128).padStart(64, '0')}${bytes.slice(0, 128)}`;
  }
  const length = bytes.length / 2;
  const padded = bytes.padEnd(Math.ceil(length / WORD) * 2 * WORD, '0');
  return `0x${BY_BYTES}${head}${word(BigInt(7 * WORD))}${word(BigInt(length))}${padded}`;
}

// authorizationState(address,bytes32)
export function authorizationStateCall(payer: Address, nonce: Hex): Hex {
  return `0xe94a0102${addressWord(payer)}${nonce.slice(2)}`;
}

function addressWord(address: Address): string {
  return address.slice(2).padStart(64, '0');
}

function word(value: bigint): string {
  return value.toString(16).padStart(64, '0');
}
