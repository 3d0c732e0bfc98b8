import { encodeFunctionData, parseAbi } from 'viem';
import { expect } from 'vitest';
import type { Address, Hex } from '../../src/base/kernel/index.ts';
import { readLanes } from '../../src/books/tx/index.ts';
import type { Installation } from './installation.ts';
import { until } from './until.ts';
import { verifyOf } from './verify.ts';

const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';

/** Gas is booked when finality passes a multiple of so many blocks. */
const BOOKED_EVERY = 32;

/**
 * Resolves when nothing is on its way any more: no job but looks at expiries to come, every slot final and its gas
 * booked. Blocks that only the books wait for are made at once, after those before were walked.
 */
export async function quiet(on: Installation): Promise<void> {
  let made = 0n;
  await until(
    'no job, every withdrawal ended, every slot booked',
    async () => {
      const [row] = await on.rows<{ open: bigint; unbooked: bigint; walked: bigint }>(
        `SELECT (SELECT count(*) FROM job WHERE topic NOT IN ('payment.expire', 'gateway.end')
             AND NOT (topic IN ('withdrawal.unapproved', 'payment.unapproved') AND run_at > now() + interval '1 minute'))
           + (SELECT count(*) FROM gateway_call c JOIN priced_endpoint e USING (endpoint_id) WHERE c.status IN ('FORWARDING', 'CHARGING')
               OR (c.status = 'FAILED' AND e.on_failure = 'refund' AND c.refund_id IS NULL AND c.refund_refused IS NULL))
           + (SELECT count(*) FROM payment WHERE status IN ('RESERVED', 'BROADCASTED', 'INCLUDED', 'REVERSED'))
           + (SELECT count(*) FROM withdrawal WHERE status IN ('REQUESTED', 'RESERVED', 'APPROVED', 'EXECUTING', 'REVERSED'))
           + (SELECT count(*) FROM refund WHERE status = 'PENDING')
           + (SELECT count(*) FROM expected_arrival WHERE transfer_id IS NULL AND lapsed_at IS NULL) AS open,
           (SELECT count(*) FROM nonce_slot s WHERE s.nonce >= (
             SELECT max(to_nonce) FROM lane_stretch g WHERE g.lane_id = s.lane_id)) AS unbooked,
           (SELECT latest FROM chain_head) AS walked`,
      );
      const { open, unbooked, walked } = row!;
      if (open > 0n) return false;
      if (unbooked > 0n && walked >= made) {
        await on.anvil.mine(BOOKED_EVERY);
        made = BigInt(await on.anvil.rpc<string>('eth_blockNumber'));
      }
      return unbooked === 0n;
    },
    240_000,
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

/** Every law of verify, and that nothing is open any more: what must hold once it is quiet. */
export async function expectLaws(on: Installation): Promise<void> {
  const { mainUrl, signerUrl } = on.databases;
  const report = await verifyOf({ mainUrl, signerUrl, nodes: [on.anvil.url] });
  expect(report.laws.filter(({ status }) => status !== 'ok')).toEqual([]);
  expect(report.result).toBe('clean');
  const open = await on.rows(
    `SELECT kind, owner, asset, balance FROM ledger_account
     WHERE kind IN ('reserved', 'in_transit', 'gas_in_transit', 'pending', 'expected') AND balance <> 0`,
  );
  expect(open).toEqual([]);
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

/** Calldata by which the development token's owner gives an address more of it. */
export function mintTo(to: Address, amount: bigint): Hex {
  const abi = parseAbi(['function mint(address to, uint256 value)']);
  return encodeFunctionData({ abi, args: [to, amount] });
}
