import { describe, expect, it } from 'vitest';
import { Assets, developmentSettings } from '../../../base/config/index.ts';
import { type Address, checksummed, isRefusal, type Refusal } from '../../../base/kernel/index.ts';
import { parseRequest, type WithdrawalOrder } from './request.ts';

const TOKEN: Address = `0x${'22'.repeat(20)}`;
const LANE: Address = `0x${'44'.repeat(20)}`;
const TO = '0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed';
const settings = developmentSettings({
  databaseUrl: '',
  signerDatabaseUrl: null,
  rpcUrl: '',
  token: TOKEN,
  lanes: [{ address: LANE, keyId: 'hot', privateKey: '' }],
});
const NOW = Date.UTC(2030, 0, 1);
const rules = { assets: new Assets(settings.assets), lanes: settings.lanes, now: () => NOW };
const BODY = { account: 'alice', asset: 'USDC', amount: '12.50', to: TO };

const parse = (body: unknown, idempotencyKey = 'k', tenantId = 't') =>
  parseRequest(rules, { tenantId, idempotencyKey, body, correlationId: 'c' });
function order(more: Record<string, unknown> = {}, key = 'k', tenant = 't'): WithdrawalOrder {
  const parsed = parse({ ...BODY, ...more }, key, tenant);
  if (isRefusal(parsed)) throw new Error(parsed.detail);
  return parsed;
}
function refusal(body: unknown, key?: string): Refusal {
  const parsed = parse(body, key);
  if (!isRefusal(parsed)) throw new Error('was taken');
  return parsed;
}

