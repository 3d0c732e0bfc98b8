import { describe, expect, it, test } from 'vitest';
import {
  canonicalPolicy,
  policyOfCanonical,
  policyVersion,
  readPolicy,
  tellPolicyFault,
} from '../index.ts';
import { document, EURC, policyOf as read, USDC, world } from './document.fixture.ts';
import type { RuleOf } from './types.ts';

const A = '0x1111111111111111111111111111111111111111';

const TIERS =
  '- { id: t, type: tiers, match: { assets: [USDC] }, tiers: [{ name: any, commitAt: finalized }] }';
const told = (text: string): string[] => {
  const { faults } = readPolicy(text, world);
  return (faults ?? []).map(tellPolicyFault);
};

describe('a policy document', () => {
  it('is read in base units, CAIP-19 ids and milliseconds', () => {
    const policy = read(
      TIERS,
      '- { id: w, type: window, match: { assets: [USDC, EURC] }, per: account, window: 24h, amount: "12.5", count: 3 }',
      '- { id: b, type: address_book, match: { destinations: ["0x1111111111111111111111111111111111111111"] }, coolDown: P1DT12H }',
    );
    expect(policy.rules[1]).toMatchObject({
      per: 'account',
      windowMs: 86_400_000,
      amounts: { [USDC.caip19]: 12_500_000n, [EURC.caip19]: 1_250n },
      count: 3,
    });
    expect(policy.rules[2]).toMatchObject({
      coolDownMs: 36 * 3_600_000,
      match: { destinations: [A] },
    });
  });

  it('means the same as JSON, with comments and in another order of keys: one version', () => {
    const yaml = read('# what may leave', TIERS);
    const json = readPolicy(
      JSON.stringify({
        rules: [
          {
            type: 'tiers',
            match: { assets: [USDC.caip19] },
            tiers: [{ commitAt: 'finalized', name: 'any' }],
            id: 't',
          },
        ],
        version: 1,
      }),
      world,
    ).policy!;
    expect(policyVersion(json)).toBe(policyVersion(yaml));
    expect(policyVersion(read(TIERS, '- { id: a, type: allow }'))).not.toBe(policyVersion(yaml));
  });

  it('keeps the version that it had before there was screening, where it says nothing of it', () => {
    expect(policyVersion(read(TIERS))).toBe(
      policyVersion(
        read(TIERS.replace('finalized', 'finalized, screening: { whenUnavailable: wait }')),
      ),
    );
    expect(canonicalPolicy(read(TIERS))).not.toMatch(/riskCategories|lookAlike|whenUnscreened/);
    const said = read(
      TIERS.replace('finalized', 'finalized, screening: { whenUnavailable: hold }'),
      '- { id: d, type: deny, match: { riskCategories: [mixer], lookAlike: true } }',
    );
    expect(said.rules).toMatchObject([
      { tiers: [{ whenUnscreened: 'hold' }] },
      { match: { riskCategories: ['mixer'], lookAlike: true } },
    ]);
    expect(policyOfCanonical(canonicalPolicy(said))).toEqual(said);
  });

  it('is stored and read back unchanged', () => {
    const policy = read(
      TIERS,
      '- { id: c, type: cap, match: { assets: [ETH], over: "0.1", when: { timeZone: Asia/Seoul, from: "22:00", to: "06:00" } }, amount: "1.000000000000000001" }',
    );
    expect(policyOfCanonical(canonicalPolicy(policy))).toEqual(policy);
  });

  test.each([
    ['15m', 900_000],
    ['24h', 86_400_000],
    ['30d', 2_592_000_000],
    ['PT24H', 86_400_000],
    ['P1W', 604_800_000],
    ['PT1M', 60_000],
  ])('takes %s as a duration', (text, ms) => {
    const rule = `- { id: w, type: window, per: tenant, window: ${text}, count: 1 }`;
    expect(read(TIERS, rule).rules[1]).toMatchObject({ windowMs: ms });
  });

  it('can ask for groups of approvers, all of them or any', () => {
    const tier = (approvals: string) =>
      `- { id: t, type: tiers, match: { assets: [USDC] }, tiers: [{ name: x, commitAt: safe, approvals: ${approvals} }] }`;
    const of = (approvals: string) =>
      (read(tier(approvals)).rules[0] as RuleOf<'tiers'>).tiers[0]!.approvals;
    const ops = { group: 'ops', count: 2 };
    expect(of('{ all: [{ group: ops, count: 2 }] }')).toEqual(ops);
    expect(of('{ any: [{ group: ops, count: 2 }, { group: cfo, count: 1 }] }')).toEqual({
      any: [ops, { group: 'cfo', count: 1 }],
    });
  });
});

