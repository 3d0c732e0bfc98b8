import { randomUUID } from 'node:crypto';
import { type Refusal, refuse } from '../../base/kernel/index.ts';
import type { PolicyChangeView } from '../../roads/control/index.ts';
import type { Page, Services } from './services.ts';

type Policies = Services['policies'];

/** Changes of a policy, in memory, for tests. */
export class FakePolicies implements Policies {
  changes: PolicyChangeView[] = [];

  async list(page: Page): Promise<PolicyChangeView[]> {
    const from = this.changes.findIndex(({ id }) => id === page.before) + 1;
    return this.changes.slice(from, from + page.limit);
  }

  get: Policies['get'] = async (id) => {
    const found = this.#find(id);
    return 'refused' in found ? found : { ...found, document: 'version: 1' };
  };

  diff: Policies['diff'] = async () => ({
    ...{ version: 'policy:1', effect: 'neutral', tightens: false, differences: [] },
  });

  draft: Policies['draft'] = async ({ by, body }) => {
    const { document, reason } = body as { document: string; reason: string };
    if (document === 'faulty') return refuse('policy_faulty', 'Faults.');
    const change: PolicyChangeView = {
      ...{ id: randomUUID(), version: 'policy:1', baseVersion: null, reason },
      ...{ effect: 'loosening', tightens: true, differences: [], status: 'DRAFT' },
      ...{ draftedBy: by.personId, draftedAt: '2026-01-31T12:00:00.000Z' },
      ...{ proposedBy: null, confirmedBy: null, effectiveAt: null, endedBy: null, endReason: null },
    };
    this.changes.unshift(change);
    return change;
  };

  propose: Policies['propose'] = async (id, { by }) =>
    this.#set(id, { status: 'PROPOSED', proposedBy: by.personId });

  confirm: Policies['confirm'] = async (id, { by }) => {
    const found = this.#find(id);
    if ('refused' in found) return found;
    return found.proposedBy === by.personId
      ? refuse('second_person_required', 'Another.')
      : this.#set(id, { status: 'SCHEDULED', confirmedBy: by.personId });
  };

  veto: Policies['veto'] = async (id, { by, body }) => {
    const { reason } = body as { reason: string };
    return this.#set(id, { status: 'VETOED', endedBy: by.personId, endReason: reason });
  };

  #find(id: string): PolicyChangeView | Refusal {
    return this.changes.find((one) => one.id === id) ?? refuse('not_found', 'None.');
  }

  #set(id: string, part: Partial<PolicyChangeView>): PolicyChangeView | Refusal {
    const found = this.#find(id);
    return 'refused' in found ? found : Object.assign(found, part);
  }
}

/** Everything is allowed. */
export const fakePreview: Services['preview'] = async () => ({
  ...{ verdict: 'allow', reason: null, policyVersion: 'config:1', riskTier: 'low' },
  ...{ commitAt: 'safe', approvals: [], holds: [], waiting: null, trace: [], fee: '0.5' },
  balance: { available: '10', required: '5.5', sufficient: true },
});

/** There were no withdrawals. */
export const fakeSimulate: Services['simulate'] = async (_, body) => {
  const { document } = body as { document: string };
  if (document === 'faulty') return refuse('policy_faulty', 'Faults.');
  return {
    ...{ version: 'policy:1', looked: 0, warmedUp: 0, truncated: false },
    ...{ outcomes: [], differences: [], more: false },
  };
};
