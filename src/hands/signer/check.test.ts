import { parseTransaction } from 'viem';
import { describe, expect, it } from 'vitest';
import { Assets } from '../../base/config/index.ts';
import {
  authorizationDigest,
  type Ceiling,
  EFFECT_GAS_LIMIT_CAP,
  effectDigest,
  effectGasCap,
  effectOf,
  intentId,
  packAuthorization,
  unpackAuthorization,
} from '../../base/effect/index.ts';
import {
  type Address,
  ConfigurationError,
  caip19,
  type Hex,
  toHex,
} from '../../base/kernel/index.ts';
import { check, type RefusalReason } from './check.ts';
import { closingIntent, type Order } from './grammar.ts';
import { NO_GUARD } from './guard.fixture.ts';
import type { Keystore } from './keystore/keystore.ts';
import { laneKey, type SigningRules, signingRules } from './rules.ts';

const LANE: Address = `0x${'11'.repeat(20)}`;
const TOKEN: Address = `0x${'22'.repeat(20)}`;
const PAYEE: Address = `0x${'33'.repeat(20)}`;
const CAP = 1_000n;
const CHAIN = 31337;

const rules: SigningRules = {
  digest: Buffer.alloc(32),
  policyVersion: 'config:1',
  chains: new Map([[CHAIN, { maxFeePerGas: CAP }]]),
  assets: new Assets([
    {
      id: 'USDC',
      caip19: caip19(CHAIN, TOKEN),
      chain: 'local',
      chainId: CHAIN,
      address: TOKEN,
      decimals: 6,
      minimum: 1n,
      fee: 0n,
      tiers: [
        { name: 'low', upTo: 100n, commitAt: 'safe' },
        { name: 'high', upTo: null, commitAt: 'finalized' },
      ],
    },
    {
      id: 'ETH',
      caip19: caip19(CHAIN, null),
      chain: 'local',
      chainId: CHAIN,
      address: null,
      decimals: 18,
      minimum: 1n,
      fee: 0n,
      tiers: [{ name: 'low', upTo: 100n, commitAt: 'safe' }],
    },
  ]),
  lanes: new Map([
    [laneKey(CHAIN, LANE), { keyId: 'hot', tenant: 'demo', purpose: 'pay', walletGroup: 'demo' }],
  ]),
  treasury: new Map(),
  approvals: NO_GUARD.approvals,
  limits: new Map(),
};

/** An order that is right in every part; the overrides come after ids were derived. */
function order(
  over: Partial<Order> = {},
  parts: { token?: Address | null; amount?: bigint } = {},
): Order {
  const token = parts.token === undefined ? TOKEN : parts.token;
  const amount = parts.amount ?? 100n;
  const identity = { tenantId: 't', operation: 'withdrawal', idempotencyKey: 'k' };
  return {
    requestId: 'r',
    txId: 'tx',
    kind: 'effect',
    txType: 2,
    gasLimit: 60_000n,
    maxFeePerGas: CAP,
    maxPriorityFeePerGas: 1n,
    laneEpoch: 4n,
    installationId: 'i',
    slot: {
      txId: 'tx',
      chainId: CHAIN,
      from: LANE,
      nonce: 9n,
      effectDigest: effectDigest(CHAIN, LANE, effectOf({ token, recipient: PAYEE, amount })),
    },
    lane: { chainId: CHAIN, address: LANE, tenantId: 't', epoch: 5n },
    tx: {
      payerAuthorization: null,
      ...identity,
      tenant: 'demo',
      ...{ ownerKind: 'withdrawal', ownerId: 'w' },
      intentId: intentId({ ...identity, installationId: 'i' }),
      chainId: CHAIN,
      asset: caip19(CHAIN, token),
      token,
      recipient: PAYEE,
      amount,
      correlationId: 'c',
    },
    decision: {
      decisionId: 'd',
      tenantId: 't',
      subjectId: 'w',
      policyVersion: 'config:1',
      ...{ byDocument: false, stands: true },
      verdict: 'allow',
      tier: 'low',
      consumedBy: 'tx',
    },
    ...{ asked: null, chainHalted: null, frozen: null },
    ...over,
  };
}