describe('a faulty document is refused with rule, line and column', () => {
  test.each([
    ['no YAML', 'version: 1\nrules: [', [/^line 2, column 9: found no YAML/]],
    [
      'two of one key',
      'version: 1\nversion: 1\nrules: []',
      [/line 2, column 1: found no YAML \(Map keys must be unique/],
    ],
    [
      'no section',
      'just words',
      [/^line 1, column 1, \(the file\): found .*; expected a section of version, rules/],
    ],
    ['nothing', '', [/found null/]],
    [
      'another version',
      `version: 2\nrules:\n${TIERS}`,
      [/^line 1, column 1, version: found the number 2; expected 1$/],
    ],
    ['no rules', 'version: 1\nrules: []', [/line 2, column 1, rules: found an empty list/]],
    ['aliases that blow up', blowUp(), [/aliases that blow the document up/]],
  ])('%s', (_what, text, lines) => expectLines(told(text), lines));

  test.each([
    ['a rule that is a word', '- allow', [/^line 4, column 3, rules\[1\]: found "allow"/]],
    [
      'a rule of no type',
      '- { id: x, type: alow }',
      [/rules\[1\]\.type: found "alow"; expected allow, deny/],
    ],
    [
      'an unknown key',
      '- { id: x, type: allow, matches: {} }',
      [/^line 4, column 25, rule x, matches: found an unknown key/],
    ],
    ['no id', '- { type: allow }', [/rules\[1\]\.id: found nothing/]],
    ['one id twice', '- { id: t, type: allow }', [/line 4, column 5, rule t, id: found "t" again/]],
    [
      'an unknown asset',
      '- { id: x, type: allow, match: { assets: [DOGE] } }',
      [
        /^line 4, column 43, rule x, match\.assets\[0\]: found "DOGE"; expected one of the assets USDC, EURC, ETH$/,
      ],
    ],
    [
      'an unknown chain',
      '- { id: x, type: deny, match: { chains: [moon] } }',
      [/"moon"; expected one of the chains main/],
    ],
    [
      'a negative limit',
      '- { id: x, type: cap, match: { assets: [USDC] }, amount: "-5" }',
      [/rule x, amount: found "-5"; expected a decimal string/],
    ],
    [
      'a limit of nothing',
      '- { id: x, type: cap, match: { assets: [USDC] }, amount: "0" }',
      [/rule x, amount: found "0"; expected more than 0/],
    ],
    [
      'a limit as a number',
      '- { id: x, type: cap, match: { assets: [USDC] }, amount: 5 }',
      [/found the number 5; expected a decimal string in quotes/],
    ],
    [
      'more decimals than the asset has',
      '- { id: x, type: cap, match: { assets: [USDC, EURC] }, amount: "1.234" }',
      [/"1\.234"; expected at most 2 decimals/],
    ],
    [
      'an amount of no asset',
      '- { id: x, type: cap, amount: "5" }',
      [/amount only beside match\.assets/],
    ],
    [
      'a count of minus one',
      '- { id: x, type: window, per: account, window: 1h, count: -1 }',
      [/rule x, count: found the number -1; expected a whole number from 1/],
    ],
    [
      'a limit of neither',
      '- { id: x, type: lifetime, per: account }',
      [/rule x: found neither amount nor count/],
    ],
    [
      'a window of a month',
      '- { id: x, type: window, per: account, window: P1M, count: 1 }',
      [/rule x, window: found "P1M"; expected a duration from 1 minute/],
    ],
    [
      'a window of seconds',
      '- { id: x, type: window, per: account, window: 30s, count: 1 }',
      [/found "30s"/],
    ],
    [
      'an unknown dimension',
      '- { id: x, type: window, per: planet, window: 1h, count: 1 }',
      [/rule x, per: found "planet"; expected account, tenant/],
    ],
    [
      'an unknown time zone',
      '- { id: x, type: schedule, when: { timeZone: Europe/Atlantis } }',
      [/rule x, when\.timeZone: found "Europe\/Atlantis"; expected an IANA time zone/],
    ],
    [
      'an offset as time zone',
      '- { id: x, type: schedule, when: { timeZone: "+02:00" } }',
      [/found "\+02:00"/],
    ],
    [
      'a day that is none',
      '- { id: x, type: schedule, when: { timeZone: UTC, dates: ["2026-02-30"] } }',
      [/when\.dates\[0\]: found "2026-02-30"/],
    ],
    [
      'no time between',
      '- { id: x, type: schedule, when: { timeZone: UTC, from: "08:00", to: "08:00" } }',
      [/when\.to: found "08:00"; expected another time/],
    ],
    [
      'a wrong checksum',
      '- { id: x, type: deny, match: { destinations: ["0xAbcdefabcdefabcdefabcdefabcdefabcdefabcd"] } }',
      [/whose EIP-55 checksum is wrong/],
    ],
    [
      'an entry twice',
      `- { id: x, type: deny, match: { destinations: ["${A}", "${A}"] } }`,
      [/destinations\[1\]: found "0x1{40}" again/],
    ],
    [
      'a category in other letters',
      '- { id: x, type: deny, match: { riskCategories: [Mixer] } }',
      [/riskCategories\[0\]: found "Mixer"; expected a category/],
    ],
    [
      'a category twice',
      '- { id: x, type: deny, match: { riskCategories: [mixer, mixer] } }',
      [/riskCategories\[1\]: found "mixer" again/],
    ],
    [
      'an outage that pays half',
      '- { id: x, type: tiers, match: { assets: [ETH] }, tiers: [{ name: a, commitAt: safe, screening: { whenUnavailable: half } }] }',
      [/whenUnavailable: found "half"; expected wait, hold, allow/],
    ],
    ['a scope of nothing', '- { id: x, type: scope }', [/neither contracts nor methods/]],
    [
      'a hold that nobody knows',
      '- { id: x, type: hold, hold: horoscope, timeout: 1h }',
      [/found "horoscope"; expected travel_rule, screening, manual_review/],
    ],
    [
      'a time-out that allows',
      '- { id: x, type: hold, hold: screening, timeout: 1h, onTimeout: allow }',
      [/onTimeout: found "allow"; expected deny/],
    ],
    [
      'approvals of nobody',
      tiersOf('EURC', '{ name: a, commitAt: safe, approvals: { all: [] } }'),
      [/approvals\.all: found an empty list/],
    ],
    [
      'approvals of both kinds',
      tiersOf(
        'EURC',
        '{ name: a, commitAt: safe, approvals: { all: [{ group: ops, count: 1 }], any: [{ group: ops, count: 1 }] } }',
      ),
      [/exactly one of all, any/],
    ],
    [
      'approvals of a group that there is not',
      tiersOf(
        'EURC',
        '{ name: a, commitAt: safe, approvals: { any: [{ group: ghosts, count: 1 }] } }',
      ),
      [/approvals\.any\[0\]\.group: found "ghosts"; expected one of ops, cfo/],
    ],
    [
      'more approvals than a group has members',
      tiersOf(
        'EURC',
        '{ name: a, commitAt: safe, approvals: { all: [{ group: cfo, count: 2 }] } }',
      ),
      [/approvals\.all\[0\]\.count: found the number 2; expected at most 1, the members of cfo/],
    ],
    [
      'a sample above all',
      tiersOf('EURC', '{ name: a, commitAt: safe, auditSample: 2 }'),
      [/auditSample: found the number 2; expected a share from 0 to 1/],
    ],
  ])('for a rule: %s', (_what, rule, lines) => expectLines(told(document(TIERS, rule)), lines));

  test.each([
    [
      'an allow and a deny of one destination',
      [
        `- { id: a, type: allow, match: { destinations: ["${A}"] } }`,
        `- { id: d, type: deny, match: { destinations: ["${A}"], kinds: [withdrawal] } }`,
      ],
      [
        /^line 4, column 34, rule a, match\.destinations: found destination 0x1{40}, which "d" denies/,
      ],
    ],
    [
      'an allow that a deny covers',
      [
        '- { id: a, type: allow, match: { accounts: [x] } }',
        '- { id: d, type: deny, match: { accounts: [x, y] } }',
      ],
      [/rule a: found what "d" denies as a whole/],
    ],
    [
      'an allow and a deny of one payer',
      [
        `- { id: a, type: allow, match: { merchants: [shop], spenders: ["${A}"] } }`,
        `- { id: d, type: deny, match: { spenders: ["${A}"] } }`,
      ],
      [/^line 4, column 53, rule a, match\.spenders: found spender 0x1{40}, which "d" denies/],
    ],
    [
      'payments of accounts',
      ['- { id: a, type: deny, match: { kinds: [payment], accounts: [x] } }'],
      [/rule a, match\.accounts: found accounts of a rule about payments; expected no accounts/],
    ],
    [
      'withdrawals of merchants',
      ['- { id: a, type: deny, match: { kinds: [withdrawal], merchants: [x] } }'],
      [/rule a, match\.merchants: found merchants of a rule about withdrawals/],
    ],
    [
      'a level of success for withdrawals',
      [tiersOf('ETH', '{ name: a, commitAt: safe, waitUntil: safe }')],
      [/tiers\[0\]\.waitUntil: found waitUntil of withdrawals; expected nothing here/],
    ],
    [
      'a hold of payments',
      ['- { id: h, type: hold, match: { merchants: [shop] }, hold: manual_review, timeout: 1h }'],
      [
        /rule h: found a hold of payments; expected approvals in a tiers rule about payments, .*deny or a cap/,
      ],
    ],
    [
      'one window twice',
      [windowOf('a', 'USDC, EURC'), windowOf('b', 'EURC')],
      [/^line 5, column 3, rule b: found a window of 24h per account of .*bb, as "a"/],
    ],
    [
      'one lifetime cap twice',
      [
        '- { id: a, type: lifetime, per: account, count: 5 }',
        '- { id: b, type: lifetime, per: account, count: 9 }',
      ],
      [/rule b: found a lifetime cap per account of any asset, as "a"/],
    ],
    [
      'two sets of tiers of one asset',
      [TIERS.replace('id: t', 'id: u')],
      [/rule u: found tiers of .*aa, an overlap with those of "t"/],
    ],
    [
      'an allowed asset without tiers',
      ['- { id: a, type: allow, match: { assets: [ETH] } }'],
      [/rule a, match\.assets: found eip155:1\/slip44:60, a gap: no tiers have it/],
    ],
    [
      'tiers that overlap',
      [
        tiersOf(
          'ETH',
          '{ name: a, upTo: "10", commitAt: safe }, { name: b, over: "9", upTo: "20", commitAt: safe }',
        ),
      ],
      [/rule x, tiers\[1\]\.over: found "9", an overlap between the tiers; expected "10"/],
    ],
    [
      'tiers that leave a gap',
      [
        tiersOf(
          'ETH',
          '{ name: a, upTo: "10", commitAt: safe }, { name: b, over: "11", commitAt: safe }',
        ),
      ],
      [/found "11", a gap between the tiers/],
    ],
    [
      'tiers that go down',
      [
        tiersOf(
          'ETH',
          '{ name: a, upTo: "10", commitAt: safe }, { name: b, upTo: "5", commitAt: safe }',
        ),
      ],
      [/tiers\[1\]\.upTo: found "5", an overlap of the tiers; expected at least "10"/],
    ],
    [
      'a tier after one of any amount',
      [tiersOf('ETH', '{ name: a, commitAt: safe }, { name: b, upTo: "5", commitAt: safe }')],
      [/no tier after one without upTo/],
    ],
    [
      'a tier of nothing',
      [tiersOf('ETH', '{ name: a, commitAt: safe }, { name: b, commitAt: safe }')],
      [/what the tier before takes already/],
    ],
    [
      'a riskier tier that takes less risk',
      [
        tiersOf(
          'ETH',
          '{ name: a, upTo: "5", maxRisk: 50, commitAt: safe }, { name: b, maxRisk: 20, commitAt: safe }',
        ),
      ],
      [/tiers\[1\]\.maxRisk: found the number 20; expected at least 50/],
    ],
    [
      'a name twice',
      [tiersOf('ETH', '{ name: a, upTo: "5", commitAt: safe }, { name: a, commitAt: safe }')],
      [/tiers\[1\]\.name: found "a" again/],
    ],
  ])('a contradiction: %s', (_what, rules, lines) =>
    expectLines(told(document(TIERS, ...rules)), lines),
  );

  it('tells all faults at once, in the order of the text', () => {
    const lines = told(
      document(
        '- { id: one, type: cap, match: { assets: [DOGE] }, amount: "-1" }',
        '- { id: two, type: window, per: moon, window: soon, count: 0 }',
      ),
    );
    expect(lines.map((line) => line.split(':')[0])).toEqual([
      'line 3, column 43, rule one, match.assets[0]',
      'line 4, column 28, rule two, per',
      'line 4, column 39, rule two, window',
      'line 4, column 53, rule two, count',
    ]);
  });

  it('finds no contradiction where rules are for different things', () => {
    const rules = [
      `- { id: a, type: allow, match: { destinations: ["${A}"], kinds: [withdrawal] } }`,
      `- { id: d, type: deny, match: { destinations: ["${A}"], kinds: [payment] } }`,
      windowOf('w1', 'USDC'),
      windowOf('w2', 'EURC'),
      windowOf('w3', 'USDC').replace('24h', '1h'),
      windowOf('w4', 'USDC').replace('account', 'tenant'),
      windowOf('w5', 'USDC').replace('amount: "5"', 'count: 5'),
    ];
    expect(told(document(TIERS, ...rules))).toEqual([]);
  });
});

function tiersOf(of: string, tiers: string): string {
  return `- { id: x, type: tiers, match: { assets: [${of}] }, tiers: [${tiers}] }`;
}

function windowOf(id: string, assets: string): string {
  return `- { id: ${id}, type: window, match: { assets: [${assets}] }, per: account, window: 24h, amount: "5" }`;
}

function blowUp(): string {
  const tens = (name: string) => `[${Array.from({ length: 10 }, () => `*${name}`).join(', ')}]`;
  return `a: &a [x, x]\nb: &b ${tens('a')}\nc: &c ${tens('b')}\nd: ${tens('c')}`;
}

function expectLines(lines: string[], expected: RegExp[]): void {
  expect(lines).toEqual(expected.map((line) => expect.stringMatching(line)));
}
