import { randomBytes } from 'node:crypto';
import { encodeFunctionData, parseAbi } from 'viem';
import { type Account, generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import type { Settings } from '../../../src/base/config/index.ts';
import { openPool } from '../../../src/base/db/index.ts';
import { type Address, caip19, type Hex } from '../../../src/base/kernel/index.ts';
import { createMerchantKey, putMerchants } from '../../../src/doors/bin/services/merchants.ts';
import type { Installation } from '../installation.ts';
import { mintTo } from '../laws.ts';
import { until } from '../until.ts';

export const PAY_TO: Address = `0x${'cafe'.repeat(10)}`;
export const NETWORK = 'eip155:31337';
export const PRICE = '10000';
export const DOMAIN = { name: 'USD Coin', version: '2' };

const AUTHORIZATION_TYPES = {
  TransferWithAuthorization: [
    { name: 'from', type: 'address' },
    { name: 'to', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'validAfter', type: 'uint256' },
    { name: 'validBefore', type: 'uint256' },
    { name: 'nonce', type: 'bytes32' },
  ],
} as const;

/** A facilitator whose answers wait so long for a block, and a worker that soon sends again what is in none. */
export const impatient =
  (waitMs: number) =>
  (settings: Settings): Settings => ({
    ...settings,
    chains: [{ ...settings.chains[0]!, resendAfterMs: 1_000 }],
    x402: { ...settings.x402, waitMs },
  });

export type Payer = Account & { signTypedData: NonNullable<Account['signTypedData']> };

/** A key of its own, with development dollars on the chain. */
export async function fundedPayer(
  chain: Pick<Installation['anvil'], 'rpc'>,
  token: Address,
  amount = 1_000_000_000n,
): Promise<Payer> {
  const payer = privateKeyToAccount(generatePrivateKey()) as unknown as Payer;
  await fund(chain, token, payer.address.toLowerCase() as Address, amount);
  return payer;
}

/** Development dollars out of nothing; there when it resolves. */
export async function fund(
  chain: Pick<Installation['anvil'], 'rpc'>,
  token: Address,
  holder: Address,
  amount = 1_000_000_000n,
): Promise<void> {
  const [from] = await chain.rpc<string[]>('eth_accounts');
  const data = mintTo(holder, amount);
  const hash = await chain.rpc<string>('eth_sendTransaction', { from, to: token, data });
  await until('the mint', () => chain.rpc<unknown>('eth_getTransactionReceipt', hash));
}

export type Signed = {
  x402Version: 2;
  paymentPayload: {
    x402Version: 2;
    accepted: Record<string, unknown>;
    payload: { signature: Hex; authorization: Record<string, string> };
    [more: string]: unknown;
  };
  paymentRequirements: Record<string, unknown>;
};

/** What a merchant hands in, signed as the packages sign it. */
export async function signedPayment(
  payer: Payer,
  token: Address,
  over: {
    payTo?: Address;
    amount?: string;
    validAfter?: string;
    validBefore?: string;
    nonce?: Hex;
    identifier?: string;
  } = {},
): Promise<Signed> {
  const { payTo = PAY_TO, amount = PRICE } = over;
  const authorization = {
    from: payer.address,
    to: payTo,
    value: amount,
    validAfter: over.validAfter ?? '0',
    validBefore: over.validBefore ?? String(Math.floor(Date.now() / 1000) + 300),
    nonce: over.nonce ?? (`0x${randomBytes(32).toString('hex')}` as Hex),
  };
  const signature = await payer.signTypedData({
    domain: { ...DOMAIN, chainId: 31_337, verifyingContract: token },
    types: AUTHORIZATION_TYPES,
    primaryType: 'TransferWithAuthorization',
    message: {
      ...authorization,
      value: BigInt(amount),
      validAfter: BigInt(authorization.validAfter),
      validBefore: BigInt(authorization.validBefore),
    },
  });
  const requirements = {
    scheme: 'exact',
    network: NETWORK,
    amount,
    asset: token,
    payTo,
    maxTimeoutSeconds: 300,
    extra: DOMAIN,
  };
  const id = over.identifier;
  return {
    x402Version: 2,
    paymentPayload: {
      x402Version: 2,
      accepted: requirements,
      resource: { url: 'https://shop.example/report' },
      payload: { signature, authorization },
      ...(id === undefined ? {} : { extensions: { 'payment-identifier': { info: { id } } } }),
    },
    paymentRequirements: requirements,
  };
}

/** A merchant of the tenant, and the key that acts for it. */
export async function merchantKey(
  on: Installation,
  over: { tenant?: string; name?: string; payTo?: Address[]; replays?: boolean } = {},
): Promise<string> {
  const db = openPool({ url: on.databases.mainUrl, role: 'payonce_app', name: 'test', max: 1 });
  try {
    const { tenant = 'demo', name = 'shop', payTo = [PAY_TO], replays = false } = over;
    const assets = [{ asset: caip19(31_337, on.token), maxAmount: null }];
    const [merchant] = await putMerchants(db, [
      { tenant, name, payTo, assets, offers: [], replays },
    ]);
    return await createMerchantKey(db, merchant!);
  } finally {
    await db.end();
  }
}

type Told = { status: number; body: Record<string, unknown> };

/** Asks a facilitator as the packages do. */
export async function ask(
  url: string,
  question: 'verify' | 'settle',
  body: unknown,
  key?: string,
  headers: Record<string, string> = {},
): Promise<Told> {
  const answer = await fetch(`${url}/x402/${question}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

const ABI = parseAbi([
  'function transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)',
  'function transfer(address,uint256)',
]);

/** Somebody else's transaction with the same authorization. */
export async function landByHand(
  on: Pick<Installation, 'anvil' | 'token'>,
  { paymentPayload }: Signed,
): Promise<string> {
  const { authorization: of, signature } = paymentPayload.payload;
  const [, , , from] = await on.anvil.rpc<string[]>('eth_accounts');
  const data = encodeFunctionData({
    abi: ABI,
    functionName: 'transferWithAuthorization',
    args: [
      of['from'] as Hex,
      of['to'] as Hex,
      BigInt(of['value']!),
      BigInt(of['validAfter']!),
      BigInt(of['validBefore']!),
      of['nonce'] as Hex,
      Number.parseInt(signature.slice(-2), 16),
      signature.slice(0, 66) as Hex,
      `0x${signature.slice(66, 130)}`,
    ],
  });
  return on.anvil.rpc('eth_sendTransaction', { from, to: on.token, data });
}

/** Asks for a refund with a merchant's key. */
export async function refund(
  on: Pick<Installation, 'url'>,
  merchant: string,
  paymentId: string,
  body: Record<string, unknown>,
  idempotencyKey: string = randomBytes(8).toString('hex'),
): Promise<Told> {
  const answer = await fetch(`${on.url}/v1/payments/${paymentId}/refunds`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'idempotency-key': idempotencyKey,
      authorization: `Bearer ${merchant}`,
    },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

/** Settled again while nobody knows, as the machine may be slow. */
export function settledInTheEnd(url: string, body: unknown, key: string) {
  return until('an outcome', async () => {
    const answer = await ask(url, 'settle', body, key);
    const { success, errorReason } = answer.body;
    return (success === true || errorReason !== 'settlement_pending') && answer;
  });
}
