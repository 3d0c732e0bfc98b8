import { expect, it } from 'vitest';
import type { BlockHeader, ChainPort } from '../../base/chain/index.ts';
import type { Clock, Hex } from '../../base/kernel/index.ts';
import { TipWatch } from './tip-watch.ts';

/** A node whose newest block is told by hand. */
function node() {
  const at = { tip: '0xa1' as Hex | null };
  const header = async () => (at.tip === null ? null : ({ hash: at.tip } as BlockHeader));
  return { at, port: { header } as unknown as ChainPort };
}

function watch() {
  let now = 0;
  const clock = { monotonic: () => now } as Clock;
  const { at, port } = node();
  const tip = new TipWatch(clock, 250);
  const rounds: (Hex | null)[] = [];
  return {
    at,
    rounds,
    pass: (ms: number) => {
      now += ms;
    },
    look: (more = false) =>
      tip.round(port, async () => {
        rounds.push(at.tip);
        return more;
      }),
  };
}

it('walks once for each newest block, also for another one of the same height', async () => {
  const { at, rounds, look } = watch();
  for (const tip of ['0xa1', '0xa1', '0xb1', '0xb1', '0xa1'] as const) {
    at.tip = tip;
    expect(await look()).toBe(false);
  }
  expect(rounds).toEqual(['0xa1', '0xb1', '0xa1']);
});

it('walks on for as long as there is more, and when the node shows no block', async () => {
  const { at, rounds, look } = watch();
  expect([await look(true), await look(true), await look(), await look()]).toEqual([
    true,
    true,
    false,
    false,
  ]);
  at.tip = null;
  await look();
  await look();
  expect(rounds).toEqual(['0xa1', '0xa1', '0xa1', null, null]);
});

it('walks all the same every three seconds', async () => {
  const { rounds, look, pass } = watch();
  await look();
  pass(2_999);
  await look();
  expect(rounds).toHaveLength(1);
  pass(1);
  await look();
  expect(rounds).toHaveLength(2);
});

it('walks again after a round that failed', async () => {
  const { port } = node();
  const tip = new TipWatch({ monotonic: () => 0 } as Clock, 250);
  const failed = tip.round(port, async () => {
    throw new Error('lost');
  });
  await expect(failed).rejects.toThrow('lost');
  expect(await tip.round(port, async () => true)).toBe(true);
});
