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
  was: { verdict: 'allow' | 'deny'; held: boolean; asked: boolean; tier: string | null };
  /** At the moment of its decision; `asked`: persons are, whatever the document says. */
  ask(replay: PolicyReplay, at: number): PastAnswer;
};

type PastAnswer = { decision: PolicyDecision; asked: boolean; giveBack(): void };

/** What is looked at: of the last days, and before them as far back as windows reach. */
export type PastSpan = {
  /** Decisions about what has this id or a later one are shown; those before only fill the windows. */
  since: string;
  /** The id behind which reading begins. */
  after: string;
  /** How many stand behind it. */
  total: number;
  /** More than so many do: the oldest are left out. */
  truncated: boolean;
};

/** What a road has decided for a tenant; only reads. */
export type PastSource = {
  span(
    sql: Sql,
    wanted: { tenantId: string; days: number; warmUpMs: number; most: number },
  ): Promise<PastSpan>;
  /** Behind an id, oldest first. */
  read(
    sql: Sql,
    page: { tenantId: string; policy: CompiledPolicy; after: string; limit: number },
  ): Promise<PastDecision[]>;
};

/** Of an asset that was configured then. */
export const UNKNOWN_ASSET: PastAnswer = {
  decision: denied([], { rule: 'asset', detail: 'the asset is not configured' }),
  asked: false,
  giveBack: () => {},
};
