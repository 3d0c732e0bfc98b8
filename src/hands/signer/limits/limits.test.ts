import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { caip19 } from '../../../base/kernel/index.ts';
import { signBatch } from '../index.ts';
import {
  CHAIN,
  GWEI,
  type Installation,
  startInstallation,
  TOKEN,
} from '../installation.fixture.ts';

const TOKENS = caip19(CHAIN, TOKEN);
const COIN = caip19(CHAIN, null);
const GAS = 60_000n * 10n * GWEI;
const HOUR = 3_600_000;

let at: Installation;
let journal: pg.Client;
let nonce = 0;
beforeAll(async () => {
  at = await startInstallation(undefined, {
    limits: [
      {
        walletGroup: 'demo',
        asset: TOKENS,
        perTransaction: 90n,
        windows: [{ ms: HOUR, amount: 100n }],
      },
      {
        walletGroup: 'demo',
        asset: COIN,
        perTransaction: null,
        windows: [{ ms: HOUR, amount: 4n * GAS }],
      },
    ],
  });
  journal = new pg.Client({ connectionString: at.databases.signerUrl });
  await journal.connect();
});
beforeEach(async () => {
  await elapse(3 * HOUR);
});
afterAll(async () => {
  await journal.end();
  await at.stop();
});

/** What was spent happened earlier. */
async function elapse(ms: number): Promise<void> {
  await journal.query(`UPDATE spend_minute SET minute = minute - $1 * interval '1 millisecond'`, [
    ms,
  ]);
}
async function pay(amount: bigint, token: typeof TOKEN | null = TOKEN) {
  const made = await at.order({ key: `k${nonce}`, nonce: nonce++, amount, token });
  return { ...made, told: await sign(made.requestId) };
}
async function sign(requestId: string): Promise<string> {
  await signBatch(at.signer('s'), 500);
  return (await at.signature(requestId))?.refusal ?? 'signed';
}
const spent = async (requestId: string) => {
  const rows = await at.journalRows(
    `SELECT asset, amount FROM spend WHERE signature_request_id = '${requestId}' ORDER BY asset DESC`,
  );
  return rows.map(({ asset, amount }) => [asset, BigInt(String(amount))]);
};

describe('the limits of a signer', () => {
  it('hold one transaction to its cap, and a window to its sum', async () => {
    expect((await pay(91n)).told).toBe('limit_per_transaction');
    expect((await pay(90n)).told).toBe('signed');
    const over = await pay(11n);
    expect(over.told).toBe('limit_window');
    expect((await pay(10n)).told).toBe('signed');
    const [refusal] = await at.journalRows(
      `SELECT code, message FROM refusal WHERE signature_request_id = '${over.requestId}'`,
    );
    expect(refusal).toMatchObject({
      code: 'limit_window',
      message: `90 of ${TOKENS} left demo within 3600 s, 11 more would pass 100`,
    });
    expect(await spent(over.requestId)).toEqual([]);
  });

  it('give room again as time goes by, minutes later than to the minute at most', async () => {
    expect((await pay(60n)).told).toBe('signed');
    await elapse(HOUR / 2);
    expect((await pay(40n)).told).toBe('signed');
    expect((await pay(1n)).told).toBe('limit_window');
    await elapse(HOUR / 2 + 120_000);
    expect((await pay(61n)).told).toBe('limit_window');
    expect((await pay(60n)).told).toBe('signed');
  });

  it('count gas with the coin, and a replacement and a filler by what they raise, which nothing stops', async () => {
    const { txId, requestId, told } = await pay(1n);
    expect(told).toBe('signed');
    expect(await spent(requestId)).toEqual([
      [COIN, GAS],
      [TOKENS, 1n],
    ]);
    const bump = await at.request(txId, { maxFeePerGas: 15n * GWEI });
    expect(await sign(bump)).toBe('signed');
    expect(await spent(bump)).toEqual([
      [COIN, GAS / 2n],
      [TOKENS, 0n],
    ]);
    expect((await pay(3n * GAS, null)).told).toBe('limit_window');
    expect((await pay(GAS, null)).told).toBe('signed');
    expect((await pay(1n)).told).toBe('limit_window');
    const dear = await at.request(txId, { maxFeePerGas: 50n * GWEI });
    expect(await sign(dear)).toBe('signed');
    const filler = await at.request(txId, { kind: 'filler', maxFeePerGas: 75n * GWEI });
    expect(await sign(filler)).toBe('signed');
    expect(await spent(filler)).toEqual([[COIN, 0n]]);
  });

  it('are exact with several signers at once on one journal', async () => {
    const orders: string[] = [];
    for (let n = 0; n < 12; n += 1) {
      const made = await at.order({ key: `k${nonce}`, nonce: nonce++, amount: 30n });
      orders.push(made.requestId);
    }
    const signers = ['a', 'b', 'c'].map((name) => at.signer(name));
    for (let round = 0; round < 4; round += 1) {
      await Promise.all(signers.map((signer) => signBatch(signer, 2)));
    }
    const told = await Promise.all(orders.map(async (id) => (await at.signature(id))?.refusal));
    expect(told.filter((refusal) => refusal === null)).toHaveLength(3);
    expect(told.filter((refusal) => refusal === 'limit_window')).toHaveLength(9);
  });
});
