import { describe, expect, it } from 'vitest';
import type { Hex } from '../kernel/index.ts';
import { classifySendError, type SendClass } from './index.ts';
import { FIXTURES } from './send-errors.fixture.ts';

const OWN: Hex = `0x${'ab'.repeat(32)}`;
const OTHER: Hex = `0x${'cd'.repeat(32)}`;

const CASES = Object.entries(FIXTURES).flatMap(([wanted, fixtures]) =>
  fixtures.map(([client, message]) => [wanted as SendClass, client, message] as const),
);

describe('classifySendError', () => {
  it.each(CASES)('says %s of what %s answers: %s', (wanted, _client, message) => {
    expect(classifySendError(message, OWN)).toBe(wanted);
    expect(classifySendError(`Server error: ${message}`, OWN)).toBe(wanted);
  });

  it('takes "known" for our bytes only when the text does not name another hash', () => {
    expect(classifySendError(`known transaction: ${OWN}`, OWN)).toBe('already_known');
    expect(classifySendError(`known transaction: ${OTHER}`, OWN)).toBe('unknown');
    expect(classifySendError(`known transaction: ${OTHER}`)).toBe('already_known');
    expect(classifySendError(`already known: ${OTHER} and ${OWN}`, OWN)).toBe('already_known');
  });
});