const right = order();
const filler: Partial<Order> = { kind: 'filler', gasLimit: 21_000n };
const tx = (over: Partial<Order['tx']>): Partial<Order> => ({ tx: { ...right.tx, ...over } });
const slot = (over: Partial<Order['slot']>): Partial<Order> => ({
  slot: { ...right.slot, ...over },
});
const lane = (over: Partial<Order['lane']>): Partial<Order> => ({
  lane: { ...right.lane, ...over },
});
const decision = (over: Partial<NonNullable<Order['decision']>>): Partial<Order> => ({
  decision: { ...right.decision!, ...over },
});
const fresh = { newerFrom: null, effectSigned: false, topUps: 0, time: null };

function codeOf(judged: ReturnType<typeof check>): string {
  return judged.kind === 'refusal' ? judged.code : judged.kind;
}

describe('check of an effect', () => {
  it('composes the token transfer of the intent', () => {
    const verdict = check(rules, right, fresh);
    expect(verdict.kind).toBe('ok');
    if (verdict.kind !== 'ok') return;
    const { unsigned, ...signing } = verdict.signing;
    expect(parseTransaction(toHex(unsigned))).toMatchObject({
      chainId: CHAIN,
      nonce: 9,
      to: TOKEN,
      data: effectOf({ token: TOKEN, recipient: PAYEE, amount: 100n }).data,
      gas: 60_000n,
      maxFeePerGas: CAP,
      maxPriorityFeePerGas: 1n,
    });
    expect(signing).toMatchObject({
      keyId: 'hot',
      intentId: right.tx.intentId,
      effectDigest: right.slot.effectDigest,
      maxSpend: 60_000n * CAP,
    });
  });

  it('composes the native transfer and counts its value as spent', () => {
    const verdict = check(rules, order({}, { token: null, amount: 7n }), fresh);
    expect(verdict.kind).toBe('ok');
    if (verdict.kind !== 'ok') return;
    expect(parseTransaction(toHex(verdict.signing.unsigned))).toMatchObject({
      to: PAYEE,
      value: 7n,
    });
    expect(verdict.signing.maxSpend).toBe(60_000n * CAP + 7n);
    const legacy = check(rules, order({ txType: 0 }, { token: null, amount: 7n }), fresh);
    expect(legacy).toMatchObject({ signing: { maxSpend: 60_000n * CAP + 7n } });
    const { unsigned } = (legacy as typeof verdict).signing;
    expect(parseTransaction(toHex(unsigned))).toMatchObject({ type: 'legacy', gasPrice: CAP });
  });

  it.each<[string, Order, RefusalReason | 'ok' | 'wait']>([
    ['a right one', right, 'ok'],
    ['a higher tier than needed', order(decision({ tier: 'high' })), 'ok'],
    ['a halted chain', order({ chainHalted: 'deep reorg' }), 'wait'],
    [
      'an unknown chain',
      order({ ...slot({ chainId: 1 }), ...tx({ chainId: 1 }), ...lane({ chainId: 1 }) }),
      'chain_unknown',
    ],
    [
      'an unknown lane',
      order({ ...slot({ from: PAYEE }), ...lane({ address: PAYEE }) }),
      'lane_unknown',
    ],
    ['the slot of another tx', order(slot({ txId: 'other' })), 'slot_mismatch'],
    ['a tx of another chain', order(tx({ chainId: 1 })), 'slot_mismatch'],
    ['a lane row of another address', order(lane({ address: PAYEE })), 'slot_mismatch'],
    ['a lane row of another chain', order(lane({ chainId: 1 })), 'slot_mismatch'],
    ['a nonce beyond a safe integer', order(slot({ nonce: 2n ** 60n })), 'slot_mismatch'],
    ['a tenant that does not own the lane', order(tx({ tenant: 'other' })), 'tenant_mismatch'],
    ['a lane row of another tenant', order(lane({ tenantId: 'u' })), 'tenant_mismatch'],
    ['a fee above the cap', order({ maxFeePerGas: CAP + 1n }), 'fee_above_cap'],
    ['a fee of zero', order({ maxFeePerGas: 0n, maxPriorityFeePerGas: 0n }), 'fee_above_cap'],
    ['a tip above the fee', order({ maxPriorityFeePerGas: CAP + 1n }), 'fee_above_cap'],
    ['a gas limit at the cap', order({ gasLimit: EFFECT_GAS_LIMIT_CAP }), 'ok'],
    [
      'a gas limit above the cap',
      order({ gasLimit: EFFECT_GAS_LIMIT_CAP + 1n }),
      'gas_limit_out_of_range',
    ],
    ['a gas limit that can not work', order({ gasLimit: 20_999n }), 'gas_limit_out_of_range'],
    ['an epoch from beyond', order({ laneEpoch: 6n }), 'lane_epoch_unknown'],
    ['another idempotency key', order(tx({ idempotencyKey: 'other' })), 'intent_mismatch'],
    ['another operation', order(tx({ operation: 'refund' })), 'intent_mismatch'],
    ['another installation', order({ installationId: 'j' }), 'intent_mismatch'],
    ['an amount that is no uint256', order(tx({ amount: 2n ** 256n })), 'intent_mismatch'],
    ['an unknown asset', order(tx({ asset: 'DOGE' })), 'asset_unknown'],
    ['the asset by its configured id', order(tx({ asset: 'USDC' })), 'asset_mismatch'],
    ['the native coin under a token asset', order(tx({ token: null })), 'asset_mismatch'],
    ['another token under the asset', order(tx({ token: PAYEE })), 'asset_mismatch'],
    ['the zero address', order(tx({ recipient: `0x${'00'.repeat(20)}` })), 'recipient_refused'],
    ['the token itself as recipient', order(tx({ recipient: TOKEN })), 'recipient_refused'],
    ['another recipient than the slot is for', order(tx({ recipient: LANE })), 'effect_mismatch'],
    ['another amount than the slot is for', order(tx({ amount: 99n })), 'effect_mismatch'],
    ['no decision', order({ decision: null }), 'decision_missing'],
    ['a denial', order(decision({ verdict: 'deny' })), 'decision_denied'],
    [
      'a decision about another withdrawal',
      order(decision({ subjectId: 'v' })),
      'decision_mismatch',
    ],
    ['a decision of another tenant', order(decision({ tenantId: 'u' })), 'decision_mismatch'],
    [
      'a decision consumed by another tx',
      order(decision({ consumedBy: 'other' })),
      'decision_mismatch',
    ],
    ['a decision consumed by nothing', order(decision({ consumedBy: null })), 'decision_mismatch'],
    [
      'another policy version',
      order(decision({ policyVersion: 'config:2' })),
      'policy_version_mismatch',
    ],
    [
      'an amount above every tier, whatever a document says',
      order(decision({ byDocument: true, policyVersion: 'policy:1' }), {
        token: null,
        amount: 101n,
      }),
      'tier_exceeded',
    ],
    ['a policy that was tightened since', order(decision({ stands: false })), 'policy_superseded'],
    ['an amount above its tier', order({}, { amount: 101n }), 'tier_exceeded'],
    ['a tier that does not exist', order(decision({ tier: 'vip' })), 'tier_exceeded'],
    ['no tier', order(decision({ tier: null })), 'tier_exceeded'],
  ])('%s: %#', (_name, judged, wanted) => {
    expect(codeOf(check(rules, judged, fresh))).toBe(wanted);
  });

  it.each<[bigint | null, RefusalReason | 'ok']>([
    [null, 'ok'],
    [10n, 'ok'],
    [9n, 'lane_epoch_stale'],
    [8n, 'lane_epoch_stale'],
  ])('judges an older epoch by where newer ones began: %s', (newerFrom, wanted) => {
    expect(codeOf(check(rules, order(), { ...fresh, newerFrom }))).toBe(wanted);
  });

  it('does not judge policy again for a replacement, but everything else', () => {
    const replaced = { ...fresh, effectSigned: true };
    expect(codeOf(check(rules, order({ decision: null }), replaced))).toBe('ok');
    expect(codeOf(check(rules, order({ maxFeePerGas: CAP + 1n }), replaced))).toBe('fee_above_cap');
    expect(codeOf(check(rules, order(tx({ amount: 99n })), replaced))).toBe('effect_mismatch');
  });
});

