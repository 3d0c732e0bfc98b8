import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Merchant } from '../../../src/books/access/index.ts';
import { type TestDatabases, testDatabases } from '../../support/postgres.ts';
import { seedOfRun } from '../../support/steps/random.ts';
import { Road } from '../../support/steps/road.ts';
import { openShop } from '../../support/x402/paying.ts';
import { livePayments } from './life.ts';
import { type Action, type Script, scriptOf } from './script.ts';

const {
  PAYONCE_PROOF: proof,
  PAYONCE_SIM_SEEDS: seeds = proof === 'full' ? '3000' : '100',
  PAYONCE_SIM_FROM: first = proof === 'full' ? String(seedOfRun()) : '1',
} = process.env;
const from = Number(first);
const count = Number(seeds);
const TELL_EVERY_MS = 10_000;

// The same lives in every test run. Seeds that nobody has seen are for the proof and for `npm run sim`.
describe('simulated lives of payments', { timeout: 120_000 + count * 2_000 }, () => {
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
    let told = performance.now();
    for (let seed = from; seed < from + count; seed += 1) {
      const script = scriptOf(seed);
      const broken = await livePayments(road, shop, script);
      if (broken.length > 0) expect.fail(await tell(script, broken));
      if (performance.now() - told < TELL_EVERY_MS) continue;
      told = performance.now();
      console.log(`payments: seeds from ${from}: ${seed + 1 - from} of ${count} lives`);
    }
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
      `npm run sim -- --of payments --seeds 1 --from ${script.seed}`,
      ...script.orders.map(text),
      ...actions.map(text),
      ...broken,
    ].join('\n');
  }
});
