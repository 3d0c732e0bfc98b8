import { describe, expect, it } from 'vitest';
import type { Requirement } from '../../../base/config/index.ts';
import type { Match, Policy, PolicyTier, Rule, When } from '../document/types.ts';
import { classify } from './classify.ts';
import type { Effect } from './reach.ts';

const ANY: Match = {
  ...{ kinds: null, tenants: null, accounts: null, assets: null, chains: null, wallets: null },
  ...{ destinations: null, merchants: null, endpoints: null, spenders: null },
  ...{ over: null, riskOver: null, when: null },
};
const DAILY: When = {
  ...{ timeZone: 'UTC', days: ['mon', 'tue'], from: 540, to: 1_020 },
  ...{ dates: null, exceptDates: ['2026-12-24'] },
};
const [A, B] = [`0x${'aa'.repeat(20)}`, `0x${'bb'.repeat(20)}`] as const;
const limit = { per: 'account', amounts: { usd: 100n }, count: 5 } as const;
const tier = (part: Partial<PolicyTier> = {}): PolicyTier => ({
  ...{ name: 't', upTo: null, maxRisk: null, commitAt: 'safe', approvals: null, auditSample: 0 },
  ...part,
});

const BASE: { [T in Rule['type']]: Extract<Rule, { type: T }> } = {
  allow: { id: 'r', match: ANY, type: 'allow' },
  deny: { id: 'r', match: ANY, type: 'deny' },
  cap: { id: 'r', match: ANY, type: 'cap', amounts: { usd: 100n } },
  window: { id: 'r', match: ANY, type: 'window', windowMs: 60_000, ...limit },
  lifetime: { id: 'r', match: ANY, type: 'lifetime', ...limit },
  address_book: { id: 'r', match: ANY, type: 'address_book', coolDownMs: 1_000 },
  scope: { id: 'r', match: ANY, type: 'scope', contracts: [A], methods: ['transfer'] },
  schedule: { id: 'r', match: ANY, type: 'schedule', when: DAILY },
  hold: {
    id: 'r',
    match: ANY,
    type: 'hold',
    hold: 'travel_rule',
    timeoutMs: 1_000,
    onTimeout: 'deny',
  },
  tiers: { id: 'r', match: ANY, type: 'tiers', tiers: [tier()] },
};
type Type = keyof typeof BASE;
const of = (...rules: Rule[]): Policy => ({ rules });
const kept = { id: 'kept', match: ANY, type: 'allow' } as const;
const changed = (type: Type, from: object, to: object) =>
  classify(of({ ...BASE[type], ...from } as Rule), of({ ...BASE[type], ...to } as Rule));

const [T, L, N] = ['tightening', 'loosening', 'neutral'] as const satisfies Effect[];

describe('a rule', () => {
  it.each<[Type, Effect, Effect]>([
    ['allow', L, T],
    ['deny', T, L],
    ['cap', T, L],
    ['window', T, L],
    ['lifetime', T, L],
    ['address_book', T, L],
    ['scope', T, L],
    ['schedule', T, L],
    ['hold', T, L],
    ['tiers', L, L],
  ])('of type %s that is new is %s, and one that is gone %s', (type, isNew, gone) => {
    expect(classify(of(kept), of(kept, BASE[type])).effect).toBe(isNew);
    expect(classify(of(kept, BASE[type]), of(kept)).effect).toBe(gone);
    expect(classify(of(BASE[type]), of(BASE[type]))).toEqual({
      effect: N,
      tightens: false,
      differences: [],
    });
  });

  it('that becomes another type is one gone and one new', () => {
    expect(classify(of(BASE.deny), of(BASE.hold)).differences).toMatchObject([
      { rule: 'r', field: '', effect: L },
      { rule: 'r', field: '', effect: T },
    ]);
  });

  it('with another id is one gone and one new', () => {
    const { differences, effect, tightens } = classify(of(BASE.cap), of({ ...BASE.cap, id: 's' }));
    expect(differences.map(({ rule }) => rule)).toEqual(['r', 's']);
    expect([effect, tightens]).toEqual([L, true]);
  });

  it('in another place is no difference, save among tiers', () => {
    const [one, two] = [
      { ...BASE.cap, id: 'one' },
      { ...BASE.deny, id: 'two' },
    ];
    expect(classify(of(one, two), of(two, one)).effect).toBe(N);
    const [low, high] = [
      { ...BASE.tiers, id: 'low' },
      { ...BASE.tiers, id: 'high' },
    ];
    expect(classify(of(low, high), of(high, low)).effect).toBe(L);
  });
});

