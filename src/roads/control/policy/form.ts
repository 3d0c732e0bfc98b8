import {
  type Fault,
  isRefusal,
  parseForm,
  type Refusal,
  refuse,
} from '../../../base/kernel/index.ts';
import {
  type Policy,
  type PolicyWorld,
  readPolicy,
  tellPolicyFault,
} from '../../../books/policy/index.ts';
import { readReason } from '../reason.ts';

type Draft = { document: string; policy: Policy; reason: string };

/** `{document, reason}`: a document as text, YAML or JSON, and why. Every fault of the document is told with its line. */
export function parseDraft(
  body: unknown,
  world: PolicyWorld,
  withReason: boolean,
): Draft | Refusal {
  const known = new Set(withReason ? ['document', 'reason'] : ['document']);
  const form = parseForm(body, known, (fields) => {
    const expected = 'a policy document as text, YAML or JSON';
    const document = fields.text('document', { code: 'invalid_request', expected }, (text) => text);
    const reason = withReason ? readReason(fields) : '';
    return document === null || reason === null ? null : { document, reason };
  });
  if (isRefusal(form)) return form;
  const { policy, faults } = readPolicy(form.document, world);
  if (policy !== null) return { ...form, policy };
  return refuse(
    'policy_faulty',
    `${faults.length} faults, the first: ${tellPolicyFault(faults[0]!)}.`,
    {
      faults: faults.map((fault): Fault => {
        const { line, column, rule, path, found, expected } = fault;
        const place = `line ${line}, column ${column}${rule === null ? '' : `, rule ${rule}`}`;
        return {
          pointer: '/document',
          code: 'policy_faulty',
          got: `${place}${path === '' ? '' : `, ${path}`}: ${found}`,
          expected,
        };
      }),
    },
  );
}
