import { describe, expect, it } from 'vitest';
import { policyOf } from '../document/document.fixture.ts';
import { compilePolicy } from './compile.ts';
import { evaluate } from './evaluate.ts';
import { subjectOf } from './subject.fixture.ts';
import type { PolicySubject } from './subject.ts';

const OTHER = '0x2222222222222222222222222222222222222222';
const ALL = '- { id: all, type: allow }';
const TIERS =
  '- { id: t, type: tiers, match: { assets: [USDC] }, tiers: [{ name: any, commitAt: finalized }] }';

function ask(rules: string[], subject: Partial<PolicySubject> = {}) {
  const policy = compilePolicy('policy:test', policyOf(...rules));
  const usage = () => ({ amount: 0n, count: 0 });
  return evaluate(policy, subjectOf(subject), { at: 0, usage }).decision;
}

describe('screening', () => {
  const away = { unscreened: 'toy: nothing' };
  const low = (more: string) =>
    `- { id: t, type: tiers, match: { assets: [USDC] }, tiers: [{ name: low, maxRisk: 30, commitAt: safe${more} }, { name: high, commitAt: finalized${more} }] }`;
  const when = (what: string) => low(`, screening: { whenUnavailable: ${what} }`);

  it('denies whoever is under sanctions, whatever the rules say', () => {
    expect(ask([ALL, TIERS], { riskScore: 100, riskCategory: 'sanctions' })).toMatchObject({
      ...{ verdict: 'deny', waits: false },
      reason: '@screening: the destination is under sanctions',
    });
  });

  it.each([
    ['mixer', 'deny'],
    ['bet', 'deny'],
    ['shop', 'allow'],
    [null, 'allow'],
  ])('of the category %s: %s, where a rule denies some', (riskCategory, verdict) => {
    const no = '- { id: no, type: deny, match: { riskCategories: [mixer, bet] } }';
    expect(ask([ALL, no, low('')], { riskScore: 5, riskCategory }).verdict).toBe(verdict);
  });

  it('that can not be asked is waited for, and takes nothing meanwhile', () => {
    for (const rules of [
      [ALL, low('')],
      [ALL, when('wait')],
      // Unknown would be above any limit; at the lowest risk it would be paid.
      [ALL, low('').replace(/, \{ name: high.*\}\] /, '] ')],
      [ALL, low(''), '- { id: no, type: deny, match: { riskOver: 80 } }'],
    ]) {
      const { verdict, waits, trace } = ask(rules, away);
      expect({ verdict, waits }).toEqual({ verdict: 'allow', waits: true });
      expect(trace.at(-1)).toMatchObject({ rule: '@screening', verdict: 'hold' });
    }
  });

  it('that can not be asked changes nothing about what is denied anyway', () => {
    const cap = '- { id: cap, type: cap, match: { assets: [USDC] }, amount: "1" }';
    expect(ask([ALL, when('allow'), cap], away)).toMatchObject({ verdict: 'deny', waits: false });
  });

  it('that can not be asked is what its tier says: a hold, or nothing', () => {
    const held = ask([ALL, when('hold')], away);
    expect(held).toMatchObject({ verdict: 'allow', waits: false, tier: { name: 'high' } });
    expect(held.holds).toEqual([{ rule: '@screening', hold: 'screening', timeoutMs: 86_400_000 }]);
    const allowed = ask([ALL, when('allow')], away);
    expect(allowed).toMatchObject({ verdict: 'allow', waits: false, holds: [] });
    expect(allowed.trace.at(-1)).toMatchObject({ rule: '@screening', verdict: 'pass' });
  });

  it('that answers leaves no trace of itself but in the score', () => {
    const { tier, trace } = ask([ALL, when('hold')], { riskScore: 30 });
    expect(tier?.name).toBe('low');
    expect(trace.map(({ rule }) => rule)).not.toContain('@screening');
  });
});

describe('a destination that looks like another', () => {
  const like = { lookAlike: OTHER } as const;
  const held =
    '- { id: h, type: hold, match: { lookAlike: true }, hold: manual_review, timeout: 24h }';
  it('is told with whom it looks like, and held or denied where a rule says so', () => {
    expect(ask([ALL, TIERS, held], like)).toMatchObject({
      holds: [{ rule: 'h' }],
      trace: [{ rule: '@look_alike', detail: `looks like ${OTHER}` }, ...Array(3).fill({})],
    });
    expect(ask([ALL, TIERS, held]).holds).toEqual([]);
    const others = '- { id: o, type: deny, match: { lookAlike: false } }';
    expect(ask([ALL, TIERS, others]).verdict).toBe('deny');
    expect(ask([ALL, TIERS, others], like).verdict).toBe('allow');
  });

  it('is looked for only where a rule asks', () => {
    const asks = (...rules: string[]) =>
      compilePolicy('v', policyOf(TIERS, ...rules)).asksLookAlike;
    expect([asks(held), asks(ALL)]).toEqual([true, false]);
  });
});
