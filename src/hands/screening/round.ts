import type { Db } from '../../base/db/index.ts';
import type { Clock, Log } from '../../base/kernel/index.ts';
import { backoffMs } from '../../base/queue/index.ts';
import {
  type Place,
  type Risk,
  takeWanted,
  writeScreened,
  writeUnanswered,
} from '../../books/destination/index.ts';
import type { RiskProvider, Said } from './port.ts';

/** Questions in a row without any answer, after which nobody is asked for a while. */
const ENOUGH = 3;
const BACKOFF = { baseMs: 2_000, capMs: 60_000, limit: Number.POSITIVE_INFINITY };
/** For the two writes around the question. */
const MARGIN_MS = 5_000;

type ScreenerOptions = {
  db: Db;
  /** Whom the first one lists is asked about no further. */
  list: RiskProvider | null;
  provider: RiskProvider | null;
  clock: Clock;
  log: Log;
  random?: () => number;
};

/**
 * Asks about the destinations that somebody waits to know, outside of any transaction, and stores what is said, by whom
 * and when. One that answers nothing several times in a row is left alone for a while, and those who wait are told so at
 * once. A crash while it asks leaves rows that are taken again when their lease is over: a question is asked twice.
 */
export class Screener {
  readonly #options: ScreenerOptions;
  #silent = 0;
  #askAt = 0;

  constructor(options: ScreenerOptions) {
    this.#options = options;
  }

  /** One round; true when there may be more at once. */
  async round(): Promise<boolean> {
    const { db, list, provider } = this.#options;
    const limit = Math.min(...[list, provider].flatMap((one) => one?.room ?? []));
    const within = (list?.withinMs ?? 0) + (provider?.withinMs ?? 0);
    const taken = await takeWanted(db, { limit, leaseMs: within + MARGIN_MS });
    if (taken === null) return false;
    const { places, askedAt } = taken;
    const said = await this.#ask(places);
    const answered = places.map((place, index) => ({ ...place, said: said[index]! }));
    await writeScreened(
      db,
      answered.flatMap(({ said: one, ...place }) => (isRisk(one) ? { ...place, risk: one } : [])),
      askedAt,
    );
    await writeUnanswered(
      db,
      answered.flatMap(({ said: one, ...place }) => (isRisk(one) ? [] : { ...place, ...one })),
      this.#restMs(),
    );
    return places.length === limit;
  }

  /** The list first; of those that it does not name, or where it can not be read of nobody, the provider. */
  async #ask(places: readonly Place[]): Promise<Said[]> {
    const { list, provider } = this.#options;
    const listed = (await list?.ask(places)) ?? [];
    if (provider === null) return listed;
    const open = places.filter((_, index) => {
      const one = listed[index];
      return one === undefined || (isRisk(one) && one.category === null);
    });
    const rest = open.length === 0 ? [] : await this.#askProvider(provider, open);
    const found = new Map(open.map((place, index) => [place, rest[index]!]));
    return places.map((place, index) => found.get(place) ?? listed[index]!);
  }

  async #askProvider(provider: RiskProvider, places: readonly Place[]): Promise<Said[]> {
    const { clock, log, random = Math.random } = this.#options;
    if (this.#restMs() > 0) {
      const failure = `${provider.name}: left alone after ${this.#silent} questions without an answer`;
      return places.map(() => ({ failure }));
    }
    const said = await provider.ask(places);
    if (said.some(isRisk)) {
      if (this.#silent >= ENOUGH) log.info({ provider: provider.name }, 'screening answers again');
      this.#silent = 0;
      return said;
    }
    this.#silent += 1;
    if (this.#silent >= ENOUGH) {
      const ms = BACKOFF.baseMs / 2 + backoffMs(BACKOFF, this.#silent - ENOUGH + 1, random);
      this.#askAt = clock.monotonic() + ms;
      log.error({ provider: provider.name, ...said[0] }, 'screening does not answer');
    }
    return said;
  }

  #restMs(): number {
    return Math.max(0, this.#askAt - this.#options.clock.monotonic());
  }
}

function isRisk(said: Said): said is Risk {
  return 'score' in said;
}
