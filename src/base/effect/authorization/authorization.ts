import { type Address, fromHex, type Hex, keccak256, toHex } from '../../kernel/index.ts';
import { authorizationStateCall } from './eip3009.ts';
import { isInBitmap, nonceBitmapCall, PERMIT2 } from './permit2.ts';
import type { Authorization, AuthorizationMethod } from './terms.ts';
import { addressWord, WORD, word } from './words.ts';

const TAGS = { eip3009: '01', permit2: '02', upto: '03' } as const satisfies Record<
  AuthorizationMethod,
  string
>;
const PAYER = 20;
const FIXED = 1 + PAYER + 3 * WORD;
const CEILING = 2 * WORD;

/**
 * One value with all of it, as a tx carries it: a byte for the method, payer, the two times, nonce, of `upto` the most
 * and the facilitator, signature.
 */
export function packAuthorization(authorization: Authorization): Hex {
  const { method, payer, validAfter, validBefore, nonce, ceiling, signature } = authorization;
  const times = word(validAfter) + word(validBefore);
  const limits = ceiling === null ? '' : word(ceiling.most) + addressWord(ceiling.facilitator);
  return `0x${TAGS[method]}${payer.slice(2)}${times}${nonce.slice(2)}${limits}${signature.slice(2)}`;
}

/** Null: the bytes are no authorization with a signature. */
export function readAuthorization(packed: Hex): Authorization | null {
  const bytes = fromHex(packed);
  const method = methodOf(packed.slice(2, 4));
  const fixed = method === 'upto' ? FIXED + CEILING : FIXED;
  if (method === null || bytes.length <= fixed) return null;
  const at = (start: number, length: number) => toHex(bytes.subarray(start, start + length));
  return {
    method,
    payer: at(1, PAYER),
    validAfter: BigInt(at(1 + PAYER, WORD)),
    validBefore: BigInt(at(1 + PAYER + WORD, WORD)),
    nonce: at(1 + PAYER + 2 * WORD, WORD),
    signature: toHex(bytes.subarray(fixed)),
    ceiling:
      method === 'upto'
        ? { most: BigInt(at(FIXED, WORD)), facilitator: at(FIXED + CEILING - PAYER, PAYER) }
        : null,
  };
}

/** Throws RangeError where the bytes are no authorization with a signature. */
export function unpackAuthorization(packed: Hex): Authorization {
  const authorization = readAuthorization(packed);
  if (authorization === null) throw new RangeError('not an authorization with a signature');
  return authorization;
}

function methodOf(tag: string): AuthorizationMethod | null {
  const methods = Object.keys(TAGS) as AuthorizationMethod[];
  return methods.find((method) => TAGS[method] === tag) ?? null;
}

/**
 * The identity of an authorization for ever: keccak256 of chain id, the contract that takes each nonce once, payer and
 * nonce as fixed-width bytes. Never of the signature, of which a payer can make more than one.
 */
export function authorizationDigest(parts: {
  method: AuthorizationMethod;
  chainId: number;
  token: Address;
  payer: Address;
  nonce: Hex;
}): Hex {
  const { chainId, payer, nonce } = parts;
  const text = `${word(BigInt(chainId))}${keeperOf(parts).slice(2)}${payer.slice(2)}${nonce.slice(2)}`;
  return keccak256(Buffer.from(text, 'hex'));
}

/** The contract that takes an authorization once: it knows whether it has. */
function keeperOf({ method, token }: { method: AuthorizationMethod; token: Address }): Address {
  return method === 'eip3009' ? token : PERMIT2;
}

type Asked = Pick<Authorization, 'method' | 'payer' | 'nonce'>;

/** The question whether an authorization was taken, or its payer has cancelled it; `isTaken` reads the answer. */
export function takenCall(of: Asked & { token: Address }): { to: Address; data: Hex } {
  const { method, payer, nonce } = of;
  const ask = method === 'eip3009' ? authorizationStateCall : nonceBitmapCall;
  return { to: keeperOf(of), data: ask(payer, nonce) };
}

export function isTaken({ method, nonce }: Asked, answer: Hex): boolean {
  return method === 'eip3009' ? BigInt(answer) === 1n : isInBitmap(answer, nonce);
}

/** Whether no block of this time or later can take it. */
export function hasRunOut(
  { method, validBefore }: Pick<Authorization, 'method' | 'validBefore'>,
  timestamp: number,
): boolean {
  return method === 'eip3009' ? BigInt(timestamp) >= validBefore : BigInt(timestamp) > validBefore;
}
