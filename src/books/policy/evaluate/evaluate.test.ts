import { describe, expect, it, test } from 'vitest';
import { ETH, EURC, policyOf, USDC } from '../document/document.fixture.ts';
import { compilePolicy } from './compile.ts';
import { evaluate } from './evaluate.ts';
import type { Usage } from './judge.ts';
import { OTHER, PAYEE, PAYMENT, subjectOf } from './subject.fixture.ts';
import type { PolicySubject } from './subject.ts';

/** Thursday, 26 November 2026, 22:30 in Seoul, 14:30 in Berlin. */
const AT = Date.parse('2026-11-26T13:30:00Z');
const ALL = '- { id: all, type: allow, match: { kinds: [withdrawal, payment] } }';
const TIERS =
  '- { id: t, type: tiers, match: { assets: [USDC] }, tiers: [{ name: any, commitAt: finalized }] }';
const NOTHING: Usage = () => ({ amount: 0n, count: 0 });

function ask(rules: string[], subject: Partial<PolicySubject> = {}, usage = NOTHING) {
  const policy = compilePolicy('policy:test', policyOf(...rules));
  return evaluate(policy, subjectOf(subject), { at: AT, usage }).decision;
}

describe('a policy', () => {
  test.each([
    ['what no rule allows', [TIERS], 'default: no rule allows it'],
    ['what no tier takes', [ALL], 'default: no tier takes it'],
    [
      'what is allowed and denied',
      [ALL, TIERS, '- { id: no, type: deny, match: { accounts: [alice] } }'],
      'no: denied',
    ],
    [
      'what is above every tier',
      [ALL, TIERS.replace('commitAt', 'upTo: "99", commitAt')],
      't: above every tier',
    ],
  ])('denies %s', (_what, rules, reason) => {
    expect(ask(rules)).toMatchObject({ verdict: 'deny', reason, tier: null, holds: [] });
  });

  it('allows what a rule allows, a tier takes and none denies', () => {
    expect(ask([ALL, TIERS])).toMatchObject({
      verdict: 'allow',
      reason: null,
      tier: { name: 'any', commitAt: 'finalized' },
    });
  });

  it('judges every rule, also after one that denies, and tells each verdict', () => {
    const { trace } = ask([
      '- { id: no, type: deny, match: { kinds: [withdrawal] } }',
      ALL.replace('kinds', 'assets: [USDC], kinds'),
      '- { id: cap, type: cap, match: { assets: [USDC] }, amount: "50" }',
      '- { id: eth, type: cap, match: { assets: [ETH] }, amount: "1" }',
      '- { id: x402, type: deny, match: { kinds: [payment] } }',
      '- { id: tr, type: hold, hold: travel_rule, timeout: 24h }',
      TIERS,
    ]);
    expect(trace.map(({ rule, verdict, detail }) => `${rule} ${verdict}: ${detail}`)).toEqual([
      'no deny: denied',
      'all allow: allowed',
      'cap deny: at most 50000000',
      'tr hold: travel_rule, within 24h',
      't pass: tier any',
      '* no_match: eth x402',
    ]);
  });
});