describe('check of a filler', () => {
  it('composes the zero-value self-transfer and binds the slot to its intent', () => {
    const verdict = check(rules, order(filler), fresh);
    expect(verdict.kind).toBe('ok');
    if (verdict.kind !== 'ok') return;
    const parsed = parseTransaction(toHex(verdict.signing.unsigned));
    expect(parsed).toMatchObject({ to: LANE, nonce: 9, gas: 21_000n });
    expect([parsed.value, parsed.data]).toEqual([undefined, undefined]);
    expect(verdict.signing).toMatchObject({
      intentId: right.tx.intentId,
      effectDigest: right.slot.effectDigest,
    });
  });

  it('binds the slot to its closing intent when its own intent is broken', () => {
    const verdict = check(rules, order({ ...filler, ...tx({ idempotencyKey: 'x' }) }), fresh);
    expect(verdict).toMatchObject({ kind: 'ok', signing: closingIntent(right.slot) });
  });

  it.each<[string, Partial<Order>, RefusalReason | 'ok' | 'wait']>([
    ['half as much again as the fee cap', { maxFeePerGas: 1_500n }, 'ok'],
    ['a fee above that', { maxFeePerGas: 1_501n }, 'fee_above_cap'],
    ['more gas than a filler needs', { gasLimit: 21_001n }, 'gas_limit_out_of_range'],
    ['no decision', { decision: null }, 'ok'],
    ['an asset that is gone from the configuration', tx({ asset: 'DOGE' }), 'ok'],
    ['another digest on the slot', slot({ effectDigest: `0x${'00'.repeat(32)}` }), 'ok'],
    ['a stale epoch', { laneEpoch: 1n }, 'ok'],
    ['an unknown lane', { ...slot({ from: PAYEE }), ...lane({ address: PAYEE }) }, 'lane_unknown'],
    ['the slot of another tx', slot({ txId: 'other' }), 'slot_mismatch'],
    ['a halted chain', { chainHalted: 'deep reorg' }, 'wait'],
  ])('%s: %#', (_name, over, wanted) => {
    expect(codeOf(check(rules, order({ ...filler, ...over }), fresh))).toBe(wanted);
  });
});

