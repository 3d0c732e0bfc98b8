import type { ChainSettings } from '../../base/config/index.ts';
import type { TxState } from '../../base/kernel/index.ts';
import type { Crossing } from '../../books/tx/index.ts';

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
  finality: Pick<Finality, 'tag' | 'minDepth'>,
): { safe: number; finalized: number } | null {
  const tag = finality.tag === 'latest' ? tags.latest : tags[finality.tag];
  if (tag === null) return null;
  const finalized = Math.min(walked, tag, walked - finality.minDepth);
  const safe = Math.min(walked, Math.max(tags.safe ?? finalized, finalized));
  return finalized < 0 ? null : { safe, finalized };
}

/** A chain whose tag stands still far back, or that has none, is walked from so many blocks below its latest. */
const MOST_BLOCKS_BACK = 10_000;

/** Where the walk of a chain begins. */
export function firstBlock(
  tags: Tags,
  {
    finality,
    beginAt,
  }: Pick<ChainSettings, 'beginAt'> & {
    finality: Pick<Finality, 'tag' | 'minDepth'>;
  },
): number {
  if (beginAt === 'latest') return tags.latest;
  const finalized = levelsOf(tags.latest, tags, finality)?.finalized ?? 0;
  return Math.max(finalized, tags.latest - MOST_BLOCKS_BACK);
}

/** A lane with nothing under way is looked at when finality passes a multiple of so many blocks: coin may have come. */
const LOOK_BLOCKS = 32;

export function looksDue(finalized: number, next: number): boolean {
  return Math.floor(next / LOOK_BLOCKS) > Math.floor(finalized / LOOK_BLOCKS);
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
 * Whether a reorg down to height `fork` may be followed: not below finalized, and not deeper than the
 * configuration allows. Then the chain stops completing and signing, and persons decide.
 */
export function judgeReorg(
  head: { latest: number; finalized: number },
  fork: number | null,
  { maxReorgDepth }: Pick<Finality, 'maxReorgDepth'>,
): { kind: 'follow' } | { kind: 'halt'; reason: string } {
  if (fork === null || fork < head.finalized) {
    return {
      kind: 'halt',
      reason: `reorg below finalized: block ${head.finalized} was finalized, the node's chain left ours at ${fork ?? 'an older'} block`,
    };
  }
  const depth = head.latest - fork;
  if (depth <= maxReorgDepth) return { kind: 'follow' };
  return {
    kind: 'halt',
    reason: `reorg deeper than allowed: it takes back ${depth} blocks, finality.maxReorgDepth is ${maxReorgDepth}`,
  };
}
