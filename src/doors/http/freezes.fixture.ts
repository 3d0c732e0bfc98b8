import { randomUUID } from 'node:crypto';
import { refuse } from '../../base/kernel/index.ts';
import type { FreezeView } from '../../roads/control/index.ts';
import type { Page, Services } from './services.ts';

type Freezes = Services['freezes'];

/** The freezes of one tenant, in memory, for tests. */
export class FakeFreezes implements Freezes {
  views: FreezeView[] = [];
  readonly #tenantId: string;

  constructor(tenantId: string) {
    this.#tenantId = tenantId;
  }

  async list(tenantId: string, filter: { state?: 'standing' | 'lifted' }, page: Page) {
    if (tenantId !== this.#tenantId) return [];
    const from =
      page.before === null ? 0 : this.views.findIndex(({ id }) => id === page.before) + 1;
    const asked = this.views.filter(
      ({ lifted }) =>
        filter.state === undefined || (lifted === null) === (filter.state === 'standing'),
    );
    return asked.slice(from, from + page.limit);
  }

  freeze: Freezes['freeze'] = async ({ by, body }) => {
    const { reason } = body as { reason: string };
    const standing = this.views.find((one) => one.reason === reason);
    if (standing !== undefined) return { placed: false, view: standing };
    const view: FreezeView = {
      id: randomUUID(),
      scope: 'global',
      subject: null,
      reason,
      frozenBy: by.personId,
      frozenAt: '2026-01-31T12:00:00.000Z',
      proposal: null,
      lifted: null,
    };
    this.views.unshift(view);
    return { placed: true, view };
  };

  lift: Freezes['lift'] = async (id, { by: { tenantId, personId }, body }) => {
    const view = this.views.find((one) => one.id === id);
    if (view === undefined || tenantId !== this.#tenantId) return refuse('not_found', 'None.');
    const { reason } = body as { reason: string };
    const at = '2026-01-31T12:00:00.000Z';
    if (view.proposal === null) {
      view.proposal = { reason, proposedBy: personId, proposedAt: at };
      return { kind: 'proposed', view };
    }
    view.lifted = { reason, proposedBy: view.proposal.proposedBy, confirmedBy: personId, at };
    return { kind: 'lifted', view };
  };
}
