import type { TraceStep } from './evaluate/subject.ts';

/**
 * A trace as it is stored: one text, a line per step. As documents of jsonb, traces were half of what storing
 * a decision cost.
 */
export function writeTrace(trace: readonly TraceStep[]): string {
  let text = '';
  for (const { rule, verdict, detail } of trace) {
    if (text !== '') text += '\n';
    text += `${rule} ${verdict} ${detail.includes('\n') ? detail.replaceAll(/\s+/g, ' ') : detail}`;
  }
  return text;
}

/** The text, or the steps themselves, as decisions had them first. */
export type StoredTrace = string | readonly TraceStep[];

/** Neither rules nor verdicts have spaces. */
export function readTrace(stored: StoredTrace): readonly TraceStep[] {
  if (typeof stored !== 'string') return stored;
  if (stored === '') return [];
  return stored.split('\n').map((line) => {
    const [rule, verdict, ...detail] = line.split(' ');
    return { rule: rule!, verdict: verdict as TraceStep['verdict'], detail: detail.join(' ') };
  });
}
