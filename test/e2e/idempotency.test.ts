import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient, tokenPayments } from '../support/laws.ts';

type View = Record<string, unknown>;
type BatchItem = { status: number; replayed: boolean; withdrawal?: View; problem?: View };

/** Fields of a withdrawal that no step may change. */
const IMMUTABLE = [
  'id',
  'account',
  'asset',
  'amount',
  'amountAtomic',
  'fee',
  'feeAtomic',
  'to',
  'externalId',
  'idempotencyKey',
  'metadata',
  'riskTier',
  'correlationId',
  'expiresAt',
  'createdAt',
];

describe('the idempotency key', () => {
  let on: Installation;
  beforeAll(async () => {
    on = await Installation.start({ lanes: 2 });
    await on.deposit('alice', 'USDC', '10000');
    await on.deposit('poor', 'USDC', '1');
  });
  afterAll(() => on?.stop());

  const body = (n: number, more: View = {}) => ({
    account: 'alice',
    asset: 'USDC',
    amount: '12.5',
    to: recipient(n),
    ...more,
  });
  const batch = async (withdrawals: View[]): Promise<BatchItem[]> => {
    const answer = await on.call('POST', '/v1/withdrawals/batch', { withdrawals });
    expect(answer.status).toBe(202);
    return answer.body['results'] as BatchItem[];
  };
  const isReplay = (answer: Answer) => answer.headers.get('idempotent-replayed') === 'true';
  const counts = async () =>
    (
      await on.rows(`SELECT (SELECT count(*) FROM withdrawal) AS withdrawals,
        (SELECT count(*) FROM reserve) AS reserves, (SELECT count(*) FROM idempotency_key) AS keys`)
    )[0];

  it('makes 100 equal requests at once one withdrawal, one reserve and one transfer on the chain', async () => {
    const to = recipient(100);
    const answers = await Promise.all(
      Array.from({ length: 100 }, () =>
        on.withdraw(body(100, { metadata: { order: 7 }, externalId: 'hundred' }), 'hundred'),
      ),
    );
    expect(answers.map((answer) => answer.status)).toEqual(Array(100).fill(202));
    expect(new Set(answers.map((answer) => answer.body['id'])).size).toBe(1);
    expect(answers.filter((answer) => !isReplay(answer))).toHaveLength(1);
    const told = answers.map((answer) =>
      JSON.stringify(IMMUTABLE.map((name) => [name, answer.body[name]])),
    );
    expect(new Set(told).size).toBe(1);
    const id = answers[0]!.body['id'] as string;
    const done = await on.waitFor(id);
    expect(done['status']).toBe('COMPLETED');
    expect(JSON.stringify(IMMUTABLE.map((name) => [name, done[name]]))).toBe(told[0]);
    expect(await on.rows('SELECT 1 FROM reserve WHERE withdrawal_id = $1', [id])).toHaveLength(1);
    expect((await tokenPayments(on)).get(to)).toEqual([12_500_000n]);
    const again = await on.withdraw(
      body(100, { metadata: { order: 7 }, externalId: 'hundred' }),
      'hundred',
    );
    expect(isReplay(again)).toBe(true);
    expect(again.body['status']).toBe('COMPLETED');
  });

  it('refuses other content, one changed field at a time, and changes nothing', async () => {
    const first = await on.withdraw(body(101, { externalId: 'ext-101' }), 'other-content');
    const before = await counts();
    const changes: View[] = [
      { amount: '12.500001' },
      { to: recipient(102) },
      { account: 'poor' },
      { asset: 'ETH' },
      { externalId: 'ext-101b' },
      { externalId: null },
      { metadata: {} },
    ];
    for (const change of changes) {
      const answer = await on.withdraw(
        body(101, { externalId: 'ext-101', ...change }),
        'other-content',
      );
      expect([change, answer.status, answer.body['code']]).toEqual([
        change,
        422,
        'idempotency_key_conflict',
      ]);
      expect(answer.body['outcome']).toBe('none');
      expect(isReplay(answer)).toBe(false);
    }
    expect(await counts()).toEqual(before);
    const replay = await on.withdraw(body(101, { externalId: 'ext-101' }), 'other-content');
    expect(replay.body['id']).toBe(first.body['id']);
  });

  it('does not take the same request in another notation for another content', async () => {
    const asset = on.settings.assets[0]!;
    const to = '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359';
    const first = await on.withdraw(
      body(0, { to, metadata: { a: { x: 1, y: [true, null] }, b: 1.0 } }),
      'notation',
    );
    expect(first.status).toBe(202);
    const notations = [
      `{"account":"alice","asset":"USDC","amount":"12.50","to":"${to.toLowerCase()}","metadata":{"b":1,"a":{"y":[true,null],"x":1.0}}}`,
      `{"metadata":{"b":1e0,"a":{"y":[true,null],"x":1}},"to":"0x${to.slice(2).toUpperCase()}","amount":"12.500000","asset":"${asset.caip19}","account":"alice"}`,
      `{"account":"alice","asset":"USDC","amount":"12.5","to":"${to}","externalId":null,"metadata":{"\\u0062":1,"a":{"x":1,"y":[true,null]}}}`,
    ];
    for (const notation of notations) {
      const answer = await on.call('POST', '/v1/withdrawals', notation, {
        'idempotency-key': 'notation',
      });
      expect([answer.status, answer.body['id'], isReplay(answer)]).toEqual([
        202,
        first.body['id'],
        true,
      ]);
    }
  });

  it('is one for a single request and a batch item', async () => {
    const single = await on.withdraw(body(110), 'shared-1');
    const [fromBatch, fresh] = await batch([
      { idempotencyKey: 'shared-1', ...body(110) },
      { idempotencyKey: 'shared-2', ...body(111) },
    ]);
    expect(fromBatch).toMatchObject({ status: 202, replayed: true });
    expect(fromBatch!.withdrawal!['id']).toBe(single.body['id']);
    expect(fresh).toMatchObject({ status: 202, replayed: false });
    const later = await on.withdraw(body(111), 'shared-2');
    expect(isReplay(later)).toBe(true);
    expect(later.body['id']).toBe(fresh!.withdrawal!['id']);
  });

  it('twice in a batch gives the one withdrawal when equal, and a conflict when different', async () => {
    const [a, b, c, d] = await batch([
      { idempotencyKey: 'twice', ...body(120) },
      { idempotencyKey: 'twice', ...body(120) },
      { idempotencyKey: 'twice', ...body(121) },
      { idempotencyKey: 'once', ...body(122) },
    ]);
    expect([a!.status, b!.status, c!.status, d!.status]).toEqual([202, 202, 422, 202]);
    expect(b!.withdrawal!['id']).toBe(a!.withdrawal!['id']);
    expect([a!.replayed, b!.replayed]).toEqual([false, true]);
    expect(c!.problem!['code']).toBe('idempotency_key_conflict');
  });

  it.each([
    [
      'insufficient_balance',
      { account: 'poor', amount: '50' },
      { available: '1', required: '50.5' },
    ],
    ['amount_above_limit', { amount: '100000.000001' }, {}],
  ])('keeps %s as the answer, also after a later deposit', async (code, change, members) => {
    const first = await on.withdraw(body(130, change), `stored-${code}`);
    expect([first.status, first.body['code'], isReplay(first)]).toEqual([422, code, false]);
    expect(first.body).toMatchObject(members);
    await on.deposit('poor', 'USDC', '1000000');
    const again = await on.withdraw(body(130, change), `stored-${code}`);
    expect(again.status).toBe(422);
    expect(isReplay(again)).toBe(true);
    const { correlationId: _first, ...answered } = first.body;
    const { correlationId: _again, ...replayed } = again.body;
    expect(replayed).toEqual(answered);
    const other = await on.withdraw(body(131, change), `stored-${code}`);
    expect(other.body['code']).toBe('idempotency_key_conflict');
    const [inBatch] = await batch([{ idempotencyKey: `stored-${code}`, ...body(130, change) }]);
    expect(inBatch).toMatchObject({ status: 422, replayed: true, problem: { code } });
    const found = await on.call('GET', `/v1/withdrawals?idempotencyKey=stored-${code}`);
    expect(found.body['withdrawals']).toMatchObject([{ status: 'REJECTED', failure: { code } }]);
  });

  it('stays free after a refusal that is not stored', async () => {
    const before = await counts();
    const nobody = await on.withdraw(body(140, { account: 'nobody' }), 'free-1');
    expect([nobody.status, nobody.body['code']]).toEqual([404, 'account_not_found']);
    await on.withdraw(body(141, { externalId: 'taken' }), 'free-owner');
    const taken = await on.withdraw(body(142, { externalId: 'taken' }), 'free-2');
    expect([taken.status, taken.body['code']]).toEqual([409, 'external_id_conflict']);
    const malformed = await on.withdraw(body(143, { amount: 'x' }), 'free-3');
    expect(malformed.status).toBe(400);
    const rows = (await counts())!;
    expect(rows['keys']).toBe(before!['keys'] + 1n);
    for (const [n, key] of ['free-1', 'free-2', 'free-3'].entries()) {
      const answer = await on.withdraw(body(144 + n), key);
      expect([key, answer.status, isReplay(answer)]).toEqual([key, 202, false]);
    }
  });

  it('lets one external id win of many at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        on.withdraw(body(150 + n, { externalId: 'race' }), `race-${n}`),
      ),
    );
    expect(answers.filter((answer) => answer.status === 202)).toHaveLength(1);
    const losers = answers.filter((answer) => answer.status !== 202);
    expect(new Set(losers.map((answer) => answer.body['code']))).toEqual(
      new Set(['external_id_conflict']),
    );
  });

  it('of one tenant does not meet that of another', async () => {
    const other = await on.addTenant('other');
    const auth = { authorization: `Bearer ${other.key}` };
    const reference = { account: 'alice', asset: 'USDC', amount: '100', reference: 'r-1' };
    const credited = await on.call('POST', '/v1/deposits', reference, {
      ...auth,
      'idempotency-key': 'same-key',
    });
    expect(credited.status).toBe(201);
    const mine = await on.withdraw(body(180, { externalId: 'same' }), 'same-key');
    const theirs = await on.call('POST', '/v1/withdrawals', body(181, { externalId: 'same' }), {
      ...auth,
      'idempotency-key': 'same-key',
    });
    expect([mine.status, theirs.status]).toEqual([202, 202]);
    expect([isReplay(mine), isReplay(theirs)]).toEqual([false, false]);
    expect(theirs.body['id']).not.toBe(mine.body['id']);
    const cancelled = await on.call(
      'POST',
      `/v1/withdrawals/${theirs.body['id']}/cancel`,
      undefined,
      auth,
    );
    expect(cancelled.body['status']).toBe('CANCELLED');
  });

  it('replays the correlation id of the first request', async () => {
    const first = await on.call('POST', '/v1/withdrawals', body(190), {
      'idempotency-key': 'corr',
      'correlation-id': 'first-call',
    });
    const again = await on.call('POST', '/v1/withdrawals', body(190), {
      'idempotency-key': 'corr',
      'correlation-id': 'second-call',
    });
    expect(first.body['correlationId']).toBe('first-call');
    expect(again.body['correlationId']).toBe('first-call');
    expect(again.headers.get('correlation-id')).toBe('second-call');
    const stored = await on.rows<{ correlation_id: string }>(
      'SELECT DISTINCT correlation_id FROM event WHERE subject_id = $1',
      [first.body['id']],
    );
    expect(stored).toEqual([{ correlation_id: 'first-call' }]);
  });

  it('holds for deposits too, by key and by reference', async () => {
    const order = { account: 'dora', asset: 'USDC', amount: '5', reference: 'dep-1' };
    const send = (change: View, key: string) =>
      on.call('POST', '/v1/deposits', { ...order, ...change }, { 'idempotency-key': key });
    const answers = await Promise.all(Array.from({ length: 20 }, () => send({}, 'dep')));
    expect(answers.map((answer) => answer.status)).toEqual(Array(20).fill(201));
    expect(new Set(answers.map((answer) => answer.body['id'])).size).toBe(1);
    expect(answers.filter((answer) => !isReplay(answer))).toHaveLength(1);
    expect((await send({ amount: '6' }, 'dep')).body['code']).toBe('idempotency_key_conflict');
    expect((await send({ amount: '6' }, 'dep-b')).body['code']).toBe('external_id_conflict');
    const { body: books } = await on.call('GET', '/v1/accounts/dora/balances');
    expect(books['balances']).toMatchObject([{ asset: 'USDC', available: '5', posted: '5' }]);
  });

  it('leaves books that agree with the chain', async () => {
    await quiet(on);
    await expectLaws(on);
    for (const amounts of (await tokenPayments(on)).values()) expect(amounts).toHaveLength(1);
  });
});
