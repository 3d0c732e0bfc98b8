import { hostname } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MainDatabase } from '../../../../../test/support/main-database.ts';
import { systemClock } from '../../../../base/kernel/index.ts';
import { leaseChain, leaseLanes, registerLane, startChain } from '../../../../books/tx/index.ts';
import { releaseDead } from './dead-leases.ts';

let on: MainDatabase;
beforeAll(async () => {
  on = await MainDatabase.start();
  for (const [n, chainId] of [1, 2].entries()) {
    const hash = `0x${String(n + 1).repeat(64)}` as const;
    await startChain(on.app, chainId, {
      ...{ number: 1, hash, parentHash: hash, baseFeePerGas: null, timestamp: 1 },
    });
    const address = `0x${String(n + 1).repeat(40)}` as const;
    const { tenantId } = on;
    await registerLane(
      on.app,
      { tenantId, chainId, address, purpose: 'pay', firstNonce: 0n, atBlock: 1 },
      'adopting',
    );
  }
});
afterAll(() => on.stop());

const signal = new AbortController().signal;
const release = (pids: number[]) =>
  releaseDead(on.databases.mainUrl, pids, { clock: systemClock, signal });
const owners = () =>
  on.rows('SELECT lease_owner FROM lane UNION ALL SELECT lease_owner FROM chain_head');

test('what a dead process held is free at once, and what others hold is not', async () => {
  const dead = `${hostname()}:4711:aa`;
  const other = `${hostname()}:47110:bb`;
  await leaseLanes(on.app, dead, 15_000);
  await leaseChain(on.app, 1, dead, 15_000);
  await leaseChain(on.app, 2, other, 15_000);
  expect(await release([])).toBe(true);
  expect(await leaseLanes(on.app, other, 15_000)).toEqual(new Map());

  expect(await release([1, 4711])).toBe(true);
  const held = (await owners()).map((row) => row['lease_owner']);
  expect(held.filter((owner) => owner !== null)).toEqual([other]);
  expect((await leaseLanes(on.app, other, 15_000)).size).toBe(2);
  expect(await leaseChain(on.app, 1, other, 15_000)).toBe(2n);
});

test('a dead signer’s claims without an answer may be taken over at once, and no others', async () => {
  const claims = [`${hostname()}:4711:aa`, `${hostname()}:4711:aa`, `${hostname()}:47110:bb`];
  for (const [nonce, name] of claims.entries()) {
    await on.owner.query(
      `INSERT INTO signature_request (lane_id, nonce, ordinal, tx_id, kind, gas_limit, max_fee_per_gas,
         max_priority_fee_per_gas, lane_epoch, claimed_by, claimed_at)
       VALUES (1, $1, 1, payonce_uuid7(), 'effect', 1, 1, 1, 1, $2, now())`,
      [nonce, name],
    );
  }
  await on.owner.query(
    `INSERT INTO signature (signature_request_id, refusal_code, refusal_message)
     SELECT signature_request_id, 'cap', 'too much' FROM signature_request WHERE nonce = 1`,
  );
  await release([4711]);
  const rows = await on.rows(
    `SELECT nonce, claimed_by IS NOT NULL AS claimed, claimed_at < now() - interval '30 seconds' AS abandoned
     FROM signature_request ORDER BY nonce`,
  );
  expect(rows).toEqual([
    { nonce: 0n, claimed: true, abandoned: true },
    { nonce: 1n, claimed: true, abandoned: false },
    { nonce: 2n, claimed: true, abandoned: false },
  ]);
});

test('a process of the same pid on another machine keeps its leases', async () => {
  await on.rows(
    `UPDATE lane SET lease_owner = 'elsewhere:4711:cc', lease_until = now() + '1 hour'`,
  );
  await release([4711]);
  expect((await owners()).filter((row) => row['lease_owner'] === 'elsewhere:4711:cc')).toHaveLength(
    2,
  );
});
