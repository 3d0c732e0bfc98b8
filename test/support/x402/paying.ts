import { encodeFunctionData, parseAbi } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import {
  type Address,
  AUTHORIZATION_USED_TOPIC,
  caip19,
  type Hex,
  keccak256,
  TRANSFER_TOPIC,
} from '../../../src/base/kernel/index.ts';
import { findMerchant, type Merchant } from '../../../src/books/access/index.ts';
import { putMerchants } from '../../../src/doors/bin/services/merchants.ts';
import { PUBLIC_DEVELOPMENT_KEYS } from '../../../src/doors/dev/index.ts';
import { PROXIES, readPermitted } from '../fake-chain/permitted.ts';
import { sign } from '../sign.ts';
import type { Road } from '../steps/road.ts';
import { CHAIN_ID, TOKEN } from '../steps/surroundings.ts';
import { type Payer, type Signed, signedPayment } from './payers.ts';
import {
  charging,
  PROXY,
  type SignedPermit,
  settleCallOf,
  signedPermit,
  signedUpto,
} from './permits.ts';

/** What a payer signs. `again`: the same payment signed anew, under the identifier of that one. */
export type Order = {
  payer: 0 | 1;
  amount: bigint;
  /** A wallet of ours, or somebody else's. */
  custodial: boolean;
  again: number | null;
  /** How it is authorized; by EIP-3009 unless told otherwise. Of `upto` half of it is charged. */
  by?: 'permit2' | 'upto';
};

/** What each payer has: enough for one dear payment, or for some cheap ones. */
export const PURSE = 10_000_000n;

/** Whom a payment that is not custodial pays. */
const OUTSIDE: Address = `0x${'cafe'.repeat(10)}`;
const PAYERS = [`0x${'a1'.repeat(32)}`, `0x${'b2'.repeat(32)}`] as const;
const STRANGER: Hex = PUBLIC_DEVELOPMENT_KEYS[9]!;
const ETHER = 10n ** 18n;
/** More than the blocks of a life take, and less than what it waits for in the end. */
const LIFE_SECONDS = 7_200;

/** A payment as its payer signed it; `group`: payments signed anew under one identifier are one. */
export type Paying = {
  group: number;
  payer: Address;
  nonce: Hex;
  /** What is to be paid. */
  amount: bigint;
  custodial: boolean;
  validBefore: number;
  /** What a verify is asked with, and a settle. */
  body: Signed | SignedPermit;
  settling: Signed | SignedPermit;
};

/** The merchant of all lives; part of the first moment. */
export async function openShop(road: Road): Promise<Merchant> {
  const { wires, settings } = road;
  const payTo = [settings.lanes[0]!.address, OUTSIDE];
  const assets = [{ asset: caip19(CHAIN_ID, TOKEN), maxAmount: null }];
  await putMerchants(wires.app, [
    { tenant: 'demo', name: 'shop', payTo, assets, offers: [], replays: false },
  ]);
  await road.keep();
  return (await findMerchant(wires.app, { tenant: 'demo', name: 'shop' }))!;
}

/** Gives the payers their purses and has them sign. */
export async function signAll(
  road: Road,
  { seed, orders }: { seed: number; orders: readonly Order[] },
): Promise<Paying[]> {
  const accounts = PAYERS.map((key) => privateKeyToAccount(key));
  for (const { address } of accounts) {
    road.chain.give(address.toLowerCase() as Address, PURSE, TOKEN);
  }
  const stranger = privateKeyToAccount(STRANGER).address.toLowerCase() as Address;
  road.chain.give(stranger, ETHER);
  const now = Math.floor(Date.now() / 1000);
  road.chain.skipTo(now);
  const validBefore = now + LIFE_SECONDS;
  return Promise.all(
    orders.map(async ({ payer, amount: most, custodial, again, by }, n): Promise<Paying> => {
      const group = again ?? n;
      const nonce = keccak256(Buffer.from(`${seed} ${n}`));
      const account = accounts[payer]!;
      const lane = road.settings.lanes[0]!.address;
      const terms = {
        payTo: custodial ? lane : OUTSIDE,
        amount: most.toString(),
        validBefore: String(validBefore),
        nonce,
        identifier: `payment-of-seed-${seed}-${group}`,
      };
      const body = await signedBy(by, account as unknown as Payer, lane, terms);
      const amount = by === 'upto' ? most / 2n : most;
      const settling = by === 'upto' ? charging(body as SignedPermit, amount.toString()) : body;
      const address = account.address.toLowerCase() as Address;
      return { group, payer: address, nonce, amount, custodial, validBefore, body, settling };
    }),
  );
}

/** A payment of all that its payer has. */
export async function signOne(
  road: Road,
  { seed = 1, ...more }: Pick<Order, 'by'> & { seed?: number } = {},
): Promise<Paying> {
  const order = { payer: 0, amount: PURSE, custodial: true, again: null, ...more } as const;
  const [paying] = await signAll(road, { seed, orders: [order] });
  return paying!;
}

type SignedTerms = {
  payTo: Address;
  amount: string;
  validBefore: string;
  nonce: Hex;
  identifier: string;
};