describe('a rule', () => {
  const cap = '- { id: r, type: cap, match: { assets: [USDC] }, amount: "100" }';
  const window =
    '- { id: r, type: window, match: { assets: [USDC] }, per: account, window: 24h, amount: "500", count: 3 }';
  const book = '- { id: r, type: address_book, coolDown: 24h }';
  const berlin = (when: string) =>
    `- { id: r, type: schedule, when: { timeZone: Europe/Berlin, ${when} } }`;
  const day = 86_400_000;
  const spent =
    (amount: bigint, count: number): Usage =>
    () => ({ amount, count });

  test.each<[string, string, Partial<PolicySubject>, Usage, boolean]>([
    ['cap takes its amount', cap, { amount: 100_000_000n }, NOTHING, true],
    ['cap takes no more', cap, { amount: 100_000_001n }, NOTHING, false],
    ['window takes up to its amount', window, {}, spent(400_000_000n, 0), true],
    ['window takes no more', window, {}, spent(400_000_001n, 0), false],
    ['window takes up to its count', window, {}, spent(0n, 2), true],
    ['window takes no more payments', window, {}, spent(0n, 3), false],
    [
      'window per account says nothing of who has none',
      window,
      { account: null },
      spent(500_000_000n, 9),
      true,
    ],
    ['address book wants to know the destination', book, {}, NOTHING, false],
    ['address book waits for the cool-down', book, { knownSince: AT - day + 1 }, NOTHING, false],
    ['address book is open after it', book, { knownSince: AT - day }, NOTHING, true],
    ['scope takes its method', '- { id: r, type: scope, methods: [transfer] }', {}, NOTHING, true],
    ['scope takes no other', '- { id: r, type: scope, methods: [native] }', {}, NOTHING, false],
    [
      'scope takes its contract',
      `- { id: r, type: scope, contracts: ["${USDC.address}"] }`,
      {},
      NOTHING,
      true,
    ],
    [
      'scope of contracts takes no coin',
      `- { id: r, type: scope, contracts: ["${USDC.address}"] }`,
      { contract: null },
      NOTHING,
      false,
    ],
    ['schedule is open at its day', berlin('days: [thu]'), {}, NOTHING, true],
    ['schedule is closed at others', berlin('days: [fri, sat]'), {}, NOTHING, false],
    ['schedule is by the local clock', berlin('from: "14:00", to: "14:31"'), {}, NOTHING, true],
    ['schedule ends before its end', berlin('from: "14:00", to: "14:30"'), {}, NOTHING, false],
    ['schedule goes over midnight', berlin('from: "22:00", to: "15:00"'), {}, NOTHING, true],
    [
      'schedule over midnight is closed at day',
      berlin('from: "22:00", to: "06:00"'),
      {},
      NOTHING,
      false,
    ],
    ['schedule is closed on a holiday', berlin('exceptDates: ["2026-11-26"]'), {}, NOTHING, false],
    ['schedule may be one day', berlin('dates: ["2026-11-26"]'), {}, NOTHING, true],
  ])('%s', (_what, rule, subject, usage, passes) => {
    expect(ask([ALL, TIERS, rule], subject, usage).verdict).toBe(passes ? 'allow' : 'deny');
  });
});

describe('a match', () => {
  const deny = (match: string) => `- { id: r, type: deny, match: { ${match} } }`;

  test.each<[string, Partial<PolicySubject>, boolean]>([
    ['kinds: [withdrawal]', {}, true],
    ['kinds: [payment]', {}, false],
    ['tenants: [acme, other]', {}, true],
    ['tenants: [other]', {}, false],
    ['accounts: [bob]', {}, false],
    ['accounts: [bob]', { account: null }, false],
    ['assets: [EURC, ETH]', {}, false],
    ['chains: [main]', {}, true],
    ['wallets: [acme]', {}, true],
    ['wallets: [other]', {}, false],
    [`destinations: ["${OTHER}"]`, {}, false],
    [`destinations: ["${OTHER}", "${PAYEE}"]`, {}, true],
    ['merchants: [shop]', PAYMENT, true],
    ['merchants: [other]', PAYMENT, false],
    ['merchants: [shop]', {}, false],
    ['endpoints: ["https://shop.example/paid"]', PAYMENT, true],
    ['endpoints: ["https://shop.example/other"]', PAYMENT, false],
    [`spenders: ["${OTHER}"]`, PAYMENT, true],
    [`spenders: ["${PAYEE}"]`, PAYMENT, false],
    ['assets: [USDC]', PAYMENT, true],
    ['kinds: [payment]', PAYMENT, true],
    ['kinds: [withdrawal], over: "1", assets: [USDC]', PAYMENT, false],
    ['assets: [USDC], over: "100"', {}, false],
    ['assets: [USDC], over: "99.999999"', {}, true],
    ['riskOver: 50', { riskScore: 50 }, false],
    ['riskOver: 50', { riskScore: 51 }, true],
    ['riskOver: 50', { riskScore: null }, true],
    ['when: { timeZone: Asia/Seoul, from: "22:00" }', {}, true],
    ['when: { timeZone: Asia/Seoul, from: "23:00" }', {}, false],
    ['kinds: [withdrawal], tenants: [other]', {}, false],
  ])('of %s: %j', (match, subject, matches) => {
    expect(ask([ALL, TIERS, deny(match)], subject).verdict).toBe(matches ? 'deny' : 'allow');
  });
});

