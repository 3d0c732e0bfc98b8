import { isRefusal, parseForm, type Refusal, wellFormed } from '../../../base/kernel/index.ts';
import { type Policy, type PolicyWorld, readPolicyBody } from '../../../books/policy/index.ts';
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
    const document = fields.text('document', { code: 'invalid_request', expected }, (text) =>
      // It is kept as it was written, which these can not be.
      wellFormed(text) && !text.includes('\0') ? text : undefined,
    );
    const reason = withReason ? readReason(fields) : '';
    return document === null || reason === null ? null : { document, reason };
  });
  if (isRefusal(form)) return form;
  const policy = readPolicyBody(form.document, world);
  return isRefusal(policy) ? policy : { ...form, policy };
}
