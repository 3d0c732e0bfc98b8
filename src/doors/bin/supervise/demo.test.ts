import { expect, test } from 'vitest';
import { type Clock, Transient } from '../../../base/kernel/index.ts';
import { ApiProblem, type Reader } from '../../cli/index.ts';
import { runDemo } from './demo.ts';

const ID = '01a1f8b3-329d-75f5-8bd6-5f4c6a7267b2';
const view = (part: object) => ({
  id: ID,
  status: 'RESERVED',
  confirmation: { level: 'none', blockNumber: null, blockHash: null },
  waiting: null,
  nonceKey: null,
  txHash: null,
  failure: null,
  ...part,
});

/** Each look at the clock is 100 ms later than the last. */
function clock(): Clock {
  let now = 0;
  const tick = () => {
    now += 100;
    return now;
  };
  return { now: tick, monotonic: tick, sleep: async () => {} };
}

type Asked = { method: string; path: string; idempotencyKey?: string };

/** Answers reads with one state after the other. */
function api(post: (request: Asked) => void, states: readonly object[]) {
  const asked: Asked[] = [];
  let at = 0;
  const client = {
    url: 'http://api',
    request: async (request: Asked) => {
      asked.push(request);
      if (request.method === 'POST') {
        post(request);
        return { status: 202, body: view({}), replayed: false };
      }
      const body = view(states[Math.min(at, states.length - 1)]!);
      at += 1;
      return { status: 200, body, replayed: false };
    },
  } as unknown as Reader;
  return { client, asked };
}

async function show(client: Reader, signal = new AbortController().signal): Promise<string[]> {
  const told: string[] = [];
  await runDemo({ client, clock: clock(), signal, say: (line) => told.push(line) });
  return told;
}

test('the demonstration deposits once for ever and withdraws anew, each stage told with its time', async () => {
  const states = [
    {},
    { status: 'SIGNED', nonceKey: '31337:0xaa:0' },
    { status: 'INCLUDED', txHash: '0xab', confirmation: { level: 'included', blockNumber: '7' } },
    { status: 'COMPLETED', txHash: '0xab', confirmation: { level: 'safe', blockNumber: '7' } },
  ];
  const { client, asked } = api(() => {}, states);
  const told = await show(client);
  expect(told.map((line) => line.replace(/^ +[\d.]+ s {2}/, ''))).toEqual([
    expect.stringContaining('12.50 USDC from alice'),
    `RESERVED  ${ID}`,
    'APPROVED',
    'SIGNED  nonce 31337:0xaa:0',
    'BROADCASTED  0xab',
    'INCLUDED  block 7',
    'SAFE',
    'COMPLETED  committed in the ledger',
  ]);
  const again = api(() => {}, states);
  await show(again.client);
  const keys = [asked, again.asked].map((all) => all.map(({ idempotencyKey }) => idempotencyKey));
  expect(keys[0]![0]).toBe(keys[1]![0]);
  expect(keys[0]![1]).not.toBe(keys[1]![1]);
});

test('a demonstration that does not go through is a line and nothing worse', async () => {
  const failing = (error: Error) =>
    api(
      ({ path }) => {
        if (path === '/v1/withdrawals') throw error;
      },
      [{}],
    ).client;
  const spent = new ApiProblem(422, { code: 'insufficient_balance', detail: 'x' });
  expect(await show(failing(spent))).toContainEqual(expect.stringMatching(/alice has spent/));
  expect(await show(failing(new Transient('away')))).toContainEqual(
    '! the demonstration did not go through: away',
  );
});

test('a withdrawal that stands still is told with why, and left to go on', async () => {
  const { client } = api(() => {}, [{ status: 'APPROVED', waiting: { reason: 'lane_balance' } }]);
  expect((await show(client)).at(-1)).toMatch(/still APPROVED \(waiting: lane_balance\)/);
});

test('an end in the middle of it is silent', async () => {
  const { client } = api(() => {}, [{ status: 'APPROVED' }]);
  const told = await show(client, AbortSignal.abort());
  expect(told.join('\n')).not.toMatch(/!/);
});
