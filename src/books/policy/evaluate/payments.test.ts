import { describe, expect, it, test } from 'vitest';
import { policyOf } from '../document/document.fixture.ts';
import { compilePolicy } from './compile.ts';
import { evaluate } from './evaluate.ts';
import type { Usage } from './judge.ts';
import { OTHER, PAYEE, PAYMENT, subjectOf } from './subject.fixture.ts';
import type { PolicySubject } from './subject.ts';

const ALL = '- { id: all, type: allow, match: { kinds: [withdrawal, payment] } }';
const TIERS =
  '- { id: t, type: tiers, match: { assets: [USDC] }, tiers: [{ name: any, commitAt: finalized }] }';
const NOTHING: Usage = () => ({ amount: 0n, count: 0 });

function ask(rules: string[], subject: Partial<PolicySubject> = PAYMENT, usage = NOTHING) {
  const policy = compilePolicy('policy:test', policyOf(...rules));
  return evaluate(policy, subjectOf(subject), { at: 0, usage }).decision;
}

describe('a policy about payments', () => {
  const CAP = 'type: cap, amount: "99", match: { assets: [USDC]';
  const OF_SHOP = '- { id: open, type: allow, match: { merchants: [shop]';

  it('where no rule is about it, its merchant’s configuration decides', () => {
    const decision = ask(['- { id: a, type: allow }', TIERS], PAYMENT);
    expect(decision).toMatchObject({ verdict: 'allow', tier: { name: 'low', commitAt: 'safe' } });
    expect(decision.trace).toEqual([
      { rule: '*', verdict: 'no_match', detail: 'a t' },
      { rule: '@configured', verdict: 'allow', detail: 'as the merchant is configured' },
      { rule: '@configured', verdict: 'pass', detail: 'tier low' },
    ]);
  });

  test.each<[string, string, string | null]>([
    ['a limit that does not say so is not about it', `- { id: r, ${CAP} } }`, null],
    ['one that does is', `- { id: r, ${CAP}, kinds: [payment] } }`, 'r: at most 99000000'],
    ['one of its merchant is', `- { id: r, ${CAP}, merchants: [shop] } }`, 'r: at most 99000000'],
    ['one of another merchant is not', `- { id: r, ${CAP}, merchants: [other] } }`, null],
    ['an address book is not', '- { id: r, type: address_book }', null],
    ['a deny is', `- { id: r, type: deny, match: { destinations: ["${PAYEE}"] } }`, 'r: denied'],
    ['but not of accounts', '- { id: r, type: deny, match: { accounts: [bob] } }', null],
    [
      'a deny of payers is',
      `- { id: r, type: deny, match: { spenders: ["${OTHER}"] } }`,
      'r: denied',
    ],
    [
      'payers that are allowed leave no others',
      `${OF_SHOP}, spenders: ["${PAYEE}"] } }`,
      'default: no rule allows it',
    ],
    ['those are', `${OF_SHOP}, spenders: ["${OTHER}"] } }`, null],
    [
      'of another merchant they say nothing',
      `${OF_SHOP.replace('shop', 'other')}, spenders: ["${PAYEE}"] } }`,
      null,
    ],
    ['nor of another tenant', `${OF_SHOP}, tenants: [other], spenders: ["${PAYEE}"] } }`, null],
    [
      'a deny wins',
      `${OF_SHOP} } }\n- { id: r, type: deny, match: { assets: [USDC], over: "99" } }`,
      'r: denied',
    ],
    [
      'tiers that it is above',
      '- { id: r, type: tiers, match: { merchants: [shop], assets: [USDC] }, tiers: [{ name: x, upTo: "1", commitAt: safe }] }',
      'r: above every tier',
    ],
  ])('%s', (_what, rule, reason) => {
    expect(ask(rule.split('\n'), PAYMENT).reason).toBe(reason);
  });

  it('a tier of a document takes the place of the configuration’s', () => {
    const tiers =
      '- { id: r, type: tiers, match: { kinds: [payment], assets: [USDC] }, tiers: [{ name: x, commitAt: finalized, waitUntil: safe }] }';
    const tier = { name: 'x', commitAt: 'finalized', waitUntil: 'safe' };
    expect(ask([tiers], PAYMENT)).toMatchObject({ verdict: 'allow', tier });
  });

  test.each(['merchant', 'endpoint', 'spender'])('a limit per %s is about it', (per) => {
    const rule = `- { id: r, type: window, match: { assets: [USDC] }, per: ${per}, window: 1h, amount: "150" }`;
    const usage: Usage = (_limit, name) => {
      return { amount: name === PAYMENT[per as 'merchant'] ? 51_000_000n : 0n, count: 1 };
    };
    expect(ask([rule], PAYMENT, usage).reason).toBe('r: 151000000 of 150000000');
    expect(ask([rule], PAYMENT).verdict).toBe('allow');
    expect(ask([rule, ALL, TIERS], {}, () => ({ amount: 10n ** 9n, count: 1 })).verdict).toBe(
      'allow',
    );
  });
});
