import type { Requirement } from '../../../base/config/index.ts';
import type { Sql } from '../../../base/db/index.ts';
import type { Kind } from '../document/types.ts';
import type { CompiledPolicy } from '../evaluate/compile.ts';
import { denied } from '../evaluate/configured.ts';
import type { PolicyDecision } from '../evaluate/subject.ts';
import type { PolicyReplay } from './replay.ts';

/** A decision of the past as it was made, and how its road would ask a document about the same. Times in ms since the epoch. */
export type PastDecision = {
  id: string;
  kind: Kind;
  account: string;
  /** CAIP-19, with base units. */
  asset: string;
  amount: bigint;
  decidedAt: number;
  /** When it ended without being paid, by anything but the decision; null: it did not. */
  endedAt: number | null;
  /** `approvals`: what persons were asked for; none: nobody was. */
  was: {
    verdict: 'allow' | 'deny';
    held: boolean;
    approvals: readonly Requirement[];
    tier: string | null;
  };
  /** At the moment of its decision. */
  ask(replay: PolicyReplay, at: number): PastAnswer;
};

type PastAnswer = {
  decision: PolicyDecision;
  /** What persons would be asked for, by the document and whatever it says. */
  approvals: readonly Requirement[];
  giveBack(): void;
};

/** How many there are behind an id, at most so many of the newest, and the oldest of these; null: none. */
export type PastNewest = { total: number; oldest: string | null };

/** What a road has decided for a tenant; only reads. */
export type PastSource = {
  newest(sql: Sql, wanted: { tenantId: string; after: string; limit: number }): Promise<PastNewest>;
  /** Behind an id, oldest first. */
  read(
    sql: Sql,
    page: { tenantId: string; policy: CompiledPolicy; after: string; limit: number },
  ): Promise<PastDecision[]>;
};

/** Of an asset that was configured then. */
export const UNKNOWN_ASSET: PastAnswer = {
  decision: denied([], { rule: 'asset', detail: 'the asset is not configured' }),
  approvals: [],
  giveBack: () => {},
};
