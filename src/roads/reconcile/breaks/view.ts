import { type Break, type BreakKind, readActions } from '../../../books/breaks/index.ts';
import { readProposals } from '../../../books/proposal/index.ts';
import type { BreakContext } from './context.ts';
import { showAdjustment, showContent } from './form.ts';

type Said = {
  action: string;
  evidence: string;
  adjustments: { asset: string; amount: string; amountAtomic: string; movement: string }[];
  /** Keys by their ids. */
  proposedBy: string;
};

/** The break as JSON: times RFC 3339, amounts decimal strings. */
export type BreakView = {
  id: string;
  kind: BreakKind;
  state: 'open' | 'resolved';
  chain: string;
  chainId: number;
  laneId: number;
  withdrawalId: string | null;
  txId: string | null;
  correlationId: string | null;
  detail: Record<string, unknown>;
  /** What one person has said, and another has not. */
  proposal: (Said & { proposedAt: string }) | null;
  /** What two persons decided, in its order. */
  actions: (Said & { confirmedBy: string; transferIds: string[]; at: string })[];
  openedAt: string;
  resolvedAt: string | null;
};

export async function readViews(
  { db, assets, chains }: Pick<BreakContext, 'db' | 'assets' | 'chains'>,
  found: readonly Break[],
): Promise<BreakView[]> {
  const ids = found.map((one) => one.id);
  const proposals = await readProposals(
    db,
    ids.map((id) => `break:${id}`),
  );
  const actions = await readActions(db, ids);
  return found.map((one) => {
    const proposal = proposals.get(`break:${one.id}`);
    return {
      id: one.id,
      kind: one.kind,
      state: one.resolvedAt === null ? 'open' : 'resolved',
      chain: chains.find(({ chainId }) => chainId === one.chainId)?.id ?? String(one.chainId),
      chainId: one.chainId,
      laneId: one.laneId,
      withdrawalId: one.owner?.kind === 'withdrawal' ? one.owner.id : null,
      txId: one.owner === null ? null : one.subjectId,
      correlationId: one.correlationId,
      detail: one.detail,
      proposal:
        proposal === undefined
          ? null
          : {
              ...showContent(assets, proposal.content),
              proposedBy: proposal.proposedBy,
              proposedAt: proposal.proposedAt.toISOString(),
            },
      actions: actions
        .filter(({ breakId }) => breakId === one.id)
        .map(({ breakId: _, at, adjustments, transferIds, ...action }) => ({
          ...action,
          adjustments: adjustments.map((moved) => showAdjustment(assets, moved)),
          transferIds: [...transferIds],
          at: at.toISOString(),
        })),
      openedAt: one.openedAt.toISOString(),
      resolvedAt: one.resolvedAt?.toISOString() ?? null,
    };
  });
}
