import { afterEach, describe, expect, test } from 'vitest';
import type { PublicStatus, WithdrawalView } from '../../roads/withdrawal/index.ts';
import {
  type Answer,
  type Heard,
  run,
  ScriptedApi,
  WITHDRAWAL_ID,
  withdrawalView,
} from './cli.fixture.ts';
import { stagesSince } from './follow.ts';

const apis: ScriptedApi[] = [];
afterEach(async () => {
  for (const api of apis.splice(0)) await api.close();
});

async function serve(answer: (request: Heard) => Answer): Promise<ScriptedApi> {
  const api = await ScriptedApi.listen(answer);
  apis.push(api);
  return api;
}

const ORDER = [
  ...['withdraw', '--account', 'alice', '--asset', 'USDC', '--amount', '12.50'],
  ...['--to', '0x00000000000000000000000000000000000a11ce'],
];
const problem = (status: number, body: object): Answer => ({ status, body });
const ok = (view: Partial<WithdrawalView> = {}): Answer => ({
  status: 202,
  body: withdrawalView(view),
});

describe('withdraw', () => {
  test('makes a key, tells it first, and sends the order with it', async () => {
    const api = await serve(() => ok());
    const { code, out } = await run(ORDER, { env: api.env });
    expect(code).toBe(0);
    const [heard] = api.heard;
    const key = heard!.headers['idempotency-key'];
    expect(out.split('\n')[0]).toBe(`idempotency key: ${key}`);
    expect(out).toContain(`withdrawal ${WITHDRAWAL_ID}\nRESERVED  12.5 USDC from alice`);
    expect(heard).toMatchObject({
      method: 'POST',
      path: '/v1/withdrawals',
      headers: { authorization: 'Bearer pk_test' },
      body: { account: 'alice', asset: 'USDC', amount: '12.50' },
    });
  });

  test('repeats with the key that is given and says that it is the one from before', async () => {
    const api = await serve(() => ({
      status: 202,
      body: withdrawalView(),
      headers: { 'idempotent-replayed': 'true' },
    }));
    const more = ['--idempotency-key', 'again', '--external-id', 'e', '--metadata', '{"n":1}'];
    const { out } = await run([...ORDER, ...more], { env: api.env });
    expect(out).toContain('(as before)');
    expect(api.heard[0]!.headers['idempotency-key']).toBe('again');
    expect(api.heard[0]!.body).toMatchObject({ externalId: 'e', metadata: { n: 1 } });
  });

  test('as JSON prints the withdrawal alone, the key beside it', async () => {
    const api = await serve(() => ok());
    const { out, err } = await run([...ORDER, '--json'], { env: api.env });
    expect(JSON.parse(out)).toEqual(withdrawalView());
    expect(err).toMatch(/^idempotency key: cli-/);
  });

  test('a lost answer is an unknown outcome, with how to learn it', async () => {
    const api = await serve(() => 'hang up');
    const { code, err } = await run([...ORDER, '--idempotency-key', 'k1'], { env: api.env });
    expect(code).toBe(3);
    expect(err).toMatch(/it may have been done: repeat .*--idempotency-key k1\n$/);
    const said = await serve(() => problem(503, { code: 'unavailable', outcome: 'unknown' }));
    expect((await run(ORDER, { env: said.env })).err).toMatch(/it may have been done/);
  });

  test.each<[string, Answer, number, RegExp]>([
    [
      'a refusal',
      problem(422, { code: 'insufficient_balance', detail: 'No money.' }),
      1,
      /^payonce: insufficient_balance: No money\.\n$/,
    ],
    ['a bad order', problem(400, { code: 'invalid_amount', detail: 'x' }), 2, /invalid_amount/],
    [
      'several faults',
      problem(400, {
        code: 'invalid_request',
        errors: [
          { pointer: '/to', got: '1', expected: 'an address' },
          { pointer: '/amount', got: '2', expected: 'more' },
        ],
      }),
      2,
      /\/to is 1, expected an address; \/amount is 2, expected more/,
    ],
    ['a bad key', problem(401, { code: 'unauthenticated', detail: 'x' }), 2, /unauthenticated/],
    ['too many requests', problem(429, { code: 'rate_limited', detail: 'x' }), 3, /rate_limited/],
    [
      'an API that is away',
      problem(503, { code: 'unavailable', outcome: 'none', detail: 'x' }),
      3,
      /^payonce: unavailable: x\n$/,
    ],
    ['something else on that port', { status: 200, body: '<html>' }, 3, /did not answer/],
    ['something else that fails', { status: 404, body: 'nope' }, 2, /HTTP 404/],
  ])('%s ends with its exit code and one line', async (_, answer, code, told) => {
    const api = await serve(() => answer);
    const ran = await run([...ORDER, '--json'], { env: api.env });
    expect(ran.code).toBe(code);
    expect(ran.err.split('\n').slice(1).join('\n')).toMatch(told);
  });

  test('an API that does not run is one line and exit code 3', async () => {
    const env = { PAYONCE_URL: 'http://127.0.0.1:1', PAYONCE_API_KEY: 'k' };
    const { code, err } = await run(['balance', 'alice'], { env });
    expect(code).toBe(3);
    expect(err).toMatch(/^payonce: the API at http:\/\/127\.0\.0\.1:1 did not answer .*\n$/);
  });
});