async function signedBy(
  by: Order['by'],
  account: Payer,
  lane: Address,
  terms: SignedTerms,
): Promise<Signed | SignedPermit> {
  if (by === undefined) return signedPayment(account, TOKEN, terms);
  const { payTo, amount, nonce, validBefore: deadline, identifier: id } = terms;
  const permit = {
    ...{ permitted: { token: TOKEN, amount }, nonce: BigInt(nonce).toString(), deadline },
    witness: { to: payTo, validAfter: '0' },
  };
  const asked = { amount, payTo };
  const body =
    by === 'upto'
      ? await signedUpto(account, TOKEN, lane, permit, asked)
      : await signedPermit(account, TOKEN, permit, asked);
  const extensions = { 'payment-identifier': { info: { id } } };
  return { ...body, paymentPayload: { ...body.paymentPayload, extensions } };
}

const ABI = parseAbi([
  'function transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)',
]);

/** Somebody else's transaction with the same authorization goes to the pool; of `upto` there can be none. */
export function land(road: Road, paying: Paying): void {
  const { body } = paying;
  if (!('authorization' in body.paymentPayload.payload)) {
    const call = settleCallOf(body as SignedPermit);
    if (call.to === PROXY) give(road, call);
    return;
  }
  give(road, { to: TOKEN, data: transferCallOf(body as Signed, paying) });
}

function transferCallOf({ paymentPayload }: Signed, { payer, nonce, validBefore }: Paying): Hex {
  const { signature, authorization } = paymentPayload.payload;
  return encodeFunctionData({
    abi: ABI,
    functionName: 'transferWithAuthorization',
    args: [
      payer,
      authorization['to'] as Hex,
      BigInt(authorization['value']!),
      0n,
      BigInt(validBefore),
      nonce,
      Number.parseInt(signature.slice(-2), 16),
      signature.slice(0, 66) as Hex,
      `0x${signature.slice(66, 130)}`,
    ],
  });
}

function give({ chain }: Road, { to, data }: { to: Address; data: Hex }): void {
  const from = privateKeyToAccount(STRANGER).address.toLowerCase() as Address;
  const { bytes } = sign(STRANGER, {
    nonce: chain.pool.next(from, chain.world.nonce(from, chain.height)),
    to: to.toLowerCase() as Address,
    data,
    gasLimit: 200_000n,
    maxFeePerGas: 100n * 10n ** 9n,
  });
  chain.take(bytes);
}

type Used = { hash: Hex; byUs: boolean };

/** By which transaction of the canonical chain each authorization was taken. */
export function usesOn(road: Road): Map<Hex, Used[]> {
  const uses = new Map<Hex, Used[]>();
  const lanes = road.settings.lanes.map(({ address }) => address);
  for (const { hash, from, log } of logsOn(road)) {
    if (log.topics[0] !== AUTHORIZATION_USED_TOPIC) continue;
    const nonce = log.topics[2]!;
    uses.set(nonce, [...(uses.get(nonce) ?? []), { hash, byUs: lanes.includes(from) }]);
  }
  // Permit2 logs nothing: what was called tells.
  for (const { hash, from, to } of transactionsOn(road)) {
    if (to === null || PROXIES[to] === undefined) continue;
    const { nonce } = readPermitted(to, CHAIN_ID, road.chain.transaction(hash)!.data)!;
    uses.set(nonce, [...(uses.get(nonce) ?? []), { hash, byUs: lanes.includes(from) }]);
  }
  return uses;
}

/** What went from our wallets to each payer. */
export function givenBackOn(road: Road): Map<Address, bigint> {
  const back = new Map<Address, bigint>();
  const lanes = road.settings.lanes.map(({ address }) => address);
  for (const { log } of logsOn(road)) {
    if (log.topics[0] !== TRANSFER_TOPIC) continue;
    const [from, to] = log.topics.slice(1).map((topic): Address => `0x${topic.slice(26)}`);
    if (!lanes.includes(from!)) continue;
    back.set(to!, (back.get(to!) ?? 0n) + BigInt(log.data));
  }
  return back;
}

function* logsOn(road: Road) {
  for (const { hash, from, logs } of transactionsOn(road)) {
    for (const log of logs) yield { hash, from, log };
  }
}

/** Those of the canonical chain that succeeded. */
function* transactionsOn({ chain }: Road) {
  for (let height = 0; height <= chain.height; height += 1) {
    for (const hash of chain.block(height)!.transactions) {
      const receipt = chain.receipt(hash)!;
      if (receipt.status === 'success') yield { hash, ...receipt };
    }
  }
}

/** Not known yet, or of another caller: neither paid nor unpaid. */
const OPEN = new Set(['settlement_pending', 'duplicate_settlement', 'unexpected_settle_error']);

/** Told as a no that is meant for good. */
export function isFailure({ body }: { body: Readonly<Record<string, unknown>> }): boolean {
  const reason = body['errorReason'] ?? body['invalidReason'];
  const said = body['success'] === false || body['isValid'] === false;
  return said && !OPEN.has(String(reason)) && reason !== 'unexpected_verify_error';
}
