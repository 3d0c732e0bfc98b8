import type { PolicyChange } from '../../../books/policy/index.ts';

/** A change as JSON. Persons by their ids. */
export type PolicyChangeView = Omit<PolicyChange, 'tenantId' | 'draftedAt' | 'effectiveAt'> & {
  draftedAt: string;
  effectiveAt: string | null;
};

export function viewOf({
  tenantId: _,
  draftedAt,
  effectiveAt,
  ...change
}: PolicyChange): PolicyChangeView {
  return {
    ...change,
    draftedAt: draftedAt.toISOString(),
    effectiveAt: effectiveAt?.toISOString() ?? null,
  };
}