describe('a field', () => {
  it.each<[Type, object, object, Effect]>([
    ['cap', { amounts: { usd: 100n } }, { amounts: { usd: 99n } }, T],
    ['cap', { amounts: { usd: 100n } }, { amounts: { usd: 101n } }, L],
    ['cap', { amounts: { usd: 1n } }, { amounts: { usd: 1n, eur: 1n } }, T],
    ['cap', { amounts: { usd: 1n, eur: 1n } }, { amounts: { usd: 1n } }, L],
    ['cap', { amounts: { usd: 1n, eur: 2n } }, { amounts: { usd: 2n, eur: 1n } }, L],
    ['window', { amounts: { usd: 100n } }, { amounts: { usd: 99n } }, T],
    ['window', { amounts: { usd: 100n } }, { amounts: { usd: 101n } }, L],
    ['window', { amounts: null }, { amounts: { usd: 1n } }, T],
    ['window', { amounts: { usd: 1n } }, { amounts: null }, L],
    ['window', { count: 5 }, { count: 4 }, T],
    ['window', { count: 5 }, { count: 6 }, L],
    ['window', { count: null }, { count: 6 }, T],
    ['window', { count: 6 }, { count: null }, L],
    ['window', { windowMs: 60_000 }, { windowMs: 90_000 }, L],
    ['window', { windowMs: 60_000 }, { windowMs: 30_000 }, L],
    ['window', { per: 'account' }, { per: 'tenant' }, L],
    ['lifetime', { amounts: { usd: 100n } }, { amounts: { usd: 99n } }, T],
    ['lifetime', { amounts: { usd: 100n } }, { amounts: { usd: 101n } }, L],
    ['lifetime', { count: 5 }, { count: 4 }, T],
    ['lifetime', { count: 5 }, { count: 6 }, L],
    ['lifetime', { per: 'tenant' }, { per: 'account' }, L],
    ['address_book', { coolDownMs: 1_000 }, { coolDownMs: 1_001 }, T],
    ['address_book', { coolDownMs: 1_000 }, { coolDownMs: 999 }, L],
    ['scope', { contracts: [A, B] }, { contracts: [A] }, T],
    ['scope', { contracts: [A] }, { contracts: [A, B] }, L],
    ['scope', { contracts: null }, { contracts: [A] }, T],
    ['scope', { contracts: [A] }, { contracts: null }, L],
    ['scope', { contracts: [A] }, { contracts: [B] }, L],
    ['scope', { contracts: [A, B] }, { contracts: [B, A] }, N],
    ['scope', { methods: ['native', 'transfer'] }, { methods: ['native'] }, T],
    ['scope', { methods: ['native'] }, { methods: null }, L],
    ['schedule', { when: DAILY }, { when: { ...DAILY, days: ['mon'] } }, T],
    ['schedule', { when: DAILY }, { when: { ...DAILY, days: null } }, L],
    ['schedule', { when: DAILY }, { when: { ...DAILY, from: 600 } }, T],
    ['schedule', { when: DAILY }, { when: { ...DAILY, to: 1_080 } }, L],
    ['schedule', { when: DAILY }, { when: { ...DAILY, from: 600, to: 1_080 } }, L],
    ['schedule', { when: DAILY }, { when: { ...DAILY, from: null, to: null } }, L],
    [
      'schedule',
      { when: { ...DAILY, from: 1_320, to: 360 } },
      { when: { ...DAILY, from: 1_380, to: 300 } },
      T,
    ],
    [
      'schedule',
      { when: { ...DAILY, from: 1_380, to: 300 } },
      { when: { ...DAILY, from: 1_320, to: 360 } },
      L,
    ],
    ['schedule', { when: DAILY }, { when: { ...DAILY, dates: ['2026-12-01'] } }, T],
    ['schedule', { when: DAILY }, { when: { ...DAILY, exceptDates: null } }, L],
    [
      'schedule',
      { when: DAILY },
      { when: { ...DAILY, exceptDates: ['2026-12-24', '2026-12-25'] } },
      T,
    ],
    ['schedule', { when: DAILY }, { when: { ...DAILY, timeZone: 'Asia/Seoul' } }, L],
    ['hold', { timeoutMs: 1_000 }, { timeoutMs: 999 }, T],
    ['hold', { timeoutMs: 1_000 }, { timeoutMs: 1_001 }, L],
    ['hold', { hold: 'travel_rule' }, { hold: 'manual_review' }, L],
  ])('of %s, case %#', (type, from, to, effect) => {
    const diff = changed(type, from, to);
    expect(diff.effect).toBe(effect);
    expect(diff.differences.map(({ field }) => field)).toEqual([Object.keys(to)[0]]);
  });
});

