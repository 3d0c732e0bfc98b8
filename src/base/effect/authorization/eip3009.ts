import type { Address, Hex } from '../../kernel/index.ts';
import type { Authorization, Terms } from './terms.ts';
import { addressWord, bytesTail, WORD, word } from './words.ts';

// transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32) and (…,bytes)
const BY_PARTS = 'e3ee160e';
const BY_BYTES = 'cf092995';
const SIGNATURE_OF_A_KEY = 65;

/**
 * Calldata of transferWithAuthorization to `payTo`: a signature of 65 bytes goes as v, r, s, which every ERC-3009 token
 * has; any other as bytes, which newer ones have for contract wallets.
 */
export function authorizationCall(
  { payTo, amount }: Omit<Terms, 'token'>,
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
  return `0x${BY_BYTES}${head}${word(BigInt(7 * WORD))}${bytesTail(signature)}`;
}

// authorizationState(address,bytes32)
export function authorizationStateCall(payer: Address, nonce: Hex): Hex {
  return `0xe94a0102${addressWord(payer)}${nonce.slice(2)}`;
}
