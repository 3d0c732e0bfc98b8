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
import { putMerchants } from '../../../src/doors/bin/merchants.ts';
import { PUBLIC_DEVELOPMENT_KEYS } from '../../../src/doors/dev/index.ts';
import { sign } from '../sign.ts';
import type { Road } from '../steps/road.ts';
import { CHAIN_ID, TOKEN } from '../steps/surroundings.ts';
import { type Signed, signedPayment } from './payers.ts';

/** What a payer signs. `again`: the same payment signed anew, under the identifier of that one. */
export type Order = {
  payer: 0 | 1;
  amount: bigint;
  /** A wallet of ours, or somebody else's. */
  custodial: boolean;
  again: number | null;
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
  amount: bigint;
  custodial: boolean;
  validBefore: number;
  body: Signed;
};

/** The merchant of all lives; part of the first moment. */
export async function openShop(road: Road): Promise<Merchant> {
  const { wires, settings } = road;
  const payTo = [settings.lanes[0]!.address, OUTSIDE];
  const assets = [{ asset: caip19(CHAIN_ID, TOKEN), maxAmount: null }];
  await putMerchants(wires.app, [{ tenant: 'demo', name: 'shop', payTo, assets, replays: false }]);
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
    orders.map(async ({ payer, amount, custodial, again }, n): Promise<Paying> => {
      const group = again ?? n;
      const nonce = keccak256(Buffer.from(`${seed} ${n}`));
      const account = accounts[payer]!;
      const body = await signedPayment(account as Parameters<typeof signedPayment>[0], TOKEN, {
        payTo: custodial ? road.settings.lanes[0]!.address : OUTSIDE,
        amount: amount.toString(),
        validBefore: String(validBefore),
        nonce,
        identifier: `payment-of-seed-${seed}-${group}`,
      });
      const address = account.address.toLowerCase() as Address;
      return { group, payer: address, nonce, amount, custodial, validBefore, body };
    }),
  );
}

const ABI = parseAbi([
  'function transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)',
]);

/** Somebody else's transaction with the same authorization goes to the pool. */
export function land(road: Road, { body, payer, nonce, validBefore }: Paying): void {
  const { signature, authorization } = body.paymentPayload.payload;
  const { chain } = road;
  const data = encodeFunctionData({
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
  const from = privateKeyToAccount(STRANGER).address.toLowerCase() as Address;
  const { bytes } = sign(STRANGER, {
    nonce: chain.pool.next(from, chain.world.nonce(from, chain.height)),
    to: TOKEN,
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

function* logsOn({ chain }: Road) {
  for (let height = 0; height <= chain.height; height += 1) {
    for (const hash of chain.block(height)!.transactions) {
      const { status, from, logs } = chain.receipt(hash)!;
      if (status !== 'success') continue;
      for (const log of logs) yield { hash, from, log };
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
