import { randomBytes } from 'node:crypto';
import { encodeFunctionData, erc20Abi, maxUint256, parseSignature } from 'viem';
import type { Address, Hex } from '../../../src/base/kernel/index.ts';
import { artifactOf } from '../contracts.ts';
import type { Installation } from '../installation.ts';
import { until } from '../until.ts';
import { DOMAIN, fundedPayer, NETWORK, PAY_TO, type Payer, PRICE, type Signed } from './payers.ts';

/** Written out, and not taken from the code under test. */
export const PERMIT2: Address = '0x000000000022D473030F116dDEE9F6B43aC78BA3';
export const PROXY: Address = '0x402085c248EeA27D92E8b30b2C58ed07f9E20001';
export const UPTO_PROXY: Address = '0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002';

type Chain = Pick<Installation, 'anvil' | 'token'>;

/** Puts the contracts where every chain has them. */
export async function plantPermit2({ anvil }: Pick<Chain, 'anvil'>): Promise<void> {
  await anvil.rpc('anvil_setCode', PERMIT2, artifactOf('Permit2').deployedBytecode);
  await anvil.rpc('anvil_setCode', PROXY, artifactOf('ExactPermit2Proxy').deployedBytecode);
  await anvil.rpc('anvil_setCode', UPTO_PROXY, artifactOf('UptoPermit2Proxy').deployedBytecode);
}

/** A payer that lets Permit2 take its dollars. */
export async function permittingPayer(chain: Chain): Promise<Payer> {
  const payer = await fundedPayer(chain.anvil, chain.token);
  const args = [PERMIT2, maxUint256] as const;
  const data = encodeFunctionData({ abi: erc20Abi, functionName: 'approve', args });
  await sendAs(chain, payer.address, { to: chain.token, data });
  return payer;
}

/** The payer makes its nonce useless. */
export async function cancelNonce(chain: Chain, payer: Payer, nonce: bigint): Promise<void> {
  const { abi } = artifactOf('Permit2');
  const args = [nonce >> 8n, 1n << (nonce & 255n)];
  const data = encodeFunctionData({ abi, functionName: 'invalidateUnorderedNonces', args });
  await sendAs(chain, payer.address, { to: PERMIT2, data });
}

/** The same of an authorization by EIP-3009. */
export async function cancelAuthorization(
  chain: Chain,
  payer: Payer,
  { paymentPayload }: Signed,
): Promise<void> {
  const nonce = paymentPayload.payload.authorization['nonce'] as Hex;
  const signature = await payer.signTypedData({
    domain: { ...DOMAIN, chainId: 31_337, verifyingContract: chain.token },
    types: {
      CancelAuthorization: [
        { name: 'authorizer', type: 'address' },
        { name: 'nonce', type: 'bytes32' },
      ],
    },
    primaryType: 'CancelAuthorization',
    message: { authorizer: payer.address, nonce },
  });
  const { r, s, v } = parseSignature(signature);
  const { abi } = artifactOf('DevToken');
  const args = [payer.address, nonce, v, r, s];
  const data = encodeFunctionData({ abi, functionName: 'cancelAuthorization', args });
  await sendAs(chain, payer.address, { to: chain.token, data });
}

/** A transaction of anybody; mines a block where none comes by itself. Resolves with its hash when it is mined. */
export async function sendAs(
  { anvil }: Pick<Chain, 'anvil'>,
  from: Address,
  call: { to: Address; data: Hex },
): Promise<Hex> {
  await anvil.rpc('anvil_setBalance', from, '0xde0b6b3a7640000');
  await anvil.rpc('anvil_impersonateAccount', from);
  const hash = await anvil.rpc<Hex>('eth_sendTransaction', { from, ...call });
  await anvil.mine(1);
  await until('the transaction', () => anvil.rpc<unknown>('eth_getTransactionReceipt', hash));
  return hash;
}

type Permit = {
  from: Address;
  permitted: { token: Address; amount: string };
  spender: Address;
  nonce: string;
  deadline: string;
  witness: { to: Address; facilitator?: Address; validAfter: string };
};