describe('following', () => {
  const road = (...seen: Partial<WithdrawalView>[]) => {
    let at = 0;
    return (request: Heard): Answer => {
      if (request.method === 'POST') return ok();
      const view = seen[Math.min(at, seen.length - 1)]!;
      at += 1;
      return { status: 200, body: withdrawalView(view) };
    };
  };

  test('withdraw --wait tells each stage as it is reached and ends well with the money sent', async () => {
    const api = await serve(
      road({}, { status: 'BROADCASTED', txHash: '0xab' }, { status: 'COMPLETED', txHash: '0xab' }),
    );
    const { code, out } = await run([...ORDER, '--wait'], { env: api.env });
    expect(code).toBe(0);
    const stages = [...out.matchAll(/ s {2}([A-Z]+)/g)].map((match) => match[1]);
    expect(stages).toEqual([
      ...['RESERVED', 'APPROVED', 'SIGNED', 'BROADCASTED', 'INCLUDED', 'SAFE', 'COMPLETED'],
    ]);
  });

  test('an end without payment is exit code 1 with its reason', async () => {
    const failure = { code: 'reverted', message: 'it reverted' };
    const api = await serve(road({ status: 'FAILED', failure }));
    const { code, err } = await run(['status', WITHDRAWAL_ID, '--watch'], { env: api.env });
    expect(code).toBe(1);
    expect(err).toMatch(/ended FAILED without payment: reverted, it reverted\n$/);
  });

  test('time that runs out is exit code 3 with how to go on', async () => {
    const api = await serve(
      road({ status: 'APPROVED', waiting: { reason: 'lane_gas', detail: 'no funds' } }),
    );
    const argv = ['status', WITHDRAWAL_ID, '--watch', '--timeout', '1', '--json'];
    const { code, out, err } = await run(argv, { env: api.env });
    expect(code).toBe(3);
    expect(JSON.parse(out).status).toBe('APPROVED');
    expect(err).toMatch(
      /still APPROVED, waiting: lane_gas \(no funds\): go on with payonce status/,
    );
  });

  test('an API that is away for a moment does not end the watch', async () => {
    let asked = 0;
    const api = await serve(() => {
      asked += 1;
      if (asked === 2) return problem(503, { code: 'unavailable' });
      if (asked === 3) return 'hang up';
      return { status: 200, body: withdrawalView({ status: asked < 4 ? 'SIGNED' : 'COMPLETED' }) };
    });
    const { code } = await run(['status', WITHDRAWAL_ID, '--watch'], { env: api.env });
    expect(code).toBe(0);
  });

  const at = (status: PublicStatus, level: 'none' | 'finalized' = 'none') =>
    withdrawalView({ status, confirmation: { level, blockNumber: null, blockHash: null } });
  test.each<[PublicStatus | null, WithdrawalView, PublicStatus[]]>([
    [null, at('REQUESTED'), ['REQUESTED']],
    ['RESERVED', at('RESERVED'), []],
    ['RESERVED', at('AWAITING_APPROVAL'), ['AWAITING_APPROVAL']],
    ['RESERVED', at('SIGNED'), ['APPROVED', 'SIGNED']],
    ['INCLUDED', at('COMPLETED'), ['SAFE', 'COMPLETED']],
    ['INCLUDED', at('COMPLETED', 'finalized'), ['SAFE', 'FINALIZED', 'COMPLETED']],
    ['SIGNED', at('FAILED'), ['FAILED']],
    ['COMPLETED', at('REVERSED'), ['REVERSED']],
  ])('after %s comes what was passed since', (last, view, stages) => {
    expect(stagesSince(last, view)).toEqual(stages);
  });
});