describe('signingRules', () => {
  const wallet = { chain: 'local', chainId: CHAIN, address: LANE, key: 'hot', tenant: 'demo' };
  const settings = {
    policyVersion: 'config:1',
    chains: [],
    assets: [],
    lanes: [{ ...wallet, purpose: 'pay' as const, minGas: 0n, minBalances: [] }],
    treasury: [],
    guard: NO_GUARD,
  };
  const holding = (address: Address | undefined): Keystore => ({
    address: () => address,
    sign: () => Promise.reject(new Error('not asked')),
  });

  it('takes a lane whose key is its own and refuses any other', () => {
    expect(signingRules(settings, holding(LANE)).lanes.size).toBe(1);
    expect(() => signingRules(settings, holding(undefined))).toThrow(/hot is not configured/);
    expect(() => signingRules(settings, holding(PAYEE))).toThrow(ConfigurationError);
  });
});

const CEILING = { most: 100n, facilitator: LANE };

describe.each([
  ['eip3009', null],
  ['permit2', null],
  ['upto', CEILING],
] as const)('check of a payment by %s', (method, ceiling) => {
  const signed = {
    method,
    payer: `0x${'55'.repeat(20)}` as Address,
    validAfter: 0n,
    validBefore: 1_900_000_000n,
    nonce: `0x${'66'.repeat(32)}` as const,
    signature: `0x${'77'.repeat(65)}` as const,
    ceiling: ceiling as Ceiling | null,
  };
  const payerAuthorization = packAuthorization(signed);
  const digestOf = (over: Partial<typeof signed> = {}) =>
    authorizationDigest({ ...signed, chainId: CHAIN, token: TOKEN, ...over });
  const effect = effectOf({ token: TOKEN, recipient: PAYEE, amount: 100n, payerAuthorization });
  const payment: Order['tx'] = {
    ...right.tx,
    payerAuthorization,
    ...{ ownerKind: 'payment', operation: 'payment', ownerId: 'w' },
    ...{ idempotencyKey: digestOf(), intentId: digestOf() },
  };
  const bound = slot({ effectDigest: effectDigest(CHAIN, LANE, effect) });
  const of = (over: Partial<Order['tx']>, more: Partial<Order> = {}) =>
    order({ ...bound, tx: { ...payment, ...over }, ...more });
  const packed = (over: Partial<typeof signed>) => packAuthorization({ ...signed, ...over });
  const other = method === 'eip3009' ? 'permit2' : 'eip3009';

  it('composes the call that takes what the payer signed', () => {
    const judged = check(rules, of({}), fresh);
    if (judged.kind !== 'ok') throw new Error(JSON.stringify(judged));
    const sent = parseTransaction(toHex(judged.signing.unsigned));
    expect([sent.to?.toLowerCase(), sent.data]).toEqual([effect.to, effect.data]);
    expect(judged.signing.intentId).toBe(digestOf());
  });

  it.each<[string, Order, string]>([
    ['another payee', of({ recipient: LANE }), 'effect_mismatch'],
    ['another amount', of({ amount: 99n }), 'effect_mismatch'],
    ['another end', of({ payerAuthorization: packed({ validBefore: 1n }) }), 'effect_mismatch'],
    [
      'another nonce',
      of({ payerAuthorization: packed({ nonce: `0x${'67'.repeat(32)}` }) }),
      'intent_mismatch',
    ],
    [
      'the other method',
      of({ payerAuthorization: packed({ method: other, ceiling: null }) }),
      'intent_mismatch',
    ],
    [
      'a method that nobody has',
      of({ payerAuthorization: `0x07${payerAuthorization.slice(4)}` }),
      'intent_mismatch',
    ],
    [
      'no signature',
      of({ payerAuthorization: payerAuthorization.slice(0, -130) as Hex }),
      'intent_mismatch',
    ],
    ['no authorization', of({ payerAuthorization: null }), 'intent_mismatch'],
    ['the authorization of a withdrawal', of({ ownerKind: 'withdrawal' }), 'authorization_refused'],
    [
      'a payer that is a wallet of ours',
      of({ payerAuthorization: packed({ payer: LANE }), intentId: digestOf({ payer: LANE }) }),
      'authorization_refused',
    ],
    [
      'gas above the cap',
      of({}, { gasLimit: effectGasCap(payment) + 1n }),
      'gas_limit_out_of_range',
    ],
    ['gas at the cap', of({}, { gasLimit: effectGasCap(payment) }), 'ok'],
  ])('%s', (_, given, expected) => {
    expect(codeOf(check(rules, given, fresh))).toBe(expected);
  });
});