describe('a withdrawal request', () => {
  it('is read in base units, with a lower-case address and the tier of its amount', () => {
    expect(order({ to: checksummed(TO) })).toMatchObject({
      account: 'alice',
      amount: 12_500_000n,
      recipient: TO,
      externalId: null,
      metadata: null,
      expiresAt: null,
      tier: { name: 'low' },
    });
    expect(order({ asset: settings.assets[0]!.caip19 }).asset.id).toBe('USDC');
    expect(order({ amount: '5000' }).tier?.name).toBe('medium');
    expect(order({ amount: '100000.000001' }).tier).toBeNull();
    expect(order({ expiresAt: '2030-01-01T00:01:00Z' }).expiresAt).toBe(NOW + 60_000);
    expect(order({ expiresAt: '2030-01-01T01:01:00.5+01:00' }).expiresAt).toBe(NOW + 60_500);
  });

  it.each<[string, Record<string, unknown>, string, string]>([
    ['a number', { amount: 12.5 }, 'invalid_amount', '/amount'],
    ['zero', { amount: '0' }, 'invalid_amount', '/amount'],
    ['zero with decimals', { amount: '0.000000' }, 'invalid_amount', '/amount'],
    ['a negative amount', { amount: '-1' }, 'invalid_amount', '/amount'],
    ['an exponent', { amount: '1e3' }, 'invalid_amount', '/amount'],
    ['a plus sign', { amount: '+1' }, 'invalid_amount', '/amount'],
    ['a leading zero', { amount: '01' }, 'invalid_amount', '/amount'],
    ['a bare point', { amount: '1.' }, 'invalid_amount', '/amount'],
    ['white space', { amount: ' 1' }, 'invalid_amount', '/amount'],
    ['other digits', { amount: '１' }, 'invalid_amount', '/amount'],
    ['too many decimals', { amount: '1.0000001' }, 'invalid_amount', '/amount'],
    ['beyond uint256', { amount: '9'.repeat(78) }, 'invalid_amount', '/amount'],
    ['no amount', { amount: undefined }, 'invalid_request', '/amount'],
    ['a short address', { to: '0x12' }, 'invalid_address', '/to'],
    [
      'a wrong checksum',
      { to: '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD' },
      'invalid_address',
      '/to',
    ],
    ['no 0x', { to: TO.slice(2) }, 'invalid_address', '/to'],
    ['no address', { to: null }, 'invalid_request', '/to'],
    ['an unknown asset', { asset: 'DOGE' }, 'unknown_asset', '/asset'],
    ['an account with a space', { account: 'a b' }, 'invalid_request', '/account'],
    ['an account of 129 characters', { account: 'a'.repeat(129) }, 'invalid_request', '/account'],
    ['an unknown field', { nonce: 1 }, 'unknown_field', '/nonce'],
    ['an empty external id', { externalId: '' }, 'invalid_request', '/externalId'],
    ['an external id with NUL', { externalId: 'a\0' }, 'invalid_request', '/externalId'],
    ['a lone surrogate', { externalId: '\ud800' }, 'invalid_request', '/externalId'],
    [
      'an expiry in less than a minute',
      { expiresAt: '2030-01-01T00:00:59Z' },
      'invalid_request',
      '/expiresAt',
    ],
    [
      'an expiry without zone',
      { expiresAt: '2030-01-02T00:00:00' },
      'invalid_request',
      '/expiresAt',
    ],
    [
      'an expiry that is no day',
      { expiresAt: '2030-13-41T00:00:00Z' },
      'invalid_request',
      '/expiresAt',
    ],
    ['metadata that is a list', { metadata: [] }, 'invalid_request', '/metadata'],
    ['metadata over 4 KiB', { metadata: { a: 'x'.repeat(4_096) } }, 'invalid_request', '/metadata'],
    ['metadata with NUL', { metadata: { a: '\0' } }, 'invalid_request', '/metadata'],
    [
      'metadata with a lone surrogate',
      { metadata: { a: '\udc00' } },
      'invalid_request',
      '/metadata',
    ],
  ])('with %s is refused and told where', (_, more, code, pointer) => {
    const found = refusal({ ...BODY, ...more });
    expect(found.code).toBe(code);
    expect(found.faults).toMatchObject([{ pointer, code }]);
  });

  it('tells all faults of form at once', () => {
    const found = refusal({ amount: 1, to: 'x', extra: true });
    expect(found.code).toBe('invalid_request');
    expect(found.faults!.map((fault) => fault.pointer).sort()).toEqual([
      '/account',
      '/amount',
      '/asset',
      '/extra',
      '/to',
    ]);
  });

  it.each([[null], [[]], ['text'], [7]])('that is %j is no object', (body) => {
    expect(refusal(body).code).toBe('invalid_request');
  });

  it.each<[Record<string, unknown>, string, Record<string, string>]>([
    [{ amount: '0.999999' }, 'amount_below_minimum', { minimum: '1' }],
    [{ to: `0x${'00'.repeat(20)}` }, 'destination_refused', { reason: 'zero' }],
    [{ to: TOKEN }, 'destination_refused', { reason: 'token' }],
    [{ to: TOKEN, asset: 'ETH', amount: '1' }, 'destination_refused', { reason: 'token' }],
    [
      { to: LANE.toUpperCase().replace('0X', '0x') },
      'destination_refused',
      { reason: 'own_wallet' },
    ],
  ])('%# is refused by the rules with its reason', (more, code, members) => {
    expect(refusal({ ...BODY, ...more })).toMatchObject({ code, members });
  });

  it('needs a usable key before anything else', () => {
    expect(refusal({ bad: true }, '').code).toBe('idempotency_key_required');
    expect(refusal({ bad: true }, 'ü').code).toBe('idempotency_key_invalid');
  });

  it('has the same content however it is spelt, and other content when anything differs', () => {
    const first = order({ externalId: 'x', metadata: { a: 1, b: [2] } });
    const same = order({
      amount: '12.5',
      asset: settings.assets[0]!.caip19,
      to: checksummed(TO),
      externalId: 'x',
      metadata: { b: [2], a: 1 },
    });
    expect(same.contentHash).toBe(first.contentHash);
    // The moment of expiry is no part of what is paid to whom.
    const others = [
      {},
      { externalId: 'x' },
      { externalId: 'y', metadata: { a: 1, b: [2] } },
      { externalId: 'x', metadata: { a: 1 } },
      { amount: '12.6' },
      { account: 'bob' },
      { to: `0x${'55'.repeat(20)}` },
      { asset: 'ETH' },
    ].map((more) => order(more).contentHash);
    expect(new Set([first.contentHash, ...others]).size).toBe(others.length + 1);
  });

  it('has a key hash by tenant and key alone', () => {
    expect(order({}, 'k', 't').keyHash).toBe(order({ amount: '99' }, 'k', 't').keyHash);
    expect(order({}, 'k', 't').keyHash).not.toBe(order({}, 'k', 'u').keyHash);
    expect(order({}, 'k', 't').keyHash).not.toBe(order({}, 'l', 't').keyHash);
    expect(order({ externalId: 'e' }, 'k', 't').externalHash).not.toBe(
      order({ externalId: 'e' }, 'k', 'u').externalHash,
    );
  });
});
