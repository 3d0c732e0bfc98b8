import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Address, caip19 } from '../../src/base/kernel/index.ts';
import { Installation } from '../support/installation.ts';
import { expectLaws, mintTo, quiet, recipient } from '../support/laws.ts';
import { until } from '../support/until.ts';

const ETHER = 10n ** 18n;
const COUNT = 120;

describe('funds that arrive on a lane', () => {
  let on: Installation;
  let lanes: Address[];
  let donor: string;
  beforeAll(async () => {
    on = await Installation.start({ lanes: 2, blockTime: 0.1 });
    lanes = on.settings.lanes.map(({ address }) => address);
    [donor] = (await on.anvil.rpc<[string]>('eth_accounts')) as [string];
    await on.deposit('alice', 'USDC', '10000');
    await on.deposit('alice', 'ETH', '10');
  });
  afterAll(() => on?.stop());

  const give = (call: object) =>
    on.anvil.rpc<string>('eth_sendTransaction', { from: donor, ...call });
  const hex = (n: bigint) => `0x${n.toString(16)}`;
  const custody = async (asset: string) => {
    const [row] = await on.rows<{ balance: bigint }>(
      `SELECT balance FROM ledger_account WHERE kind = 'custody' AND asset = $1`,
      [asset],
    );
    return row!.balance;
  };
  const funded = (asset: string) =>
    on.rows<{ owner: string; kind: string; amount: bigint }>(
      `SELECT d.owner, c.kind, p.amount FROM transfer t JOIN posting p USING (transfer_id)
       JOIN ledger_account d ON d.account_no = p.debit_no JOIN ledger_account c ON c.account_no = p.credit_no
       WHERE t.kind = 'FUND' AND d.asset = $1 ORDER BY t.transfer_id, p.ordinal`,
      [asset],
    );

  it('in the middle of a burst are booked once, token and native, and the books agree with the chain', async () => {
    const coin = caip19(31337, null);
    const token = caip19(31337, on.token);
    const before = { coins: await funded(coin), tokens: await funded(token) };
    const withdrawals = Array.from({ length: COUNT }, (_, n) => ({
      ...{ idempotencyKey: `during-${n}`, account: 'alice', to: recipient(n) },
      ...(n % 4 === 0 ? { asset: 'ETH', amount: '0.01' } : { asset: 'USDC', amount: '3' }),
    }));
    const answer = await on.call('POST', '/v1/withdrawals/batch', { withdrawals });
    expect(answer.status).toBe(202);
    await until('the first to be final', async () => {
      const rows = await on.rows(`SELECT FROM tx WHERE status = 'FINAL' LIMIT 1`);
      return rows.length > 0;
    });
    // More than the gas of a stretch can hide, and less.
    await give({ to: lanes[0], value: hex(3n * ETHER) });
    await give({ to: lanes[1], value: '0x1' });
    await give({ to: on.token, data: mintTo(lanes[0]!, 5_000_000n) });
    await give({ to: on.token, data: mintTo(lanes[0]!, 0n) });
    await give({ to: on.token, data: mintTo(lanes[1]!, 11n) });
    await quiet(on);
    // A lane with nothing under way is looked at every 32 final blocks.
    await on.anvil.mine(48);
    await until('a look at each lane', async () => {
      const rows = await on.rows(
        `SELECT FROM lane_stretch s JOIN chain_head h ON h.finalized / 32 = s.up_to_block / 32`,
      );
      return rows.length >= 2 && (await funded(coin)).length > before.coins.length;
    });
    await quiet(on);
    await expectLaws(on);

    const coins = (await funded(coin)).slice(before.coins.length);
    const total = coins.reduce((sum, { amount }) => sum + amount, 0n);
    // The single wei may be in the gas of its stretch.
    expect([3n * ETHER, 3n * ETHER + 1n]).toContain(total);
    const tokens = (await funded(token)).slice(before.tokens.length);
    const perLane = new Map<string, bigint>();
    for (const { owner, amount } of tokens) {
      perLane.set(owner, (perLane.get(owner) ?? 0n) + amount);
    }
    expect(perLane).toEqual(
      new Map([
        ['1', 5_000_000n],
        ['2', 11n],
      ]),
    );
    const rows = await on.rows('SELECT FROM arrival');
    expect(rows).toHaveLength(2);
    const told = await on.rows<{ data: { amountAtomic: string } }>(
      `SELECT data FROM event WHERE type = 'lane.funded'`,
    );
    const amounts = told.map(({ data }) => data.amountAtomic);
    expect(amounts).toEqual(expect.arrayContaining(['5000000', '11']));
    expect(amounts).toHaveLength(coins.length + tokens.length);
  });

  it('are taken from custody while it has that much', async () => {
    const token = caip19(31337, on.token);
    const had = await custody(token);
    expect(had).toBeGreaterThan(0n);
    const before = (await funded(token)).length;
    await give({ to: on.token, data: mintTo(lanes[0]!, had + 2_000_000n) });
    const booked = await until('the arrival', async () => {
      const rows = (await funded(token)).slice(before);
      return rows.length === 2 && rows;
    });
    expect(booked.map(({ kind, amount }) => [kind, amount])).toEqual([
      ['custody', had],
      ['capital', 2_000_000n],
    ]);
    expect(await custody(token)).toBe(0n);
    await quiet(on);
    await expectLaws(on);
  });

  it('are held against payments that need no receipt: gas is known by the balance alone', async () => {
    const [known] = await on.rows<{ tokens: bigint; coins: bigint; stretches: bigint }>(
      `SELECT count(*) FILTER (WHERE t.token IS NOT NULL AND i.gas_used IS NOT NULL) AS tokens,
         count(*) FILTER (WHERE t.token IS NULL AND i.gas_used IS NULL) AS coins,
         (SELECT count(*) FROM lane_stretch WHERE gas_by = 'balance') AS stretches
       FROM inclusion i JOIN attempt a USING (attempt_id) JOIN tx t USING (tx_id)`,
    );
    expect(known).toMatchObject({ tokens: 0n, coins: 0n });
    expect(known!.stretches).toBeGreaterThan(0n);
  });
});
