import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GWEI } from '../support/by-hand.ts';
import { Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient, tokenPayments } from '../support/laws.ts';
import { seedOf } from '../support/seed.ts';
import { Random } from '../support/steps/random.ts';
import { until } from '../support/until.ts';

/** What befalls the chain, one after another, and how many withdrawals are ordered before each. */
const EVENTS = process.env['PAYONCE_PROOF'] === 'full' ? 60 : 8;
const COUNT = 15;
const DEEPEST = 20;
/** Below safe, above finalized: the epochs have 16 blocks. */
const EPOCH = 16;
const UNIT = 1_000_000n;

type Event =
  | { kind: 'reorg'; depth: number }
  | { kind: 'drop' }
  | { kind: 'spike'; blocks: number };

let on: Installation;
let made = 0;
const random = new Random(seedOf('storm'));

beforeAll(async () => {
  on = await Installation.start({
    lanes: 3,
    blockTime: 0.3,
    slotsInEpoch: EPOCH,
    settings: (base) => ({
      ...base,
      chains: [{ ...base.chains[0]!, resendAfterMs: 1_000, replaceAfterMs: 3_000 }],
    }),
  });
  // Deep enough for what is to be taken back.
  await on.anvil.mine(4 * EPOCH);
  await on.deposit('alice', 'USDC', '10000000');
});
afterAll(() => on?.stop());

/** Small ones settle at safe, which a reorg may take back; every third at finalized. */
const amountOf = (n: number) => BigInt(n % 3 === 0 ? 1_001 + n : 1 + (n % 900));

async function order(count: number): Promise<void> {
  const some = Array.from({ length: count }, (_, n) => made + n);
  made += count;
  const answers = await Promise.all(
    some.map((n) =>
      on.withdraw(
        { account: 'alice', asset: 'USDC', amount: String(amountOf(n)), to: recipient(n) },
        `storm-${n}`,
      ),
    ),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
}

const height = async () => Number(await on.anvil.rpc<string>('eth_blockNumber'));

async function blocks(count: number): Promise<void> {
  const wanted = (await height()) + count;
  await until(`${count} blocks`, async () => (await height()) >= wanted);
}

const areCommitted = async () =>
  (await on.rows(`SELECT FROM withdrawal WHERE status = 'COMPLETED'`)).length >= 5;

function draw(): Event {
  const kind = random.pick(['reorg', 'reorg', 'reorg', 'drop', 'spike'] as const);
  if (kind === 'reorg') return { kind, depth: 1 + random.below(DEEPEST) };
  return kind === 'spike' ? { kind, blocks: 4 + random.below(8) } : { kind };
}

async function befall(event: Event): Promise<void> {
  switch (event.kind) {
    case 'reorg':
      await on.anvil.reorg(event.depth);
      return;
    case 'drop':
      await on.anvil.rpc('anvil_dropAllTransactions');
      return;
    case 'spike':
      // Above the cap, block after block.
      for (let block = 0; block < event.blocks; block += 1) {
        await on.anvil.rpc('anvil_setNextBlockBaseFeePerGas', `0x${(60n * GWEI).toString(16)}`);
        await blocks(1);
      }
      await on.anvil.rpc('anvil_setNextBlockBaseFeePerGas', `0x${GWEI.toString(16)}`);
  }
}

async function expectPaidOnce(): Promise<void> {
  const ended = await on.rows<{ status: string }>(
    `SELECT DISTINCT status FROM withdrawal WHERE status NOT IN ('COMPLETED', 'RESETTLED')`,
  );
  expect(ended).toEqual([]);
  const paid = await tokenPayments(on);
  expect(paid.size).toBe(made);
  for (let n = 0; n < made; n += 1) {
    expect([n, paid.get(recipient(n))]).toEqual([n, [amountOf(n) * UNIT]]);
  }
}

describe('a chain in a storm', () => {
  it('of reorgs, lost pools and fees above the cap pays every recipient once', async () => {
    const events = Array.from({ length: EVENTS }, draw);
    // In a short run too; deep enough for a block that was safe a moment ago.
    events[0] = { kind: 'reorg', depth: DEEPEST + EPOCH / 2 };
    events[EVENTS - 1] = { kind: 'spike', blocks: 6 };
    for (const [index, event] of events.entries()) {
      await order(COUNT);
      // The first one takes back what was committed at safe.
      if (index === 0) await until('commits at safe', areCommitted);
      else await blocks(1 + random.below(EPOCH + 4));
      await befall(event);
    }
    await quiet(on);
    await expectPaidOnce();
    await expectLaws(on);
    const [told] = await on.rows<{ reorgs: bigint; reversed: bigint; replaced: bigint }>(
      `SELECT (SELECT sum(reorgs)::bigint FROM tx) AS reorgs,
         (SELECT count(*) FROM withdrawal WHERE status = 'RESETTLED') AS reversed,
         (SELECT count(*) FROM attempt WHERE ordinal > 1) AS replaced`,
    );
    console.info(
      `storm: ${made} tries through ${events.map((event) => Object.values(event).join(' ')).join(', ')}: ` +
        `${told!.reorgs} orphaned, ${told!.reversed} reversed and settled again, ${told!.replaced} further attempts`,
    );
    expect(Number(told!.reorgs)).toBeGreaterThan(0);
    expect(Number(told!.reversed)).toBeGreaterThan(0);
  }, 600_000);

  it('of which one takes back what was final stops the chain until two persons resume it', async () => {
    await order(COUNT);
    await blocks(2);
    await on.anvil.reorg(3 * EPOCH);
    await until('the halt', async () => {
      const { body } = await on.call<{ chains: { halted: string | null }[] }>('GET', '/v1/chains');
      return body.chains[0]!.halted;
    });
    await order(COUNT);
    const signed = () => on.rows('SELECT FROM signature_request WHERE claimed_at IS NOT NULL');
    const before = (await signed()).length;
    await blocks(2 * EPOCH);
    expect((await signed()).length).toBe(before);

    const other = (await on.addKey({ scopes: ['admin'] })).key;
    const say = async (path: string, body: object) => [
      (await on.call('POST', path, body)).status,
      (await on.call('POST', path, body, { authorization: `Bearer ${other}` })).status,
    ];
    const evidence = 'the operator of the chain says so';
    expect(await say('/v1/chains/local/resume', { evidence })).toEqual([202, 202]);
    await quiet(on);
    const { body } = await on.call<{ breaks: { id: string; kind: string }[] }>(
      'GET',
      '/v1/reconciliation/breaks?state=open',
    );
    for (const { id, kind } of body.breaks) {
      expect(kind).toBe('final_taken_back');
      const path = `/v1/reconciliation/breaks/${id}/resolve`;
      const decision = { action: 'adjust', evidence, adjustments: [] };
      expect(await say(path, decision)).toEqual([202, 200]);
    }
    await expectPaidOnce();
    await expectLaws(on);
  }, 400_000);
});