export type SignedPermit = {
  x402Version: 2;
  paymentPayload: {
    x402Version: 2;
    accepted: Record<string, unknown>;
    payload: { signature: Hex; permit2Authorization: Permit };
    [more: string]: unknown;
  };
  paymentRequirements: Record<string, unknown>;
};

/** What a merchant that asked for Permit2 hands in, signed as the packages sign it. */
export async function signedPermit(
  payer: Payer,
  token: Address,
  over: Partial<Omit<Permit, 'from'>> = {},
  asked: Record<string, unknown> = {},
): Promise<SignedPermit> {
  const permit: Permit = {
    from: payer.address,
    permitted: { token, amount: PRICE },
    spender: PROXY,
    nonce: BigInt(`0x${randomBytes(32).toString('hex')}`).toString(),
    deadline: String(Math.floor(Date.now() / 1000) + 300),
    witness: { to: PAY_TO, validAfter: '0' },
    ...over,
  };
  const { facilitator } = permit.witness;
  const signature = await payer.signTypedData({
    domain: { name: 'Permit2', chainId: 31_337, verifyingContract: PERMIT2 },
    types: facilitator === undefined ? TYPES : UPTO_TYPES,
    primaryType: 'PermitWitnessTransferFrom',
    message: {
      permitted: { token: permit.permitted.token, amount: BigInt(permit.permitted.amount) },
      spender: permit.spender,
      nonce: BigInt(permit.nonce),
      deadline: BigInt(permit.deadline),
      witness: { ...permit.witness, validAfter: BigInt(permit.witness.validAfter) },
    },
  });
  const requirements = {
    scheme: 'exact',
    network: NETWORK,
    amount: PRICE,
    asset: token,
    payTo: PAY_TO,
    maxTimeoutSeconds: 300,
    extra: { assetTransferMethod: 'permit2' },
    ...asked,
  };
  return {
    x402Version: 2,
    paymentPayload: {
      x402Version: 2,
      accepted: requirements,
      resource: { url: 'https://shop.example/report' },
      payload: { signature, permit2Authorization: permit },
    },
    paymentRequirements: requirements,
  };
}

const TYPES = {
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
  Witness: [
    { name: 'to', type: 'address' },
    { name: 'validAfter', type: 'uint256' },
  ],
};

const UPTO_TYPES = {
  ...TYPES,
  Witness: [
    { name: 'to', type: 'address' },
    { name: 'facilitator', type: 'address' },
    { name: 'validAfter', type: 'uint256' },
  ],
};

/** The same of `upto`: for a wallet of ours alone, which may take no more than the price. */
export async function signedUpto(
  payer: Payer,
  token: Address,
  facilitator: Address,
  { witness, ...over }: Partial<Omit<Permit, 'from'>> = {},
  requirements: Record<string, unknown> = {},
): Promise<SignedPermit> {
  const to = { to: PAY_TO, facilitator, validAfter: '0', ...witness };
  const asked = {
    scheme: 'upto',
    extra: { assetTransferMethod: 'permit2', facilitatorAddress: facilitator },
  };
  const permit = { spender: UPTO_PROXY, witness: to, ...over };
  return signedPermit(payer, token, permit, { ...asked, ...requirements });
}

/** What is handed in to settle it: charged so much of what was signed. */
export function charging(body: SignedPermit, amount: string): SignedPermit {
  return { ...body, paymentRequirements: { ...body.paymentRequirements, amount } };
}

/** Somebody else's call of the proxy with the same permit. */
export function settleCallOf({ paymentPayload }: SignedPermit): { to: Address; data: Hex } {
  const { permit2Authorization: permit, signature } = paymentPayload.payload;
  const { abi } = artifactOf('ExactPermit2Proxy');
  const { permitted, nonce, deadline } = permit;
  const args = [{ permitted, nonce, deadline }, permit.from, permit.witness, signature];
  return { to: PROXY, data: encodeFunctionData({ abi, functionName: 'settle', args }) };
}
