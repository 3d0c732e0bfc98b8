import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import type { TransactionOnChain, TransferLog } from '../../../base/chain/index.ts';
import { effectOf, packAuthorization } from '../../../base/effect/index.ts';
import {
  type Address,
  AUTHORIZATION_USED_TOPIC,
  fromHex,
  type Hex,
  TRANSFER_TOPIC,
} from '../../../base/kernel/index.ts';
import type { PaymentRow } from '../payment/rows.ts';
import { findLanding } from './landing.ts';

const TOKEN: Address = `0x${'22'.repeat(20)}`;
const PAYEE: Address = `0x${'33'.repeat(20)}`;
const PAYER: Address = `0x${'55'.repeat(20)}`;
const OTHER: Address = `0x${'66'.repeat(20)}`;
const TX: Hex = `0x${'aa'.repeat(32)}`;
const BLOCK = { chainId: 1, number: 7, hash: `0x${'b7'.repeat(32)}` as Hex };

/** The second of the newest block of a chain with one an hour. */
const AT = 1_800_000_000n;

const EXACT_PROXY: Address = '0x402085c248eea27d92e8b30b2c58ed07f9e20001';

const payment = {
  id: 'p',
  chainId: BLOCK.chainId,
  method: 'permit2',
  token: TOKEN,
  payer: PAYER,
  payTo: PAYEE,
  amount: 10n,
  validAfter: 0n,
  validBefore: 100n,
  nonce: `0x${'77'.repeat(32)}`,
  signature: '0x01',
  ceiling: null,
  createdAt: new Date(),
  head: { latest: 9, safe: 8, finalized: 8, halted: false },
} as Partial<PaymentRow> as PaymentRow;

let on: MainDatabase;
beforeAll(async () => {
  on = await MainDatabase.start();
  await on.rows(
    `INSERT INTO block (chain_id, height, hash, parent_hash, mined_at) VALUES ($1, $2, $3, $3, now())`,
    [BLOCK.chainId, BLOCK.number, fromHex(BLOCK.hash)],
  );
});
afterAll(() => on?.stop());

const topic = (address: Address): Hex => `0x${'0'.repeat(24)}${address.slice(2)}`;
const logged = (topics: Hex[], amount: bigint, blockHash = BLOCK.hash): TransferLog => ({
  transactionHash: TX,
  blockNumber: BLOCK.number,
  blockHash,
  logIndex: 0,
  address: TOKEN,
  topics,
  data: `0x${amount.toString(16).padStart(64, '0')}`,
});
const moved = (amount = 10n, hash?: Hex) =>
  logged([TRANSFER_TOPIC, topic(PAYER), topic(PAYEE)], amount, hash);
const settle = (over: Partial<PaymentRow> = {}): Hex => {
  const payerAuthorization = packAuthorization({ ...payment, ...over });
  return effectOf({ token: TOKEN, recipient: PAYEE, amount: 10n, payerAuthorization }).data;
};

/** A chain of one transaction. */
function search(row: PaymentRow, logs: TransferLog[], call: { to: Address; data: Hex }) {
  const { number: blockNumber, hash: blockHash } = BLOCK;
  const sent = { from: OTHER, nonce: 0n, value: 0n, blockNumber, blockHash, ...call };
  return findLanding(
    on.app,
    {
      transfers: async () => logs,
      transactionsByHash: async (hashes): Promise<TransactionOnChain[]> =>
        hashes.map((hash) => ({ ...sent, hash })),
    },
    row,
  );
}