/** What a rule of each kind is when it is about fewer payments, about more, or about others. */
const BY_REACH: [Type, Effect, Effect][] = [
  ['allow', T, L],
  ['deny', L, T],
  ['cap', L, T],
  ['address_book', L, T],
  ['scope', L, T],
  ['schedule', L, T],
  ['hold', L, T],
  ['window', L, L],
  ['lifetime', L, L],
  ['tiers', L, L],
];
const MEMBERS: [keyof Match, Match[keyof Match], Match[keyof Match]][] = [
  ['tenants', ['a', 'b'], ['a']],
  ['accounts', ['a', 'b'], ['b']],
  ['assets', null, ['usd']],
  ['chains', null, ['base']],
  ['wallets', ['a', 'b'], ['a']],
  ['destinations', [A, B], [A]],
  ['merchants', null, ['m']],
  ['endpoints', null, ['e']],
  ['spenders', null, [A]],
  ['over', null, { usd: 1n }],
  ['over', { usd: 1n }, { usd: 2n }],
  ['over', { usd: 1n, eur: 1n }, { usd: 1n }],
  ['riskOver', null, 10],
  ['riskOver', 10, 20],
  ['riskCategories', undefined, ['mixer', 'bet']],
  ['lookAlike', undefined, true],
  ['lookAlike', undefined, false],
  ['riskCategories', ['mixer', 'bet'], ['mixer']],
  ['when', null, DAILY],
  ['when', DAILY, { ...DAILY, days: ['mon'] }],
];

describe('a match', () => {
  it.each(BY_REACH)('of %s that is about fewer is %s, about more %s', (type, fewer, more) => {
    for (const [member, wide, narrow] of MEMBERS) {
      const at = (value: unknown) => ({
        match: { ...ANY, kinds: ['withdrawal'] as const, [member]: value },
      });
      const narrowed = changed(type, at(wide), at(narrow));
      expect([member, narrowed.effect]).toEqual([member, fewer]);
      expect(narrowed.differences).toMatchObject([{ rule: 'r', field: `match.${member}` }]);
      expect([member, changed(type, at(narrow), at(wide)).effect]).toEqual([member, more]);
    }
  });

  it.each<[keyof Match, unknown, unknown]>([
    ['accounts', ['a'], ['b']],
    ['lookAlike', true, false],
    ['over', { usd: 1n }, { eur: 1n }],
    ['over', { usd: 1n, eur: 2n }, { usd: 2n, eur: 1n }],
    ['when', DAILY, { ...DAILY, timeZone: 'Asia/Seoul' }],
  ])('on other %s is loosening, whatever the rule', (member, from, to) => {
    for (const [type] of BY_REACH) {
      const at = (value: unknown) => ({ match: { ...ANY, [member]: value } });
      expect([type, changed(type, at(from), at(to)).effect]).toEqual([type, L]);
    }
  });

  it('whose list has another order is the same, but not for what is added up', () => {
    const at = (accounts: string[]) => ({ match: { ...ANY, accounts } });
    for (const [type] of BY_REACH) {
      const wanted = ['window', 'lifetime', 'tiers'].includes(type) ? L : N;
      expect([type, changed(type, at(['a', 'b']), at(['b', 'a'])).effect]).toEqual([type, wanted]);
    }
  });
});

