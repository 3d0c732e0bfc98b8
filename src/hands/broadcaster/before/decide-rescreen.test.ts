import { describe, expect, it } from 'vitest';
import type { Screened } from '../../../books/destination/index.ts';
import type { ScreeningInputs } from '../../../books/policy/index.ts';
import { judgeRescreened } from './decide-rescreen.ts';

const known = (score: number, category: string | null = null) =>
  ({ kind: 'known', at: 1, score, category, source: 'toy' }) as const;
const away = { kind: 'unavailable', reason: 'toy: nothing' } as const;
const decided = (
  said: Screened,
  whenUnscreened: ScreeningInputs['whenUnscreened'] = 'wait',
): ScreeningInputs => ({ ...said, whenUnscreened });

describe('a payment that is screened again before its nonce', () => {
  it.each<[string, ScreeningInputs | null, Screened, string | null]>([
    ['is as it was', decided(known(5)), known(5), null],
    ['is less risky', decided(known(5)), known(4), null],
    ['is under sanctions since', decided(known(5)), known(100, 'sanctions'), 'screening_refused'],
    ['is riskier', decided(known(5)), known(6), 'screening_refused'],
    ['has got a name', decided(known(5)), known(5, 'mixer'), 'screening_refused'],
    ['has another name', decided(known(5, 'bet')), known(5, 'mixer'), 'screening_refused'],
    ['has lost its name', decided(known(5, 'mixer')), known(5), null],
    ['is known at last, and has no name', decided(away, 'allow'), known(80), null],
    ['is known at last by a name', decided(away, 'allow'), known(0, 'mixer'), 'screening_refused'],
    [
      'is known at last by a name, after a person let it pass',
      decided(away, 'hold'),
      known(0, 'mixer'),
      'screening_refused',
    ],
    [
      'is under sanctions, and nobody knew',
      decided(away, 'allow'),
      known(1, 'sanctions'),
      'screening_refused',
    ],
    ['was decided before anybody was asked', null, known(80), null],
    ['has a name, and nobody was asked', null, known(0, 'mixer'), 'screening_refused'],
    ['is asked about', decided(known(5)), { kind: 'wanted' }, 'screening'],
    ['is asked about, and was not before', null, { kind: 'wanted' }, 'screening'],
    ['can not be asked about', decided(known(5)), away, 'screening_unavailable'],
    ['can not be asked about, and was not before', null, away, 'screening_unavailable'],
    [
      'can not be asked about, which its tier holds',
      decided(known(5), 'hold'),
      away,
      'screening_unavailable',
    ],
    ['can not be asked about, which its tier allows', decided(known(5), 'allow'), away, null],
    ['can still not be asked about, and a person let it pass', decided(away, 'hold'), away, null],
  ])('%s', (_, then, now, said) => {
    const objection = judgeRescreened(then, now);
    const told = objection?.kind === 'wait' ? objection.reason : objection?.code;
    expect(told ?? null).toBe(said);
  });
});