describe('a payment of which its payer signed the most', () => {
  const signed = (over: Partial<Ceiling>) =>
    packAuthorization({
      method: 'upto',
      payer: `0x${'55'.repeat(20)}`,
      validAfter: 0n,
      validBefore: 1_900_000_000n,
      nonce: `0x${'66'.repeat(32)}`,
      signature: `0x${'77'.repeat(65)}`,
      ceiling: { ...CEILING, ...over },
    });
  const charged = (amount: bigint, over: Partial<Ceiling> = {}) => {
    const payerAuthorization = signed(over);
    const intentId = authorizationDigest({
      ...unpackAuthorization(payerAuthorization),
      ...{ chainId: CHAIN, token: TOKEN },
    });
    const effect = effectOf({ token: TOKEN, recipient: PAYEE, amount, payerAuthorization });
    return order({
      ...slot({ effectDigest: effectDigest(CHAIN, LANE, effect) }),
      tx: {
        ...right.tx,
        ...{ ownerKind: 'payment', operation: 'payment', ownerId: 'w', amount, payerAuthorization },
        ...{ idempotencyKey: intentId, intentId },
      },
    });
  };

  it.each<[string, Order, string]>([
    ['is charged all of it', charged(100n), 'ok'],
    ['is charged less', charged(1n), 'ok'],
    ['is never charged more', charged(101n), 'authorization_refused'],
    [
      'is never charged nothing',
      { ...charged(1n), tx: { ...charged(1n).tx, amount: 0n } },
      'intent_mismatch',
    ],
    ['is taken by no other wallet', charged(1n, { facilitator: PAYEE }), 'authorization_refused'],
  ])('%s', (_, given, expected) => {
    expect(codeOf(check(rules, given, fresh))).toBe(expected);
  });
});
