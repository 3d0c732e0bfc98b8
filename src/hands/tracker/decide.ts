import type { ChainSettings } from '../../base/config/index.ts';
import type { TxState } from '../../base/kernel/index.ts';
import type { Crossing, Orphan } from '../../books/tx/index.ts';

type Finality = ChainSettings['finality'];

/** What the node's tags show, as heights; null where the chain lacks the tag. */
export type Tags = { latest: number; safe: number | null; finalized: number | null };

/**
 * The levels of a walk that stands at `walked`: a tag counts only as far as the walk has linked, and
 * minDepth must hold as well. Where the configuration takes another tag for finality, that one counts; a
 * missing tag gives no level.
 */
export function levelsOf(
  walked: number,
  tags: Tags,
  finality: Finality,
): { safe: number; finalized: number } | null {
  const tag = finality.tag === 'latest' ? tags.latest : tags[finality.tag];
  if (tag === null) return null;
  const finalized = Math.min(walked, tag, walked - finality.minDepth);
  const safe = Math.min(walked, Math.max(tags.safe ?? finalized, finalized));
  return finalized < 0 ? null : { safe, finalized };
}

type FinalAction =
  | { kind: 'end'; to: TxState & ('FINAL' | 'REVERTED' | 'CANCELLED'); code: string | null }
  /** Mined and successful, and not what was wanted: parked with its reserve for a person. */
  | { kind: 'park' };

/** The end of a transaction whose slot is finalized. */
export function decideFinal(
  crossing: Pick<Crossing, 'kind' | 'succeeded' | 'effectOk' | 'fillReason' | 'failureCode'>,
): FinalAction {
  if (crossing.kind === 'filler') {
    return {
      kind: 'end',
      to: 'CANCELLED',
      // Why it was closed comes before what else went wrong with it.
      code: crossing.fillReason ?? crossing.failureCode ?? 'filled',
    };
  }
  if (!crossing.succeeded) return { kind: 'end', to: 'REVERTED', code: 'reverted' };
  return crossing.effectOk ? { kind: 'end', to: 'FINAL', code: null } : { kind: 'park' };
}

/**
 * Whether a reorg down to height `fork` may be followed. Not below finalized, and not where it orphans what
 * may have been committed at safe: then the chain stops completing and signing, and a person decides.
 */
export function judgeReorg(
  head: { latest: number; safe: number; finalized: number },
  fork: number | null,
  orphans: readonly Pick<Orphan, 'settleAt' | 'blockNumber'>[],
): { kind: 'follow' } | { kind: 'halt'; reason: string } {
  if (fork === null || fork < head.finalized) {
    return {
      kind: 'halt',
      reason: `reorg below finalized: block ${head.finalized} was finalized, the node's chain left ours at ${fork ?? 'an older'} block`,
    };
  }
  const committed = orphans.filter(
    (orphan) => orphan.settleAt === 'safe' && orphan.blockNumber <= head.safe,
  );
  return committed.length === 0
    ? { kind: 'follow' }
    : {
        kind: 'halt',
        reason: `reorg to block ${fork} takes back ${committed.length} inclusions at safe that may be committed`,
      };
}