describe('who took a permit', () => {
  const proxy = { to: EXACT_PROXY, data: settle() };
  const landing = {
    paymentId: 'p',
    txHash: TX,
    blockNumber: BLOCK.number,
    blockHash: BLOCK.hash,
  };

  it.each<[string, TransferLog[], { to: Address; data: Hex }, object]>([
    ['a call of the proxy with it', [moved()], proxy, { landing, alike: false }],
    ['nobody', [], proxy, { landing: null, alike: false }],
    ['no transfer of another amount', [moved(9n)], proxy, { landing: null, alike: false }],
    [
      'no plain transfer of the same amount, and it may not be told as cancelled beside one',
      [moved()],
      { to: TOKEN, data: '0xa9059cbb' },
      { landing: null, alike: true },
    ],
    [
      'no call of the proxy with another permit of the same payer',
      [moved()],
      { to: EXACT_PROXY, data: settle({ nonce: `0x${'78'.repeat(32)}` }) },
      { landing: null, alike: false },
    ],
    [
      'perhaps a call from inside another contract',
      [moved()],
      { to: OTHER, data: settle() },
      { landing: null, alike: true },
    ],
    [
      'perhaps a transaction of a block that the books do not have',
      [moved(10n, `0x${'c7'.repeat(32)}`)],
      proxy,
      { landing: null, alike: true },
    ],
  ])('%s', async (_, logs, call, found) => {
    expect(await search(payment, logs, call)).toEqual(found);
  });

  it.each<[string, number, bigint, number]>([
    ['for hours before it was handed in, since a chain’s clock may be behind', 3, 0n, 4],
    ['since it may be taken, where that is later', 0, AT - 90n * 60n, 6],
    ['from the first block that there is', -9, 0n, 3],
  ])('is looked for %s', async (_, aheadHours, validAfter, first) => {
    const chainId = 2;
    await on.rows(
      `INSERT INTO block (chain_id, height, hash, parent_hash, mined_at)
       SELECT $1, h, $2, $2, to_timestamp($3::bigint) - (8 - h) * interval '1 hour' FROM generate_series(3, 8) h
       ON CONFLICT DO NOTHING`,
      [chainId, fromHex(BLOCK.hash), AT],
    );
    const createdAt = new Date((Number(AT) + aheadHours * 3_600) * 1000);
    const asked: number[] = [];
    const port = {
      transfers: async ({ fromBlock }: { fromBlock: number }) => {
        asked.push(fromBlock);
        return [];
      },
      transactionsByHash: async () => [],
    };
    await findLanding(on.app, port, { ...payment, chainId, validAfter, createdAt });
    expect(asked).toEqual([first]);
  });

  it('of EIP-3009 is told by the token, whatever was called', async () => {
    const row: PaymentRow = { ...payment, method: 'eip3009' };
    const used = logged([AUTHORIZATION_USED_TOPIC, topic(PAYER), row.nonce], 0n);
    const call = { to: OTHER, data: '0x' } as const;
    expect(await search(row, [moved(), used], call)).toEqual({ landing, alike: false });
    expect(await search(row, [moved()], call)).toEqual({ landing: null, alike: false });
  });

  it('of EIP-3009 is the Transfer of its own authorization, which pays no other', async () => {
    const call = { to: OTHER, data: '0x' } as const;
    const nonces = ['77', '88'].map((byte): Hex => `0x${byte.repeat(32)}`);
    const [a, b] = nonces.map((nonce): PaymentRow => ({ ...payment, method: 'eip3009', nonce }));
    const used = (nonce: Hex) => logged([AUTHORIZATION_USED_TOPIC, topic(PAYER), nonce], 0n);
    const toSelf = logged([TRANSFER_TOPIC, topic(PAYER), topic(PAYER)], 10n);
    const inOrder = (...logs: TransferLog[]) => logs.map((log, logIndex) => ({ ...log, logIndex }));
    const both = async (logs: TransferLog[]) => [
      await search(a!, logs, call),
      await search(b!, logs, call),
    ];
    const [ofA, ofB] = [used(a!.nonce), used(b!.nonce)];
    const [paid, unsure] = [
      { landing, alike: false },
      { landing: null, alike: true },
    ];
    expect(await both(inOrder(ofA, moved(), ofB, toSelf))).toEqual([paid, unsure]);
    expect(await both(inOrder(ofA, ofB, moved(), toSelf))).toEqual([unsure, paid]);
    expect(await both(inOrder(ofA, moved(), ofB, moved()))).toEqual([paid, paid]);
    expect(await both(inOrder(moved(), ofA, toSelf, ofB))).toEqual([unsure, unsure]);
  });
});