describe('tiers', () => {
  const tiers = `- id: t
  type: tiers
  match: { assets: [USDC, EURC] }
  tiers:
    - { name: low, upTo: "100", maxRisk: 30, commitAt: safe }
    - { name: medium, upTo: "1000", maxRisk: 60, commitAt: finalized, approvals: { all: [{ group: ops, count: 1 }] } }
    - { name: high, maxRisk: 90, commitAt: finalized, approvals: { all: [{ group: ops, count: 2 }, { group: cfo, count: 1 }] }, auditSample: 0.5 }
`;

  test.each<[Partial<PolicySubject>, string | null]>([
    [{ riskScore: 0 }, 'low'],
    [{ riskScore: 30 }, 'low'],
    [{ riskScore: 31 }, 'medium'],
    [{ riskScore: 0, amount: 100_000_001n }, 'medium'],
    [{ riskScore: 61 }, 'high'],
    [{ riskScore: 0, amount: 1_000_000_001n }, 'high'],
    [{ riskScore: 91 }, null],
    [{ riskScore: null }, null],
    [{ riskScore: 0, asset: EURC.caip19, amount: 10_000n }, 'low'],
    [{ riskScore: 0, asset: EURC.caip19, amount: 10_001n }, 'medium'],
    [{ riskScore: 0, asset: ETH.caip19 }, null],
  ])('of %o: %s', (subject, name) => {
    expect(ask([ALL, tiers], subject).tier?.name ?? null).toBe(name);
  });

  it('say who has to approve, when it is committed and how many are looked at later', () => {
    expect(ask([ALL, tiers], { riskScore: 80 })).toMatchObject({
      tier: { name: 'high', commitAt: 'finalized' },
      approvals: {
        all: [
          { group: 'ops', count: 2 },
          { group: 'cfo', count: 1 },
        ],
      },
      auditSample: 0.5,
    });
  });

  it('go with holds, each with its time', () => {
    const hold =
      '- { id: h, type: hold, hold: manual_review, match: { riskOver: 70 }, timeout: 48h }';
    expect(ask([ALL, tiers, hold], { riskScore: 80 }).holds).toEqual([
      { rule: 'h', hold: 'manual_review', timeoutMs: 172_800_000 },
    ]);
    expect(ask([ALL, tiers, hold], { riskScore: 70 }).holds).toEqual([]);
  });
});

describe('meters', () => {
  const metersOf = (...rules: string[]) => [
    ...compilePolicy('policy:test', policyOf(TIERS, ...rules)).meters.keys(),
  ];
  const window = (amount: string, more = '') =>
    `- { id: w${amount}, type: window, match: { assets: [USDC] }, per: account, window: 24h, amount: "${amount}"${more} }`;

  it('stay when a limit changes its number, or its rule its name', () => {
    expect(metersOf(window('1'))).toEqual(metersOf(window('2')));
  });

  it('differ by match, dimension, asset and length', () => {
    const one = metersOf(window('1'))[0];
    for (const other of [
      window('1').replace('account', 'tenant'),
      window('1').replace('24h', '12h'),
      window('1').replace('USDC]', 'USDC], kinds: [payment]'),
      window('1').replace('USDC', 'EURC'),
    ]) {
      expect(metersOf(other)).not.toContain(one);
    }
  });

  it('add up amount and count of one asset together', () => {
    expect(metersOf(window('1', ', count: 5'))).toHaveLength(1);
    const both = window('1', ', count: 5').replace('USDC', 'USDC, EURC');
    expect(metersOf(both)).toHaveLength(3);
  });
});
