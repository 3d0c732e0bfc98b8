/** Payments of one payer, signed beforehand, and a merchant that hands them in. */
import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import secp256k1 from 'secp256k1';
import { hashTypedData } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { fromHex, type Hex } from '../../src/base/kernel/index.ts';
import { DEV_TOKEN_ADDRESS } from '../../src/doors/dev/index.ts';
import { type Latency, latencyOf } from '../measure.ts';

export const PAYER_KEY: Hex = `0x${'a7'.repeat(32)}`;
/** A stranger's wallet: nothing is booked but the gas, with both facilitators. */
export const PAY_TO: Hex = `0x${'cafe'.repeat(10)}`;
const DOMAIN = { name: 'USD Coin', version: '2' };
const AMOUNT = '1000';
const LIFE_SECONDS = 3_600;

type Payment = { payload: object; requirements: object };

const TYPES = {
  TransferWithAuthorization: [
    { name: 'from', type: 'address' },
    { name: 'to', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'validAfter', type: 'uint256' },
    { name: 'validBefore', type: 'uint256' },
    { name: 'nonce', type: 'bytes32' },
  ],
} as const;

/** So many distinct ones, as the packages' payers sign them. */
export function signPayments(chainId: number, count: number): Payment[] {
  const payer = privateKeyToAccount(PAYER_KEY).address;
  const network = `eip155:${chainId}`;
  const validBefore = Math.floor(Date.now() / 1000) + LIFE_SECONDS;
  return Array.from({ length: count }, () => {
    const nonce: Hex = `0x${randomBytes(32).toString('hex')}`;
    const message = { from: payer, to: PAY_TO, value: BigInt(AMOUNT), validAfter: 0n };
    const digest = hashTypedData({
      domain: { ...DOMAIN, chainId, verifyingContract: DEV_TOKEN_ADDRESS },
      types: TYPES,
      primaryType: 'TransferWithAuthorization',
      message: { ...message, validBefore: BigInt(validBefore), nonce },
    });
    const { signature, recid } = secp256k1.ecdsaSign(fromHex(digest), fromHex(PAYER_KEY));
    const requirements = {
      ...{ scheme: 'exact', network, amount: AMOUNT, asset: DEV_TOKEN_ADDRESS, payTo: PAY_TO },
      ...{ maxTimeoutSeconds: LIFE_SECONDS, extra: DOMAIN },
    };
    const payload = {
      x402Version: 2,
      accepted: requirements,
      resource: { url: 'https://shop.example/report' },
      payload: {
        signature: `0x${Buffer.from(signature).toString('hex')}${(27 + recid).toString(16)}`,
        authorization: {
          ...{ from: payer, to: PAY_TO, value: AMOUNT, validAfter: '0', nonce },
          validBefore: String(validBefore),
        },
      },
    };
    return { payload, requirements };
  });
}

/** Where a facilitator listens. */
export type Facilitator = { port: number; path: string; key: string | null };

export type PayRun = {
  inFlight: number;
  payments: number;
  settled: number;
  firstFailure: string | null;
  perSecond: number;
  /** From the order to settle to the success, with the packages' one more call where it is pending. */
  settleMs: Latency;
};

/** Verifies and settles each, `inFlight` at a time, as a merchant's middleware does. */
export async function payAll(
  at: Facilitator,
  payments: readonly Payment[],
  inFlight: number,
): Promise<PayRun> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const waiting = [...payments];
  const times: number[] = [];
  let firstFailure: string | null = null;
  const one = async (payment: Payment): Promise<void> => {
    const verified = await post(at, { agent, question: 'verify', payment });
    const begun = performance.now();
    let told = await post(at, { agent, question: 'settle', payment });
    if (told['errorReason'] === 'settlement_pending') {
      told = await post(at, { agent, question: 'settle', payment });
    }
    if (told['success'] === true) times.push(performance.now() - begun);
    else firstFailure ??= JSON.stringify([verified, told]);
  };
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await one(next);
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: inFlight }, worker));
  const seconds = (performance.now() - begun) / 1_000;
  agent.destroy();
  return {
    ...{ inFlight, payments: payments.length, settled: times.length, firstFailure },
    perSecond: times.length / seconds,
    settleMs: latencyOf(times),
  };
}

/** Verifies each, so many at a time; how many a second. */
export async function verifyAll(
  at: Facilitator,
  payments: readonly Payment[],
  inFlight: number,
): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const waiting = [...payments];
  const begun = performance.now();
  const worker = async () => {
    for (let payment = waiting.shift(); payment !== undefined; payment = waiting.shift()) {
      const told = await post(at, { agent, question: 'verify', payment });
      if (told['isValid'] !== true) throw new Error(`verify answered ${JSON.stringify(told)}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  agent.destroy();
  return payments.length / ((performance.now() - begun) / 1_000);
}

function post(
  { port, path, key }: Facilitator,
  { agent, question, payment }: { agent: Agent; question: string; payment: Payment },
): Promise<Record<string, unknown>> {
  const { payload: paymentPayload, requirements: paymentRequirements } = payment;
  const body = JSON.stringify({ x402Version: 2, paymentPayload, paymentRequirements });
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(key === null ? {} : { authorization: `Bearer ${key}` }),
  };
  return new Promise((done, fail) => {
    const options = { host: '127.0.0.1', port, path: `${path}/${question}`, method: 'POST' };
    const sent = request({ ...options, agent, headers }, (answer) => {
      const pieces: Buffer[] = [];
      answer.on('data', (piece: Buffer) => pieces.push(piece));
      answer.on('end', () => {
        try {
          done(JSON.parse(Buffer.concat(pieces).toString()) as Record<string, unknown>);
        } catch (error) {
          fail(error);
        }
      });
      answer.on('error', fail);
    });
    sent.on('error', fail);
    sent.end(body);
  });
}
