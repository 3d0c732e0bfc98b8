import { describe, expect, it } from 'vitest';
import type { TraceStep } from './evaluate/subject.ts';
import { readTrace, writeTrace } from './trace.ts';

describe('a trace', () => {
  it.each<[string, TraceStep[]]>([
    ['of nothing', []],
    [
      'of several steps',
      [
        { rule: 'customers', verdict: 'allow', detail: 'allowed' },
        { rule: 'day', verdict: 'pass', detail: '2 of 10, 1 of 3 payments' },
        { rule: '*', verdict: 'no_match', detail: 'eth x402' },
      ],
    ],
    ['with a step that says nothing', [{ rule: 'a', verdict: 'pass', detail: '' }]],
  ])('%s is read as it was written', (_, trace) => {
    expect(readTrace(writeTrace(trace))).toEqual(trace);
  });

  it('keeps a line for each step, whatever a provider of risk says', () => {
    const detail = 'hold: nobody could say (503\n\r\ndefault allow)';
    const trace: TraceStep[] = [{ rule: '@screening', verdict: 'hold', detail }];
    expect(readTrace(writeTrace(trace))).toEqual([
      { ...trace[0]!, detail: 'hold: nobody could say (503 default allow)' },
    ]);
  });

  it('is read as steps where it was stored as such', () => {
    const trace: TraceStep[] = [
      { rule: 'tier:low', verdict: 'allow', detail: 'covers any amount' },
    ];
    expect(readTrace(trace)).toBe(trace);
  });
});