describe('what a rule is about', () => {
  const match = (more: Partial<Match>) => ({ match: { ...ANY, ...more } });
  const both = ['withdrawal', 'payment'] as const;

  it.each<[string, Type, Partial<Match>, Partial<Match>, Effect]>([
    ['that says what it was about anyway', 'cap', {}, { kinds: ['withdrawal'] }, N],
    ['that is about payments, too', 'cap', {}, { kinds: both }, T],
    ['that is about payments no more', 'cap', { kinds: both }, {}, L],
    ['that is about a merchant from now on', 'cap', {}, { merchants: ['m'] }, L],
    ['that denies everything, as it did', 'deny', {}, { kinds: both }, N],
    ['that denies payments no more', 'deny', {}, { kinds: ['withdrawal'] }, L],
    ['that denies accounts', 'deny', {}, { accounts: ['a'] }, L],
    ['that opens payments', 'allow', {}, { kinds: both }, L],
    ['that leaves them to the configuration', 'allow', { kinds: both }, {}, L],
    ['that leaves a merchant to it', 'allow', { merchants: ['m', 'n'] }, { merchants: ['m'] }, L],
    [
      'that allows fewer payers',
      'allow',
      { merchants: ['m'], spenders: [A, B] },
      { merchants: ['m'], spenders: [A] },
      T,
    ],
  ])('%s', (_what, type, from, to, effect) => {
    expect(changed(type, match(from), match(to)).effect).toBe(effect);
  });

  it('that opened payments and is gone leaves them to the configuration: loosening', () => {
    const of = (...kinds: ('withdrawal' | 'payment')[]): Policy => ({
      rules: [{ ...BASE.allow, match: { ...ANY, kinds } }],
    });
    expect(classify(of('payment'), { rules: [] }).effect).toBe(L);
    expect(classify(of('withdrawal'), { rules: [] }).effect).toBe(T);
  });
});

const two = { group: 'g', count: 2 };
const one = { group: 'g', count: 1 };
const other = { group: 'h', count: 1 };

