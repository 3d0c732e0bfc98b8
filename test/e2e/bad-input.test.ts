import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPool } from '../../src/base/db/index.ts';
import { checksummed } from '../../src/base/kernel/index.ts';
import { revokeKey } from '../../src/books/access/index.ts';
import { PUBLIC_DEVELOPMENT_KEYS } from '../../src/doors/dev/index.ts';
import { type Answer, Installation, type TestKey } from '../support/installation.ts';
import { recipient } from '../support/laws.ts';
import { until } from '../support/until.ts';

type Json = Record<string, unknown>;
type Case = [name: string, change: Json | string, status: number, code: string, pointer?: string];

const OWN_WALLET = privateKeyToAccount(PUBLIC_DEVELOPMENT_KEYS[1]).address;
const UINT256 = 2n ** 256n;
const nested = (depth: number, open: string, close: string) =>
  `${open.repeat(depth)}1${close.repeat(depth)}`;

/** What is wrong with one request: a change of the good body, or the whole body as text. */
const BODIES: Case[] = [
  ['an amount as number', { amount: 12.5 }, 400, 'invalid_amount', '/amount'],
  ['an amount of zero', { amount: '0' }, 400, 'invalid_amount', '/amount'],
  ['an amount of zero with decimals', { amount: '0.000000' }, 400, 'invalid_amount', '/amount'],
  ['a negative amount', { amount: '-1' }, 400, 'invalid_amount', '/amount'],
  ['a signed amount', { amount: '+1' }, 400, 'invalid_amount', '/amount'],
  ['an exponent', { amount: '1e3' }, 400, 'invalid_amount', '/amount'],
  ['too many decimals', { amount: '1.0000001' }, 400, 'invalid_amount', '/amount'],
  ['a leading dot', { amount: '.5' }, 400, 'invalid_amount', '/amount'],
  ['a trailing dot', { amount: '5.' }, 400, 'invalid_amount', '/amount'],
  ['a leading zero', { amount: '05' }, 400, 'invalid_amount', '/amount'],
  ['a comma', { amount: '1,5' }, 400, 'invalid_amount', '/amount'],
  ['a space', { amount: ' 5' }, 400, 'invalid_amount', '/amount'],
  ['a line feed after the amount', { amount: '5\n' }, 400, 'invalid_amount', '/amount'],
  ['digits that are not ASCII', { amount: '５' }, 400, 'invalid_amount', '/amount'],
  ['hex', { amount: '0x10' }, 400, 'invalid_amount', '/amount'],
  ['Infinity', { amount: 'Infinity' }, 400, 'invalid_amount', '/amount'],
  ['an empty amount', { amount: '' }, 400, 'invalid_amount', '/amount'],
  ['beyond uint256', { amount: `${UINT256 / 10n ** 6n + 1n}` }, 400, 'invalid_amount', '/amount'],
  ['100,000 digits', { amount: '9'.repeat(100_000) }, 400, 'invalid_amount', '/amount'],
  ['no amount', { amount: undefined }, 400, 'invalid_request', '/amount'],
  ['below the minimum', { amount: '0.999999' }, 422, 'amount_below_minimum'],

  ['an address that is short', { to: `0x${'a'.repeat(39)}` }, 400, 'invalid_address', '/to'],
  ['an address that is long', { to: `0x${'a'.repeat(41)}` }, 400, 'invalid_address', '/to'],
  ['an address without 0x', { to: 'a'.repeat(40) }, 400, 'invalid_address', '/to'],
  ['an address with 0X', { to: `0X${'a'.repeat(40)}` }, 400, 'invalid_address', '/to'],
  ['an address with a g', { to: `0x${'g'.repeat(40)}` }, 400, 'invalid_address', '/to'],
  [
    'a wrong checksum',
    { to: '0xfb6916095ca1df60bB79Ce92cE3Ea74c37c5d359' },
    400,
    'invalid_address',
    '/to',
  ],
  ['a name for an address', { to: 'vitalik.eth' }, 400, 'invalid_address', '/to'],
  ['an address as number', { to: 1 }, 400, 'invalid_address', '/to'],
  ['no address', { to: null }, 400, 'invalid_request', '/to'],
  ['the zero address', { to: `0x${'0'.repeat(40)}` }, 422, 'destination_refused'],
  ["the token's own address", { to: 'TOKEN' }, 422, 'destination_refused'],
  ['our own wallet', { to: OWN_WALLET }, 422, 'destination_refused'],
  ['our own wallet in lower case', { to: OWN_WALLET.toLowerCase() }, 422, 'destination_refused'],

  ['an unknown asset', { asset: 'DOGE' }, 422, 'unknown_asset', '/asset'],
  ['an asset in another case', { asset: 'usdc' }, 422, 'unknown_asset', '/asset'],
  ['an asset of another chain', { asset: 'eip155:1/slip44:60' }, 422, 'unknown_asset', '/asset'],
  ['an asset named like a method', { asset: 'constructor' }, 422, 'unknown_asset', '/asset'],
  ['no asset', { asset: undefined }, 400, 'invalid_request', '/asset'],
  ['an unknown account', { account: 'nobody' }, 404, 'account_not_found'],
  ['an account with a space', { account: 'a b' }, 400, 'invalid_request', '/account'],
  ['an account with NUL', { account: 'a\u0000' }, 400, 'invalid_request', '/account'],
  ['an account of 129', { account: 'a'.repeat(129) }, 400, 'invalid_request', '/account'],
  ['an account as list', { account: ['alice'] }, 400, 'invalid_request', '/account'],
  ['an unknown field', { memo: 'x' }, 400, 'unknown_field', '/memo'],
  ['a field with a slash', { 'a/b~c': 'x' }, 400, 'unknown_field', '/a~1b~0c'],
  ['the key in the body', { idempotencyKey: 'k' }, 400, 'unknown_field', '/idempotencyKey'],
  ['a misspelt field', { externalID: 'x' }, 400, 'unknown_field', '/externalID'],

  ['an empty externalId', { externalId: '' }, 400, 'invalid_request', '/externalId'],
  ['an externalId of 256', { externalId: 'x'.repeat(256) }, 400, 'invalid_request', '/externalId'],
  ['an externalId with NUL', { externalId: 'a\u0000b' }, 400, 'invalid_request', '/externalId'],
  ['a lone surrogate', { externalId: 'a\ud800' }, 400, 'invalid_request', '/externalId'],
  ['an externalId as number', { externalId: 7 }, 400, 'invalid_request', '/externalId'],

  ['expiresAt too soon', { expiresAt: 'SOON' }, 400, 'invalid_request', '/expiresAt'],
  [
    'expiresAt that passed',
    { expiresAt: '2020-01-01T00:00:00Z' },
    400,
    'invalid_request',
    '/expiresAt',
  ],
  ['30 February', { expiresAt: '2099-02-30T00:00:00Z' }, 400, 'invalid_request', '/expiresAt'],
  [
    '29 February of no leap year',
    { expiresAt: '2099-02-29T00:00:00Z' },
    400,
    'invalid_request',
    '/expiresAt',
  ],
  ['31 April', { expiresAt: '2099-04-31T00:00:00Z' }, 400, 'invalid_request', '/expiresAt'],
  ['month 13', { expiresAt: '2099-13-01T00:00:00Z' }, 400, 'invalid_request', '/expiresAt'],
  ['hour 25', { expiresAt: '2099-01-01T25:00:00Z' }, 400, 'invalid_request', '/expiresAt'],
  [
    'a time without zone',
    { expiresAt: '2099-01-01T00:00:00' },
    400,
    'invalid_request',
    '/expiresAt',
  ],
  [
    'a zone that is none',
    { expiresAt: '2099-01-01T00:00:00+99:99' },
    400,
    'invalid_request',
    '/expiresAt',
  ],
  ['a day only', { expiresAt: '2099-01-01' }, 400, 'invalid_request', '/expiresAt'],
  ['a time as number', { expiresAt: 4_070_908_800 }, 400, 'invalid_request', '/expiresAt'],

  ['metadata as list', { metadata: [] }, 400, 'invalid_request', '/metadata'],
  ['metadata as text', { metadata: 'x' }, 400, 'invalid_request', '/metadata'],
  [
    'metadata above 4 KiB',
    { metadata: { x: 'y'.repeat(4_096) } },
    400,
    'invalid_request',
    '/metadata',
  ],
  ['NUL in metadata', { metadata: { x: 'a\u0000' } }, 400, 'invalid_request', '/metadata'],
  [
    'NUL in a name of metadata',
    { metadata: { 'a\u0000': 1 } },
    400,
    'invalid_request',
    '/metadata',
  ],
  [
    'a lone surrogate in metadata',
    { metadata: { x: '\udc00' } },
    400,
    'invalid_request',
    '/metadata',
  ],
  [
    'a lone surrogate in a name of metadata',
    { metadata: { '\ud83d': 1 } },
    400,
    'invalid_request',
    '/metadata',
  ],
  ['deep metadata', `METADATA:${nested(5_000, '{"a":', '}')}`, 400, 'invalid_request', '/metadata'],
  [
    'very deep metadata',
    `METADATA:${nested(100_000, '[', ']')}`,
    400,
    'invalid_request',
    '/metadata',
  ],
  [
    'deep metadata in 4 KiB',
    `METADATA:{"a":${nested(2_000, '[', ']')}}`,
    400,
    'invalid_request',
    '/metadata',
  ],
  ['a number that JSON can not keep', 'METADATA:{"a":1e999}', 400, 'invalid_request', '/metadata'],
  [
    'an integer beyond 2^53',
    'METADATA:{"a":9007199254740993}',
    400,
    'invalid_request',
    '/metadata',
  ],
  [
    'deep nesting of the account',
    `ACCOUNT:${nested(20_000, '[', ']')}`,
    400,
    'invalid_request',
    '/account',
  ],
  ['deep nesting of everything', nested(100_000, '[', ']'), 400, 'invalid_request', ''],
  [
    'a number in metadata that jsonb would write out',
    'METADATA:{"a":1e300}',
    400,
    'invalid_request',
    '/metadata',
  ],
  ['__proto__ in metadata', 'METADATA:{"__proto__":{"x":1}}', 400, 'invalid_json'],
  [
    'constructor.prototype in metadata',
    'METADATA:{"constructor":{"prototype":{}}}',
    400,
    'invalid_json',
  ],
  ['__proto__ at the top', '{"__proto__":{"account":"alice"}}', 400, 'invalid_json'],

  ['no JSON', 'hello', 400, 'invalid_json'],
  ['half of a JSON', '{"account":"alice"', 400, 'invalid_json'],
  ['two JSONs', '{}{}', 400, 'invalid_json'],
  ['NaN', '{"amount":NaN}', 400, 'invalid_json'],
  ['an empty body', '', 400, 'invalid_json'],
  ['a list', '[]', 400, 'invalid_request', ''],
  ['null', 'null', 400, 'invalid_request', ''],
  ['a text', '"alice"', 400, 'invalid_request', ''],
  ['a number', '1', 400, 'invalid_request', ''],
];

