import { expect, test } from 'vitest';
import { startTestAnvil, type TestAnvil } from '../../../test/support/anvil.ts';
import type { Clock } from '../../base/kernel/index.ts';
import { BlockMaker } from './block-maker.ts';
import { developmentAddress, PUBLIC_DEVELOPMENT_KEYS } from './chain.ts';

/** A clock that stands still until `pass`, which resolves when the next second is waited for. */
function handClock() {
  let now = 0;
  let wake: () => void = () => {};
  let waiting: () => void = () => {};
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    sleep: (_, signal) =>
      new Promise((done) => {
        wake = () => {
          signal?.removeEventListener('abort', wake);
          done();
        };
        signal?.addEventListener('abort', wake);
        waiting();
      }),
  };
  const rest = () => new Promise<void>((done) => (waiting = done));
  const pass = async (seconds: number) => {
    for (let n = 0; n < seconds; n += 1) {
      now += 1_000;
      const rested = rest();
      wake();
      await rested;
    }
  };
  return { clock, rest, pass };
}

const height = async (node: TestAnvil) => Number(await node.rpc<string>('eth_blockNumber'));

const [from, to] = PUBLIC_DEVELOPMENT_KEYS.map(developmentAddress);

test('a chain has a block a second at first and while something waits, until that is final, else two a minute', async () => {
  const node = await startTestAnvil({ noMining: true });
  const { clock, rest, pass } = handClock();
  const rested = rest();
  const maker = new BlockMaker({ url: node.url, clock, finalAfter: 8 }).start();
  await rested;
  await pass(60);
  // The first thirty, and one when half a minute is over.
  expect(await height(node)).toBe(31);
  await node.rpc('eth_sendTransaction', { from, to, value: '0x1' });
  await pass(1);
  const mined = await node.rpc<{ transactions: string[] }>('eth_getBlockByNumber', 'latest', false);
  expect(mined.transactions).toHaveLength(1);
  await pass(60);
  expect(await height(node)).toBe(32 + 11 + 1);
  maker.stop();
});

test('a node that is away is asked again, and has its blocks at once when it is back', async () => {
  const node = await startTestAnvil({ noMining: true });
  const { clock, rest, pass } = handClock();
  const rested = rest();
  const maker = new BlockMaker({ url: node.url, clock, finalAfter: 8 }).start();
  await rested;
  await pass(29);
  await node.stop();
  await pass(2);
  const again = await startTestAnvil({ noMining: true, port: node.port });
  await pass(30);
  expect(await height(again)).toBe(30);
  maker.stop();
});
