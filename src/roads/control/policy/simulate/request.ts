import { isRefusal, parseForm, type Refusal } from '../../../../base/kernel/index.ts';
import { type Policy, type PolicyWorld, readPolicyBody } from '../../../../books/policy/index.ts';

const LONGEST_DAYS = 366;
const DEFAULT_DAYS = 30;
const MOST_TOLD = 200;

type SimulationRequest = { policy: Policy; days: number; limit: number };

/** `{document, days?, limit?}`. */
export function parseSimulation(body: unknown, world: PolicyWorld): SimulationRequest | Refusal {
  const known = new Set(['document', 'days', 'limit']);
  const form = parseForm(body, known, (fields) => {
    const expected = 'a policy document as text, YAML or JSON';
    const document = fields.text('document', { code: 'invalid_request', expected }, (text) => text);
    const whole = (name: 'days' | 'limit', most: number, fallback: number): number => {
      const value = fields.raw(name) ?? fallback;
      if (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= most) {
        return Number(value);
      }
      fields.fault(name, 'invalid_request', value, `a whole number from 1 to ${most}`);
      return fallback;
    };
    const days = whole('days', LONGEST_DAYS, DEFAULT_DAYS);
    const limit = whole('limit', MOST_TOLD, MOST_TOLD);
    return document === null ? null : { document, days, limit };
  });
  if (isRefusal(form)) return form;
  const { document, ...rest } = form;
  const policy = readPolicyBody(document, world);
  return isRefusal(policy) ? policy : { policy, ...rest };
}