describe('bad input', () => {
  let on: Installation;
  let other: TestKey;
  let held: string;
  const good = () => ({ account: 'alice', asset: 'USDC', amount: '5', to: recipient(1) });

  beforeAll(async () => {
    // Without worker and signer nothing moves by itself, so that equal counts say that nothing changed.
    on = await Installation.make();
    await on.startApi();
    await on.deposit('alice', 'USDC', '1000000');
    other = await on.addTenant('other');
    held = (await on.withdraw(good(), 'held')).body['id'] as string;
  });
  afterAll(() => on?.stop());

  const state = async () => ({
    ...(
      await on.rows(`SELECT (SELECT count(*) FROM withdrawal) AS withdrawals,
        (SELECT count(*) FROM transfer) AS transfers, (SELECT count(*) FROM job) AS jobs,
        (SELECT count(*) FROM idempotency_key) AS keys, (SELECT count(*) FROM external_id) AS names,
        (SELECT count(*) FROM deposit_reference) AS refs, (SELECT count(*) FROM event) AS events`)
    )[0],
    balances: await on.rows('SELECT account_no, balance FROM ledger_account ORDER BY 1'),
  });

  /** Sends it, holds the answer against the contract, and the database against what it was. */
  async function refused(
    send: () => Promise<Answer>,
    status: number,
    code: string,
    pointer?: string,
  ): Promise<Answer> {
    const before = await state();
    const answer = await send();
    expect([answer.status, answer.body['code']], JSON.stringify(answer.body).slice(0, 500)).toEqual(
      [status, code],
    );
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json(;|$)/);
    expect(answer.body).toMatchObject({
      type: `/docs/errors#${code}`,
      status,
      outcome: 'none',
      correlationId: answer.headers.get('correlation-id'),
    });
    for (const member of ['title', 'detail']) expect(answer.body[member]).not.toBe('');
    if (pointer !== undefined) {
      expect(answer.body['errors']).toContainEqual(expect.objectContaining({ pointer, code }));
    }
    expect(JSON.stringify(answer.body).length).toBeLessThan(5_000);
    expect(await state()).toEqual(before);
    return answer;
  }

  const textOf = (change: Json | string): string => {
    if (typeof change !== 'string') {
      const to = change['to'] === 'TOKEN' ? { to: checksummed(on.token) } : {};
      const soon = new Date(Date.now() + 55_000).toISOString();
      const expiresAt = change['expiresAt'] === 'SOON' ? { expiresAt: soon } : {};
      return JSON.stringify({ ...good(), ...change, ...to, ...expiresAt });
    }
    if (change.startsWith('ACCOUNT:')) {
      return `{"account":${change.slice('ACCOUNT:'.length)},"asset":"USDC"}`;
    }
    if (!change.startsWith('METADATA:')) return change;
    const metadata = change.slice('METADATA:'.length);
    return `${JSON.stringify(good()).slice(0, -1)},"metadata":${metadata}}`;
  };
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    on.call('POST', path, body, { 'idempotency-key': 'bad', ...headers });

  describe('in the body', () => {
    it.each(BODIES)('%s', async (_name, change, status, code, pointer) => {
      await refused(() => post('/v1/withdrawals', textOf(change)), status, code, pointer);
    });

    it('is told all at once', async () => {
      const body = { account: '', asset: 'X', amount: 1, to: '0x', memo: 1, expiresAt: 'now' };
      const answer = await refused(() => post('/v1/withdrawals', body), 400, 'invalid_request');
      const errors = answer.body['errors'] as { pointer: string; code: string }[];
      expect(errors.map((error) => error.pointer).sort()).toEqual([
        '/account',
        '/amount',
        '/asset',
        '/expiresAt',
        '/memo',
        '/to',
      ]);
    });

    it('that is not UTF-8', async () => {
      const bytes = Buffer.concat([
        Buffer.from('{"account":"'),
        Buffer.from([0xc3, 0x28]),
        Buffer.from('"}'),
      ]);
      const send = async () => {
        const response = await fetch(`${on.url}/v1/withdrawals`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${on.apiKey}`,
            'content-type': 'application/json',
            'idempotency-key': 'bad',
          },
          body: bytes,
        });
        return {
          status: response.status,
          headers: response.headers,
          body: (await response.json()) as Json,
        };
      };
      await refused(send, 400, 'invalid_json');
    });

    it('over the limit', async () => {
      const body = { ...good(), metadata: { x: 'y'.repeat(1024 * 1024) } };
      await refused(() => post('/v1/withdrawals', body), 413, 'body_too_large');
    });

    it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml'])(
      'of content type %s',
      async (type) => {
        await refused(
          () => post('/v1/withdrawals', good(), { 'content-type': type }),
          415,
          'unsupported_media_type',
        );
      },
    );

    it('never reaches the prototype of objects', () => {
      expect(({} as Json)['x']).toBeUndefined();
      expect(({} as Json)['account']).toBeUndefined();
    });
  });

  describe('in the idempotency key', () => {
    it.each([
      ['missing', undefined, 'idempotency_key_required'],
      ['empty', '', 'idempotency_key_required'],
      ['over-long', 'k'.repeat(256), 'idempotency_key_invalid'],
      ['with a space', 'a b', 'idempotency_key_invalid'],
      ['not ASCII', 'schlüssel', 'idempotency_key_invalid'],
    ])('%s', async (_name, key, code) => {
      const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
      await refused(() => on.call('POST', '/v1/withdrawals', good(), headers), 400, code);
      const credit = { account: 'alice', asset: 'USDC', amount: '1', reference: 'x' };
      await refused(() => on.call('POST', '/v1/deposits', credit, headers), 400, code);
    });

    it('used with another body', async () => {
      await refused(
        () => post('/v1/withdrawals', { ...good(), amount: '6' }, { 'idempotency-key': 'held' }),
        422,
        'idempotency_key_conflict',
      );
    });
  });

  describe('in a batch', () => {
    const item = (n: number) => ({ idempotencyKey: `b-${n}`, ...good() });
    it.each<[string, unknown, string]>([
      ['empty', { withdrawals: [] }, 'batch_empty'],
      [
        'over 1,000',
        { withdrawals: Array.from({ length: 1_001 }, (_, n) => item(n)) },
        'batch_too_large',
      ],
      ['that is no list', { withdrawals: {} }, 'invalid_request'],
      ['without withdrawals', {}, 'invalid_request'],
      ['with a field beside', { withdrawals: [item(0)], atomic: true }, 'unknown_field'],
      ['as a list', [], 'invalid_request'],
      ['as a deep list', nested(20_000, '[', ']'), 'invalid_request'],
      ['of a deep list', `{"withdrawals":{"a":${nested(20_000, '[', ']')}}}`, 'invalid_request'],
    ])('%s', async (_name, body, code) => {
      await refused(() => on.call('POST', '/v1/withdrawals/batch', body), 400, code);
    });

    it('is refused item by item, and nothing is stored for the bad ones', async () => {
      const before = await state();
      const answer = await on.call('POST', '/v1/withdrawals/batch', {
        withdrawals: [
          7,
          good(),
          { ...item(1), amount: 5 },
          { ...item(2), account: 'nobody' },
          { ...item(3), idempotencyKey: 'ü' },
          { ...item(4), to: '0x' },
          null,
        ],
      });
      expect(answer.status).toBe(202);
      const results = answer.body['results'] as { status: number; problem: Json }[];
      expect(results.map(({ status, problem }) => [status, problem['code']])).toEqual([
        [400, 'invalid_request'],
        [400, 'idempotency_key_required'],
        [400, 'invalid_amount'],
        [404, 'account_not_found'],
        [400, 'idempotency_key_invalid'],
        [400, 'invalid_address'],
        [400, 'invalid_request'],
      ]);
      expect(await state()).toEqual(before);
    });
  });

  describe('that is stored as a no', () => {
    it.each([
      ['beyond the balance', { account: 'alice', amount: '99999.9' }, 'insufficient_balance'],
      ['above every tier', { amount: '100000.000001' }, 'amount_above_limit'],
      ['of the largest uint256', { amount: `${(UINT256 - 1n) / 10n ** 6n}` }, 'amount_above_limit'],
    ])('%s', async (name, change, code) => {
      const account = 'small';
      await on.deposit(account, 'USDC', '10');
      const before = await state();
      const answer = await post(
        '/v1/withdrawals',
        { ...good(), ...change, account },
        { 'idempotency-key': `no ${name}`.replaceAll(' ', '-') },
      );
      expect([answer.status, answer.body['code'], answer.body['outcome']]).toEqual([
        422,
        code,
        'none',
      ]);
      const after = await state();
      expect({ ...after, withdrawals: 0n, keys: 0n, events: 0n }).toEqual({
        ...before,
        withdrawals: 0n,
        keys: 0n,
        events: 0n,
      });
    });
  });

  describe('in a deposit', () => {
    const credit = { account: 'alice', asset: 'USDC', amount: '1', reference: 'bad-deposit' };
    it.each<[string, Json, number, string, string?]>([
      ['an amount as number', { amount: 1 }, 400, 'invalid_amount', '/amount'],
      ['an amount of zero', { amount: '0' }, 400, 'invalid_amount', '/amount'],
      ['an unknown asset', { asset: 'X' }, 422, 'unknown_asset', '/asset'],
      ['no reference', { reference: undefined }, 400, 'invalid_request', '/reference'],
      ['NUL in the reference', { reference: '\u0000' }, 400, 'invalid_request', '/reference'],
      ['a lone surrogate', { reference: '\ud800' }, 400, 'invalid_request', '/reference'],
      ['an unknown field', { to: recipient(1) }, 400, 'unknown_field', '/to'],
    ])('%s', async (_name, change, status, code, pointer) => {
      await refused(() => post('/v1/deposits', { ...credit, ...change }), status, code, pointer);
    });

    it('that would overflow the ledger', async () => {
      const largest = `${(UINT256 - 1n) / 10n ** 6n}`;
      const answers = [];
      for (let n = 0; n < 12; n += 1) {
        answers.push(
          await post(
            '/v1/deposits',
            { ...credit, account: 'whale', amount: largest, reference: `whale-${n}` },
            { 'idempotency-key': `whale-${n}` },
          ),
        );
      }
      const told = new Set(answers.map((answer) => [answer.status, answer.body['code']].join()));
      expect(told).toEqual(new Set(['201,', '400,invalid_amount']));
    });
  });

  describe('in a query', () => {
    it.each<[string, string, number, string, string?]>([
      ['an unknown filter', '/v1/withdrawals?state=RESERVED', 400, 'unknown_field', '/state'],
      ['an unknown status', '/v1/withdrawals?status=DONE', 400, 'invalid_request', '/status'],
      ['a filter twice', '/v1/withdrawals?account=a&account=b', 400, 'invalid_request', '/account'],
      ['__proto__', '/v1/withdrawals?__proto__=1', 400, 'unknown_field', '/__proto__'],
      ['limit 0', '/v1/withdrawals?limit=0', 400, 'invalid_request', '/limit'],
      ['limit 201', '/v1/withdrawals?limit=201', 400, 'invalid_request', '/limit'],
      ['a limit that is no number', '/v1/withdrawals?limit=x', 400, 'invalid_request', '/limit'],
      ['no hash', '/v1/withdrawals?txHash=0x12', 400, 'invalid_request', '/txHash'],
      ['no nonce key', '/v1/withdrawals?nonceKey=1', 400, 'invalid_request', '/nonceKey'],
      ['no attempt id', '/v1/withdrawals?attemptId=1', 400, 'invalid_request', '/attemptId'],
      ['NUL in a filter', '/v1/withdrawals?externalId=%00', 400, 'invalid_request', '/externalId'],
      ['a cursor that is none', '/v1/withdrawals?cursor=abc', 400, 'invalid_cursor'],
      ['an empty cursor', '/v1/withdrawals?cursor=', 400, 'invalid_cursor'],
      ['an event cursor that is none', '/v1/events?after=7', 400, 'invalid_cursor'],
      [
        'an impossible day',
        '/v1/accounts/alice/balances?at=2026-02-30T00:00:00Z',
        400,
        'invalid_request',
        '/at',
      ],
      [
        'waitFor nothing known',
        '/v1/withdrawals/ID?waitFor=SOON',
        400,
        'invalid_request',
        '/waitFor',
      ],
      [
        'waiting too long',
        '/v1/withdrawals/ID?waitFor=COMPLETED&timeoutMs=60001',
        400,
        'invalid_request',
        '/timeoutMs',
      ],
      ['an id that is none', '/v1/withdrawals/1', 404, 'not_found'],
      [
        'an id that nothing has',
        '/v1/withdrawals/00000000-0000-7000-8000-000000000000',
        404,
        'not_found',
      ],
      ['an account that nobody has', '/v1/accounts/nobody/balances', 404, 'account_not_found'],
      ['an account that can not be', '/v1/accounts/%00/balances', 404, 'account_not_found'],
      ['a path that is none', '/v1/nothing', 404, 'not_found'],
    ])('%s', async (_name, path, status, code, pointer) => {
      await refused(() => on.call('GET', path.replace('ID', held)), status, code, pointer);
    });

    it('a cursor of another list or tenant', async () => {
      await on.withdraw(good(), 'second');
      const page = await on.call('GET', '/v1/withdrawals?limit=1');
      const cursor = page.body['cursor'] as string;
      expect(cursor).toBeTypeOf('string');
      const auth = { authorization: `Bearer ${other.key}` };
      await refused(
        () => on.call('GET', `/v1/withdrawals?cursor=${cursor}`, undefined, auth),
        400,
        'invalid_cursor',
      );
      const paths = [
        `/v1/accounts/alice/transfers?cursor=${cursor}`,
        `/v1/events?after=${cursor}`,
        `/v1/withdrawals?cursor=${cursor}x`,
        `/v1/withdrawals?cursor=${cursor.slice(0, -2)}`,
      ];
      for (const path of paths) await refused(() => on.call('GET', path), 400, 'invalid_cursor');
      const statement = await on.call('GET', '/v1/accounts/alice/transfers?limit=1');
      const place = statement.body['cursor'] as string;
      await on.deposit('carol', 'USDC', '1');
      await refused(
        () => on.call('GET', `/v1/accounts/carol/transfers?cursor=${place}`),
        400,
        'invalid_cursor',
      );
    });
  });

  describe('in the credentials', () => {
    const as = (authorization: string) =>
      on.call('POST', '/v1/withdrawals', good(), { authorization, 'idempotency-key': 'auth' });

    it.each([
      ['empty', ''],
      ['of another kind', 'Basic YTpi'],
      ['without a key', 'Bearer'],
      ['with a key that is none', 'Bearer x'],
      ['with an unknown key', `Bearer pk_abcdefgh_${'a'.repeat(43)}`],
    ])('%s', async (_name, authorization) => {
      await refused(() => as(authorization), 401, 'unauthenticated');
    });

    it('a key that was revoked, within a second', async () => {
      const doomed = await on.addKey();
      expect((await as(`Bearer ${doomed.key}`)).status).toBe(202);
      const db = openPool({ url: on.databases.mainUrl, role: 'payonce_app', name: 'test', max: 1 });
      await revokeKey(db, { keyId: doomed.keyId });
      await db.end();
      await until(
        'the revoked key to be refused',
        async () => (await as(`Bearer ${doomed.key}`)).status === 401,
        1_000,
      );
      await refused(() => as(`Bearer ${doomed.key}`), 401, 'unauthenticated');
    });

    it('a key that expired', async () => {
      const brief = await on.addKey({ expiresAt: new Date(Date.now() + 700).toISOString() });
      await until(
        'the key to expire',
        async () => (await as(`Bearer ${brief.key}`)).status === 401,
        3_000,
      );
      await refused(() => as(`Bearer ${brief.key}`), 401, 'unauthenticated');
    });

    it('a key without the scope', async () => {
      const reader = await on.addKey({ scopes: ['withdrawals:read'] });
      const auth = { authorization: `Bearer ${reader.key}`, 'idempotency-key': 'scope' };
      const calls: [string, string, unknown, string][] = [
        ['POST', '/v1/withdrawals', good(), 'withdrawals:create'],
        ['POST', '/v1/withdrawals/batch', { withdrawals: [] }, 'withdrawals:create'],
        ['POST', `/v1/withdrawals/${held}/cancel`, undefined, 'withdrawals:create'],
        ['POST', `/v1/withdrawals/${held}/speed-up`, undefined, 'withdrawals:create'],
        ['POST', '/v1/deposits', {}, 'ledger:credit'],
        ['GET', '/v1/accounts/alice/balances', undefined, 'ledger:read'],
        ['GET', '/v1/accounts/alice/transfers', undefined, 'ledger:read'],
        ['GET', '/v1/events', undefined, 'events:read'],
        ['GET', '/v1/chains', undefined, 'admin:chains:read'],
      ];
      for (const [method, path, body, scope] of calls) {
        const answer = await refused(() => on.call(method, path, body, auth), 403, 'missing_scope');
        expect(answer.body['scope']).toBe(scope);
      }
      const own = await on.call('GET', `/v1/withdrawals/${held}`, undefined, auth);
      expect(own.status).toBe(200);
    });

    it("another tenant's ids", async () => {
      const auth = { authorization: `Bearer ${other.key}`, 'idempotency-key': 'foreign' };
      const calls: [string, string, number, string][] = [
        ['GET', `/v1/withdrawals/${held}`, 404, 'not_found'],
        ['GET', `/v1/withdrawals/${held}?waitFor=COMPLETED&timeoutMs=50`, 404, 'not_found'],
        ['POST', `/v1/withdrawals/${held}/cancel`, 404, 'not_found'],
        ['POST', `/v1/withdrawals/${held}/speed-up`, 404, 'not_found'],
        ['GET', '/v1/accounts/alice/balances', 404, 'account_not_found'],
        ['GET', '/v1/accounts/alice/transfers', 404, 'account_not_found'],
      ];
      for (const [method, path, status, code] of calls) {
        await refused(() => on.call(method, path, undefined, auth), status, code);
      }
      await refused(
        () => on.call('POST', '/v1/withdrawals', good(), auth),
        404,
        'account_not_found',
      );
      const found = await on.call('GET', '/v1/withdrawals?idempotencyKey=held', undefined, auth);
      expect(found.body['withdrawals']).toEqual([]);
    });
  });

  it('a method that is not there', async () => {
    const answer = await on.call('DELETE', `/v1/withdrawals/${held}`);
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});

describe('a cancel', () => {
  let on: Installation;
  beforeAll(async () => {
    on = await Installation.start();
    await on.deposit('alice', 'USDC', '1000');
  });
  afterAll(() => on?.stop());
  const order = (n: number) => ({ account: 'alice', asset: 'USDC', amount: '5', to: recipient(n) });
  const cancel = (id: unknown, body?: unknown) =>
    on.call('POST', `/v1/withdrawals/${id}/cancel`, body);

  it('in a block and after completion is refused', async () => {
    await on.anvil.hold();
    const { body } = await on.withdraw(order(1));
    await on.waitFor(body['id'] as string, 'BROADCASTED');
    await on.anvil.mine();
    await on.waitFor(body['id'] as string, 'INCLUDED');
    const early = await cancel(body['id']);
    expect([early.status, early.body['code'], early.body['outcome']]).toEqual([
      409,
      'not_cancellable',
      'none',
    ]);
    const mining = setInterval(() => void on.anvil.mine(), 100);
    const done = await on.waitFor(body['id'] as string);
    clearInterval(mining);
    expect(done['status']).toBe('COMPLETED');
    const late = await cancel(body['id']);
    expect([late.status, late.body['code']]).toEqual([409, 'not_cancellable']);
  });

  it('twice gives the same, and with a body it is refused', async () => {
    // Before it has a slot: with one, it is cancelled when that is filled.
    await on.stopRole('worker');
    const { body } = await on.withdraw(order(2));
    const strange = await cancel(body['id'], { reason: 'x' });
    expect([strange.status, strange.body['code']]).toEqual([400, 'unknown_field']);
    const first = await cancel(body['id'], {});
    const second = await cancel(body['id']);
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(first.body['status']).toBe('CANCELLED');
    expect(second.body['id']).toBe(body['id']);
    const released = await on.rows(
      `SELECT resolution FROM reserve_resolution WHERE withdrawal_id = $1`,
      [body['id']],
    );
    expect(released).toEqual([{ resolution: 'RELEASE' }]);
  });
});