describe('tiers', () => {
  const low = tier({ name: 'low', upTo: { usd: 100n }, maxRisk: 30 });
  const high = tier({ name: 'high', commitAt: 'finalized', approvals: two });
  it.each<[string, PolicyTier[], PolicyTier[], Effect]>([
    ['of another name', [low], [{ ...low, name: 'x' }], N],
    ['a success told later', [low], [{ ...low, waitUntil: 'safe' }], T],
    [
      'a success told earlier',
      [{ ...low, waitUntil: 'finalized' }],
      [{ ...low, waitUntil: 'safe' }],
      L,
    ],
    ['a success told as configured', [{ ...low, waitUntil: 'safe' }], [low], L],
    ['a success told at once', [low], [{ ...low, waitUntil: 'included' }], N],
    ['a higher end, above which is nothing', [low], [{ ...low, upTo: { usd: 101n } }], L],
    ['a lower end, above which is nothing', [low], [{ ...low, upTo: { usd: 99n } }], T],
    [
      'a lower end, above which is a stricter one',
      [low, high],
      [{ ...low, upTo: { usd: 99n } }, high],
      T,
    ],
    [
      'a higher end, above which is a stricter one',
      [low, high],
      [{ ...low, upTo: { usd: 101n } }, high],
      L,
    ],
    [
      'a lower end, above which is a laxer one',
      [{ ...high, upTo: { usd: 9n } }, tier()],
      [{ ...high, upTo: { usd: 8n } }, tier()],
      L,
    ],
    ['a further asset', [low], [{ ...low, upTo: { usd: 100n, eur: 1n } }], L],
    ['one asset less', [{ ...low, upTo: { usd: 100n, eur: 1n } }], [low], T],
    ['no end any more', [low], [{ ...low, upTo: null }], L],
    ['less risk', [low], [{ ...low, maxRisk: 29 }], T],
    ['more risk', [low], [{ ...low, maxRisk: 31 }], L],
    ['any risk', [low], [{ ...low, maxRisk: null }], L],
    ['a further tier behind', [low], [low, high], L],
    ['one tier less behind', [low, high], [low], T],
    ['one tier less before a stricter one', [low, high], [high], T],
    ['a tier that nothing reaches', [high], [high, low], N],
    ['commitAt finalized', [tier()], [tier({ commitAt: 'finalized' })], T],
    ['commitAt safe', [tier({ commitAt: 'finalized' })], [tier()], L],
    ['a hold in the place of waiting', [tier()], [tier({ whenUnscreened: 'hold' })], L],
    [
      'nothing in the place of a hold',
      [tier({ whenUnscreened: 'hold' })],
      [tier({ whenUnscreened: 'allow' })],
      L,
    ],
    ['waiting in the place of nothing', [tier({ whenUnscreened: 'allow' })], [tier()], T],
    ['more of a sample', [tier()], [tier({ auditSample: 0.5 })], T],
    ['less of a sample', [tier({ auditSample: 0.5 })], [tier({ auditSample: 0.4 })], L],
    [
      'stricter one way and laxer another',
      [tier({ auditSample: 1 })],
      [tier({ commitAt: 'finalized' })],
      L,
    ],
  ])('with %s', (_, from, to, effect) => {
    expect(changed('tiers', { tiers: from }, { tiers: to }).effect).toBe(effect);
  });

  it.each<[Requirement | null, Requirement | null, Effect]>([
    [null, one, T],
    [one, null, L],
    [one, two, T],
    [two, one, L],
    [one, other, L],
    [one, { all: [one, other] }, T],
    [{ all: [one, other] }, one, L],
    [one, { any: [one, other] }, L],
    [{ any: [one, other] }, one, T],
    [{ any: [one, other] }, { all: [one, other] }, T],
    [{ all: [one, other] }, { all: [other, one] }, N],
    [one, { all: [one, { any: [one, other] }] }, T],
    [{ all: [one] }, one, N],
    [{ all: [one, one] }, one, L],
    [{ all: [two, one] }, two, L],
    [one, { all: [one, one] }, T],
    [{ all: [one, one] }, two, N],
    [{ any: [two, other] }, { any: [{ all: [two, other] }, other] }, T],
  ])('with approvals %j, then %j', (from, to, effect) => {
    const at = (approvals: Requirement | null) => ({ tiers: [tier({ approvals })] });
    expect(changed('tiers', at(from), at(to)).effect).toBe(effect);
  });

  it('whose approvals have more ways than can be looked at are loosening', () => {
    const any = { any: Array.from({ length: 50 }, (_, n) => ({ group: `g${n}`, count: 1 })) };
    const many = { all: [any, any, any] };
    const at = (approvals: Requirement) => ({ tiers: [tier({ approvals })] });
    expect(changed('tiers', at(any), at(many)).effect).toBe(L);
  });
});

describe('a document', () => {
  it('is loosening where anything of it is, and tells that it tightens too', () => {
    const from = of(BASE.cap, { ...BASE.deny, id: 'd' });
    const to = of(
      { ...BASE.cap, amounts: { usd: 1n } },
      { ...kept, id: 'a' },
      { ...BASE.deny, id: 'd' },
    );
    expect(classify(from, to)).toMatchObject({
      ...{ effect: L, tightens: true },
      differences: [
        {
          rule: 'r',
          field: 'amounts',
          effect: T,
          detail: '{"usd":{"baseUnits":"100"}} → {"usd":{"baseUnits":"1"}}',
        },
        { rule: 'a', field: '', effect: L, detail: 'allow is new' },
      ],
    });
  });

  it('that is the first is loosening, and may tighten', () => {
    expect(classify(null, of(kept))).toMatchObject({
      effect: L,
      tightens: true,
      differences: [{ rule: '*' }],
    });
  });
});
