import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Installation } from '../support/installation.ts';
import { expectLaws, mintTo, quiet } from '../support/laws.ts';
import { until } from '../support/until.ts';

const LATE = 7_000_000n;
const OWN = 3_000_000n;

describe('a wallet that is taken into the books', () => {
  let on: Installation;
  let donor: string;
  const give = (amount: bigint) =>
    on.anvil.rpc('eth_sendTransaction', {
      from: donor,
      to: on.token,
      data: mintTo(on.settings.lanes[0]!.address, amount),
    });
  const booked = async () => {
    const [row] = await on.rows<{ balance: bigint }>(
      `SELECT balance FROM ledger_account WHERE kind = 'hot' AND owner = '1' AND asset LIKE '%erc20%'`,
    );
    return row!.balance;
  };

  beforeAll(async () => {
    on = await Installation.make({
      lanes: 2,
      settings: async (settings) => {
        const [chain] = settings.chains;
        const rpc = (method: string, params: unknown[]) =>
          fetch(chain!.rpc[0]!.url, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
          }).then(async (answer) => ((await answer.json()) as { result: unknown }).result);
        await rpc('evm_setIntervalMining', [0]);
        [donor] = (await rpc('eth_accounts', [])) as [string];
        // In a block, but not final: tokens come to the first one, the second one sends.
        const to = settings.assets.find(({ id }) => id === 'USDC')!.address;
        const [first, second] = settings.lanes;
        await rpc('eth_sendTransaction', [{ from: donor, to, data: mintTo(first!.address, LATE) }]);
        await rpc('eth_sendTransaction', [{ from: second!.address, to: donor, value: '0x1' }]);
        await rpc('anvil_mine', ['0x1']);
        return settings;
      },
    });
  });
  afterAll(() => on?.stop());

  it('is booked as of what is final, and what a reorg brings again is booked once', async () => {
    const held = await on.tokenBalance(on.settings.lanes[0]!.address);
    expect(await booked()).toBe(held - LATE);
    await on.anvil.rpc('anvil_reorg', 1, []);
    expect(await on.tokenBalance(on.settings.lanes[0]!.address)).toBe(held - LATE);
    await give(LATE);
    await give(OWN);
    await on.anvil.mine();
    await on.startApi();
    await on.startSigner();
    await on.startWorker();
    await on.anvil.mine(10);
    await until('the arrivals', async () => (await booked()) === held + OWN);
  });

  it('is not taken while a transaction of its own is not final, and by itself when it is', async () => {
    await until('the second lane', async () => {
      const lanes = await on.rows(`SELECT FROM lane WHERE paused_reason IS NULL`);
      return lanes.length === 2;
    });
    await quiet(on);
    await expectLaws(on);
  });
});
