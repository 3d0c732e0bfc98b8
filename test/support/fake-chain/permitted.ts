import secp256k1 from 'secp256k1';
import { decodeFunctionData, hashTypedData, parseAbi } from 'viem';
import {
  type Address,
  fromHex,
  type Hex,
  keccakBytes,
  toHex,
} from '../../../src/base/kernel/index.ts';

/** Where every chain has them; written out, and not taken from the code under test. */
export const PERMIT2: Address = '0x000000000022d473030f116ddee9f6b43ac78ba3';
export const PROXIES: Readonly<Record<Address, 'exact' | 'upto'>> = {
  '0x402085c248eea27d92e8b30b2c58ed07f9e20001': 'exact',
  '0x4020a4f3b7b90cca423b9fabcc0ce57c6c240002': 'upto',
};

const ABI = parseAbi([
  'struct Permitted { address token; uint256 amount; }',
  'struct Permit { Permitted permitted; uint256 nonce; uint256 deadline; }',
  'struct Exact { address to; uint256 validAfter; }',
  'struct Upto { address to; address facilitator; uint256 validAfter; }',
  'function settle(Permit permit, address owner, Exact witness, bytes signature)',
  'function settle(Permit permit, uint256 amount, address owner, Upto witness, bytes signature)',
]);

const WITNESS = {
  exact: [
    { name: 'to', type: 'address' },
    { name: 'validAfter', type: 'uint256' },
  ],
  upto: [
    { name: 'to', type: 'address' },
    { name: 'facilitator', type: 'address' },
    { name: 'validAfter', type: 'uint256' },
  ],
};

/** What a proxy in front of Permit2 is asked to take. */
export type Permitted = {
  token: Address;
  most: bigint;
  amount: bigint;
  payer: Address;
  payTo: Address;
  /** Who alone may ask; null: anybody. */
  facilitator: Address | null;
  validAfter: bigint;
  deadline: bigint;
  nonce: Hex;
  /** Whose key signed it; null: nobody's. */
  signer: Address | null;
};

type Permit = { permitted: { token: Hex; amount: bigint }; nonce: bigint; deadline: bigint };
type Witness = { to: Hex; facilitator?: Hex; validAfter: bigint };

/** Reads calldata of a proxy as it does itself, by none of the code that made it; null: it is none. */
export function readPermitted(proxy: Address, chainId: number, data: Hex): Permitted | null {
  const scheme = PROXIES[proxy];
  if (scheme === undefined) return null;
  let args: readonly unknown[];
  try {
    ({ args } = decodeFunctionData({ abi: ABI, data }));
  } catch {
    return null;
  }
  if (args.length !== (scheme === 'upto' ? 5 : 4)) return null;
  const [permit, ...rest] = args as [Permit, ...unknown[]];
  const charged = scheme === 'upto' ? (rest.shift() as bigint) : permit.permitted.amount;
  const [owner, witness, signature] = rest as [Hex, Witness, Hex];
  const digest = hashTypedData({
    domain: { name: 'Permit2', chainId, verifyingContract: PERMIT2 },
    types: {
      PermitWitnessTransferFrom: [
        { name: 'permitted', type: 'TokenPermissions' },
        { name: 'spender', type: 'address' },
        { name: 'nonce', type: 'uint256' },
        { name: 'deadline', type: 'uint256' },
        { name: 'witness', type: 'Witness' },
      ],
      TokenPermissions: [
        { name: 'token', type: 'address' },
        { name: 'amount', type: 'uint256' },
      ],
      Witness: WITNESS[scheme],
    },
    primaryType: 'PermitWitnessTransferFrom',
    message: { ...permit, spender: proxy, witness } as never,
  });
  const lower = (address: Hex) => address.toLowerCase() as Address;
  return {
    token: lower(permit.permitted.token),
    most: permit.permitted.amount,
    amount: charged,
    payer: lower(owner),
    payTo: lower(witness.to),
    facilitator: witness.facilitator === undefined ? null : lower(witness.facilitator),
    validAfter: witness.validAfter,
    deadline: permit.deadline,
    nonce: `0x${permit.nonce.toString(16).padStart(64, '0')}`,
    signer: signerOf(digest, fromHex(signature)),
  };
}

/** Unlike a token, Permit2 takes either half of s. */
function signerOf(digest: Hex, signature: Buffer): Address | null {
  const v = signature[64];
  if (signature.length !== 65 || (v !== 27 && v !== 28)) return null;
  try {
    const key = secp256k1.ecdsaRecover(signature.subarray(0, 64), v - 27, fromHex(digest), false);
    return toHex(keccakBytes(Buffer.from(key.subarray(1))).subarray(12)) as Address;
  } catch {
    return null;
  }
}