describe('status', () => {
  test.each([
    [WITHDRAWAL_ID, `/v1/withdrawals/${WITHDRAWAL_ID}`],
    [`0x${'AB'.repeat(32)}`, `/v1/withdrawals?txHash=0x${'ab'.repeat(32)}`],
    [`31337:0x${'0a'.repeat(20)}:7`, `/v1/withdrawals?nonceKey=31337%3A0x${'0a'.repeat(20)}%3A7`],
    ['order 17', '/v1/withdrawals?idempotencyKey=order%2017'],
  ])('finds %s', async (id, path) => {
    const api = await serve((request) => ({
      status: 200,
      body: request.path.includes('?') ? { withdrawals: [withdrawalView()] } : withdrawalView(),
    }));
    const { code, out } = await run(['status', id, '--json'], { env: api.env });
    expect(code).toBe(0);
    expect(JSON.parse(out).id).toBe(WITHDRAWAL_ID);
    expect(api.heard[0]!.path).toBe(path);
  });

  test('of nothing that is known is a fault of usage', async () => {
    const api = await serve(() => ({ status: 200, body: { withdrawals: [] } }));
    const { code, err } = await run(['status', 'nope'], { env: api.env });
    expect(code).toBe(2);
    expect(err).toBe('payonce: there is no withdrawal with the idempotencyKey nope\n');
  });
});

test('deposit credits an account', async () => {
  const body = { id: 'd1', account: 'alice', asset: 'USDC', amount: '5' };
  const api = await serve(() => ({ status: 201, body }));
  const argv = ['deposit', '--account', 'alice', '--asset', 'USDC', '--amount', '5'];
  const { code, out } = await run([...argv, '--reference', 'r1'], { env: api.env });
  expect(code).toBe(0);
  expect(out).toMatch(/^idempotency key: cli-.*\ndeposit d1: 5 USDC to alice\n$/);
  expect(api.heard[0]!.body).toEqual({
    account: 'alice',
    asset: 'USDC',
    amount: '5',
    reference: 'r1',
  });
});

test('balance prints a table, now or as of a time', async () => {
  const balances = [{ asset: 'USDC', posted: '10', reserved: '2.5', available: '7.5' }];
  const api = await serve(() => ({ status: 200, body: { account: 'a', balances } }));
  const { out } = await run(['balance', 'a', '--at', '2026-01-01T00:00:00Z'], { env: api.env });
  expect(out).toBe('asset  posted  reserved  available\nUSDC   10      2.5       7.5\n');
  expect(api.heard[0]!.path).toBe('/v1/accounts/a/balances?at=2026-01-01T00%3A00%3A00Z');
});

test('cancel says what became of it', async () => {
  const api = await serve((request) =>
    request.method === 'POST' && request.path.endsWith('/cancel')
      ? { status: 200, body: withdrawalView({ status: 'CANCELLED' }) }
      : problem(404, {}),
  );
  const { code, out } = await run(['cancel', WITHDRAWAL_ID], { env: api.env });
  expect(code).toBe(0);
  expect(out).toMatch(/CANCELLED/);
  const late = await serve(() => problem(409, { code: 'not_cancellable', detail: 'Signed.' }));
  expect((await run(['cancel', WITHDRAWAL_ID], { env: late.env })).code).toBe(1);
});

test('speed-up sends a key, what is to be bid, and says where the withdrawal is', async () => {
  const api = await serve(() => ({ status: 202, body: withdrawalView({ status: 'BROADCASTED' }) }));
  const argv = ['speed-up', WITHDRAWAL_ID, '--max-fee', '41.5', '--idempotency-key', 'k'];
  const { code, out } = await run(argv, { env: api.env });
  expect(code).toBe(0);
  expect(out).toMatch(/^idempotency key: k\nwithdrawal .*\nBROADCASTED/);
  expect(api.heard[0]).toMatchObject({
    path: `/v1/withdrawals/${WITHDRAWAL_ID}/speed-up`,
    body: { maxFeePerGasGwei: '41.5' },
  });
  const late = await serve(() => problem(409, { code: 'not_replaceable', detail: 'Block 7.' }));
  const refused = await run(['speed-up', WITHDRAWAL_ID], { env: late.env });
  expect([refused.code, refused.err]).toEqual([1, 'payonce: not_replaceable: Block 7.\n']);
});
