import { expect } from 'vitest';
import { caip19, toHex } from '../../src/base/kernel/index.ts';
import { replayBreaks } from '../../src/books/ledger/index.ts';
import { readLanes } from '../../src/books/tx/index.ts';
import type { Installation } from './installation.ts';
import { until } from './until.ts';

const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';

/** Resolves when nothing is on its way any more: no job, every slot final and its gas booked. */
export async function quiet(on: Installation, ms = 30_000): Promise<void> {
  await until(
    'no job, every withdrawal ended, every slot booked',
    async () => {
      const [row] = await on.rows<{ open: bigint }>(
        `SELECT (SELECT count(*) FROM job)
           + (SELECT count(*) FROM withdrawal WHERE status IN ('REQUESTED', 'RESERVED', 'APPROVED', 'EXECUTING'))
           + (SELECT count(*) FROM nonce_slot s WHERE NOT EXISTS (
               SELECT FROM slot_gas g WHERE g.lane_id = s.lane_id AND g.nonce = s.nonce)) AS open`,
      );
      return row!.open === 0n;
    },
    ms,
  );
}

/**
 * What a dead or cut-off process held is free again: leases of jobs that run out after one or two minutes,
 * claims of the signer after 30 s. A step that is under way after all meets the other one's token.
 */
export async function runOutLeases(on: Installation): Promise<void> {
  await on.rows(
    `UPDATE job SET lease_until = now() - interval '1 second' WHERE lease_until > now()`,
  );
  await on.rows(
    `UPDATE signature_request r SET claimed_at = claimed_at - interval '31 seconds'
     WHERE claimed_at > now() - interval '31 seconds'
       AND NOT EXISTS (SELECT FROM signature s WHERE s.signature_request_id = r.signature_request_id)`,
  );
}

/** Every law of the books that must hold once it is quiet, held against the chain itself. */
export async function expectLaws(on: Installation): Promise<void> {
  expect(await replayBreaks(on.owner)).toEqual([]);
  expect(await on.rows('SELECT topic, subject_id, reason FROM dead_letter')).toEqual([]);
  expect(
    await on.rows(
      `SELECT r.withdrawal_id FROM reserve r LEFT JOIN reserve_resolution x USING (withdrawal_id, generation)
       WHERE x.withdrawal_id IS NULL`,
    ),
  ).toEqual([]);
  const open = await on.rows(
    `SELECT kind, owner, asset, balance FROM ledger_account
     WHERE kind IN ('reserved', 'in_transit', 'gas_in_transit') AND balance <> 0`,
  );
  expect(open).toEqual([]);
  await expectLaneBalances(on);
  await expectGas(on);
}

/** With nothing in transit a lane holds on the chain what the ledger says is free on it. */
async function expectLaneBalances(on: Installation): Promise<void> {
  const [native, token] = [null, on.token].map((address) => caip19(31337, address));
  for (const lane of await readLanes(on.owner)) {
    const books = await on.rows<{ asset: string; balance: bigint }>(
      `SELECT asset, balance FROM ledger_account WHERE kind = 'hot' AND owner = $1`,
      [String(lane.laneId)],
    );
    const free = new Map(books.map((row) => [row.asset, row.balance]));
    expect(free.get(native!)).toBe(await on.nativeBalance(lane.address));
    expect(free.get(token!)).toBe(await on.tokenBalance(lane.address));
  }
}

/** Each slot's gas is booked once, as its receipt says, and the sum is the tenant's expense. */
async function expectGas(on: Installation): Promise<void> {
  const booked = await on.rows<{ tx_hash: Buffer; gas_cost: bigint }>(
    `SELECT a.tx_hash, g.gas_cost FROM slot_gas g JOIN attempt a USING (lane_id, nonce)
     JOIN inclusion i USING (attempt_id)
     JOIN block b ON b.chain_id = i.chain_id AND b.height = i.block_number AND b.hash = i.block_hash`,
  );
  const [slots] = await on.rows<{ n: bigint }>('SELECT count(*) AS n FROM nonce_slot');
  expect(BigInt(booked.length)).toBe(slots!.n);
  let sum = 0n;
  for (const { tx_hash, gas_cost } of booked) {
    const receipt = await on.anvil.rpc<{ gasUsed: string; effectiveGasPrice: string }>(
      'eth_getTransactionReceipt',
      toHex(tx_hash),
    );
    expect(gas_cost).toBe(BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice));
    sum += gas_cost;
  }
  const [expense] = await on.rows<{ sum: bigint | null }>(
    `SELECT sum(balance) AS sum FROM ledger_account WHERE kind = 'network_fee_expense'`,
  );
  expect(expense!.sum ?? 0n).toBe(sum);
}

/** Transfer logs of the token, from any lane: recipient → amounts, as the chain has them. */
export async function tokenPayments(on: Installation): Promise<Map<string, bigint[]>> {
  const lanes = (await readLanes(on.owner)).map(
    (lane) => `0x${lane.address.slice(2).padStart(64, '0')}`,
  );
  const logs = await on.anvil.rpc<{ topics: string[]; data: string }[]>('eth_getLogs', {
    fromBlock: '0x0',
    toBlock: 'latest',
    address: on.token,
    topics: [TRANSFER, lanes],
  });
  const paid = new Map<string, bigint[]>();
  for (const { topics, data } of logs) {
    const to = `0x${topics[2]!.slice(26)}`;
    paid.set(to, [...(paid.get(to) ?? []), BigInt(data)]);
  }
  return paid;
}

/** A recipient of a test's own: no two numbers give the same address. */
export function recipient(n: number): `0x${string}` {
  return `0x${(0xfee0_0000_0000n + BigInt(n)).toString(16).padStart(40, 'a')}`;
}
