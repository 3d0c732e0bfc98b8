import { type Refusal, refuse } from '../../../base/kernel/index.ts';
import type { ApprovalView } from '../../../roads/approval/index.ts';
import type { Services } from '../services/services.ts';

type Approvals = Services['approvals'];

/** Requests for approval of one tenant, in memory, for tests. */
export class FakeApprovals implements Approvals {
  refusal: Refusal | null = null;
  said: { id: string; body: unknown; by?: string }[] = [];
  views: ApprovalView[];
  readonly #tenantId: string;

  constructor(tenantId: string) {
    this.#tenantId = tenantId;
    this.views = [1, 2, 3].map(viewOf);
  }

  list: Approvals['list'] = async (tenantId, { limit, before }) => {
    const mine = tenantId === this.#tenantId ? this.views : [];
    const from = before === null ? 0 : mine.findIndex((one) => one.withdrawalId === before) + 1;
    return mine.slice(from, from + limit).map((view) => ({ id: view.withdrawalId!, view }));
  };

  get: Approvals['get'] = async (tenantId, id) => {
    const found = this.views.find((one) => one.withdrawalId === id);
    return tenantId === this.#tenantId ? (found ?? null) : null;
  };

  approve: Approvals['approve'] = (tenantId, id, body) => this.#answer(tenantId, { id, body });

  reject: Approvals['reject'] = (tenantId, id, said) => this.#answer(tenantId, { id, ...said });

  async #answer(tenantId: string, said: { id: string; body: unknown }) {
    this.said.push(said);
    const view = await this.get(tenantId, said.id);
    return this.refusal ?? view ?? refuse('not_found', 'None.');
  }
}

function viewOf(n: number): ApprovalView {
  return {
    withdrawalId: `01890000-0000-7000-8000-00000000000${n}`,
    paymentId: null,
    status: 'PENDING',
    content: { chainId: 1, amount: '5' },
    shown: {
      asset: 'USDC',
      decimals: 6,
      amount: '5',
      to: '0x',
      feeCap: '0.05',
      expiresAt: '2026-01-31T12:00:00Z',
    },
    intent: { installationId: 'i', tenantId: 't', operation: 'withdrawal', idempotencyKey: 'k' },
    digest: '0x',
    typedData: {},
    requirements: [],
    required: 2,
    given: 1,
    approvals: [],
    passkeys: [],
    rejection: null,
    createdAt: '2026-01-31T12:00:00.000Z',
  };
}
