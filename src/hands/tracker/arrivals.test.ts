import { describe, expect, it } from 'vitest';
import type { TransferLog } from '../../base/chain/index.ts';
import { type Address, type Hex, TRANSFER_TOPIC } from '../../base/kernel/index.ts';
import { arrivalsOf } from './arrivals.ts';

const address = (digit: string): Address => `0x${digit.repeat(40)}`;
const topic = (of: Address): Hex => `0x${'0'.repeat(24)}${of.slice(2)}`;
const word = (n: bigint): Hex => `0x${n.toString(16).padStart(64, '0')}`;
const [ONE, TWO, STRANGER, TOKEN] = ['1', '2', '4', '7'].map(address) as [
  Address,
  Address,
  Address,
  Address,
];
const lanes = [
  { laneId: 1, address: ONE },
  { laneId: 2, address: TWO },
];
const SWEEP: Hex = `0x${'5e'.repeat(32)}`;
const own = new Map([[SWEEP, { toLane: 1 }]]);
const log = (from: Address, to: Address, amount: bigint, more: Partial<TransferLog> = {}) => ({
  ...{ transactionHash: `0x${'ab'.repeat(32)}` as Hex, blockHash: `0x${'cd'.repeat(32)}` as Hex },
  ...{ blockNumber: 9, logIndex: 3, address: TOKEN, data: word(amount) },
  topics: [TRANSFER_TOPIC, topic(from), topic(to)],
  ...more,
});

describe('arrivals on lanes', () => {
  it.each<[string, TransferLog, string]>([
    ['of a stranger', log(STRANGER, ONE, 5n), '5 on 1'],
    ['of a mint', log(address('0'), TWO, 5n), '5 on 2'],
    ['of a sweep of ours', log(TWO, ONE, 5n, { transactionHash: SWEEP }), ''],
    ['of what was no part of it', log(STRANGER, TWO, 5n, { transactionHash: SWEEP }), '5 on 2'],
    ['of another lane, sent by who has its key elsewhere', log(TWO, ONE, 5n), '5 on 1'],
    ['of itself', log(ONE, ONE, 5n), ''],
    ['of nothing', log(STRANGER, ONE, 0n), ''],
    ['on no lane', log(ONE, STRANGER, 5n), ''],
    [
      'of a log that is no ERC-20 transfer',
      log(STRANGER, ONE, 5n, {
        topics: [TRANSFER_TOPIC, topic(STRANGER), topic(ONE), word(5n)],
        data: '0x',
      }),
      '',
    ],
  ])('%s', (_, one, expected) => {
    const found = arrivalsOf(31337, lanes, [one], own);
    expect(found.map(({ amount, laneId }) => `${amount} on ${laneId}`).join()).toBe(expected);
  });

  it('are named by their log, and by the asset in its CAIP-19 form', () => {
    expect(arrivalsOf(31337, lanes, [log(STRANGER, ONE, 5n)], own)).toEqual([
      {
        ...{ txHash: `0x${'ab'.repeat(32)}`, logIndex: 3, laneId: 1, amount: 5n, blockNumber: 9 },
        ...{ asset: `eip155:31337/erc20:${TOKEN}`, sender: STRANGER },
      },
    ]);
  });
});
