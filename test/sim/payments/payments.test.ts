import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Merchant } from '../../../src/books/access/index.ts';
import { type TestDatabases, testDatabases } from '../../support/postgres.ts';
import { seedOfRun } from '../../support/steps/random.ts';
import { Road } from '../../support/steps/road.ts';
import { openShop } from '../../support/x402/paying.ts';
import { livePayments } from './life.ts';
import { type Action, type Script, scriptOf } from './script.ts';

const FULL = process.env['PAYONCE_PROOF'] === 'full';
/** In full so many lives; else as many as fit, by the seed of the run. */
const LIVES = 3_000;
const SHORT_MS = 30_000;

describe('simulated lives of payments', { timeout: FULL ? 7_200_000 : 180_000 }, () => {
  let databases: TestDatabases;
  let road: Road;
  let shop: Merchant;
  beforeAll(async () => {
    databases = await testDatabases();
    road = await Road.open(databases, { warm: true, endings: 'roll back' });
    shop = await openShop(road);
  });
  afterAll(async () => {
    await road?.close();
    await databases?.drop();
  });

  it('are paid once, told truly, and end with the ledger as the chain has it', async () => {
    const seed = seedOfRun();
    const begun = performance.now();
    let runs = 0;
    while (FULL ? runs < LIVES : performance.now() - begun < SHORT_MS) {
      const script = scriptOf(seed + runs);
      const broken = await livePayments(road, shop, script);
      if (broken.length > 0) expect.fail(await tell(script, broken));
      runs += 1;
    }
    console.log(`payments: seed ${seed}, ${runs} runs`);
    expect(runs).toBeGreaterThan(0);
  });

  /** The life with what can be left out of it left out. */
  async function tell(script: Script, broken: string[]): Promise<string> {
    let { actions } = script;
    for (let at = actions.length - 1; at >= 0; at -= 1) {
      const fewer = actions.filter((_, index) => index !== at);
      const still = await livePayments(road, shop, { ...script, actions: fewer }).catch(() => []);
      if (still.length > 0) actions = fewer;
    }
    const text = (value: Action | Script['orders'][number]) =>
      JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}n` : part));
    return [
      `PAYONCE_SEED=${script.seed}`,
      ...script.orders.map(text),
      ...actions.map(text),
      ...broken,
    ].join('\n');
  }
});
