import { refuse } from '../../../base/kernel/index.ts';
import type { HoldView } from '../../../roads/withdrawal/index.ts';
import type { Services } from '../services/services.ts';

type Holds = Services['holds'];

/** Holds of one tenant, in memory, for tests. */
export class FakeHolds implements Holds {
  views: HoldView[] = [1, 2, 3].map((n) => ({
    id: `01890000-0000-7000-8000-00000000001${n}`,
    withdrawalId: `01890000-0000-7000-8000-00000000000${n}`,
    hold: 'travel_rule',
    rule: 'tr',
    status: 'waiting',
    answeredBy: null,
    reason: null,
    expiresAt: '2026-01-31T12:00:00.000Z',
    createdAt: '2026-01-30T12:00:00.000Z',
  }));
  readonly #tenantId: string;

  constructor(tenantId: string) {
    this.#tenantId = tenantId;
  }

  list: Holds['list'] = async (tenantId, { limit, before }) => {
    const mine = tenantId === this.#tenantId ? this.views : [];
    const from = before === null ? 0 : mine.findIndex((one) => one.id === before) + 1;
    return mine.slice(from, from + limit);
  };

  answer: Holds['answer'] = async (tenantId, id, { answer, body, by }) => {
    const hold = this.views.find((one) => one.id === id);
    if (hold === undefined || tenantId !== this.#tenantId) return refuse('not_found', 'None.');
    const { reason = null } = (body ?? {}) as { reason?: string };
    return Object.assign(hold, { status: answer, answeredBy: by, reason });
  };
}
