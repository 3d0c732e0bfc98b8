import { type Address, fromHex, type Hex, keccak256, toHex } from '../../kernel/index.ts';
import { authorizationStateCall } from './eip3009.ts';
import { isInBitmap, nonceBitmapCall, PERMIT2 } from './permit2.ts';
import type { Authorization, AuthorizationMethod } from './terms.ts';
import { WORD, word } from './words.ts';

const TAGS = { eip3009: '01', permit2: '02' } as const satisfies Record<
  AuthorizationMethod,
  string
>;
const PAYER = 20;
const FIXED = 1 + PAYER + 3 * WORD;

/** One value with all of it, as a tx carries it: a byte for the method, payer, the two times, nonce, signature. */
export function packAuthorization(authorization: Authorization): Hex {
  const { method, payer, validAfter, validBefore, nonce, signature } = authorization;
  const times = word(validAfter) + word(validBefore);
  return `0x${TAGS[method]}${payer.slice(2)}${times}${nonce.slice(2)}${signature.slice(2)}`;
}

/** Null: the bytes are no authorization with a signature. */
export function readAuthorization(packed: Hex): Authorization | null {
  const bytes = fromHex(packed);
  const method = methodOf(packed.slice(2, 4));
  if (method === null || bytes.length <= FIXED) return null;
  const at = (start: number, length: number) => toHex(bytes.subarray(start, start + length));
  return {
    method,
    payer: at(1, PAYER),
    validAfter: BigInt(at(1 + PAYER, WORD)),
    validBefore: BigInt(at(1 + PAYER + WORD, WORD)),
    nonce: at(1 + PAYER + 2 * WORD, WORD),
    signature: toHex(bytes.subarray(FIXED)),
  };
}

/** Throws RangeError where the bytes are no authorization with a signature. */
export function unpackAuthorization(packed: Hex): Authorization {
  const authorization = readAuthorization(packed);
  if (authorization === null) throw new RangeError('not an authorization with a signature');
  return authorization;
}

function methodOf(tag: string): AuthorizationMethod | null {
  if (tag === TAGS.eip3009) return 'eip3009';
  return tag === TAGS.permit2 ? 'permit2' : null;
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
  return method === 'permit2' ? PERMIT2 : token;
}

type Asked = Pick<Authorization, 'method' | 'payer' | 'nonce'>;

/** The question whether an authorization was taken, or its payer has cancelled it; `isTaken` reads the answer. */
export function takenCall(of: Asked & { token: Address }): { to: Address; data: Hex } {
  const { method, payer, nonce } = of;
  const ask = method === 'permit2' ? nonceBitmapCall : authorizationStateCall;
  return { to: keeperOf(of), data: ask(payer, nonce) };
}

export function isTaken({ method, nonce }: Asked, answer: Hex): boolean {
  return method === 'permit2' ? isInBitmap(answer, nonce) : BigInt(answer) === 1n;
}

/** Whether no block of this time or later can take it. */
export function hasRunOut(
  { method, validBefore }: Pick<Authorization, 'method' | 'validBefore'>,
  timestamp: number,
): boolean {
  return method === 'permit2' ? BigInt(timestamp) > validBefore : BigInt(timestamp) >= validBefore;
}
