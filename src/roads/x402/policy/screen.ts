import type { ScreeningSettings } from '../../../base/config/index.ts';
import type { Db } from '../../../base/db/index.ts';
import { type Clock, Transient } from '../../../base/kernel/index.ts';
import {
  type Place,
  readScreened,
  type Screened,
  wantScreened,
} from '../../../books/destination/index.ts';
import type { PolicySubject } from '../../../books/policy/index.ts';
import type { Checked } from '../check/check.ts';
import { Group } from '../group.ts';
import type { Known } from '../payment/look-up.ts';

/** What is known of who pays and of who is paid. */
export type Parties = { payer: Screened; payTo: Screened };

/** Screening answers by a row. */
const LOOK_MS = 100;

const UNASKED: Parties = { payer: { kind: 'wanted' }, payTo: { kind: 'wanted' } };

type ScreensOptions = {
  db: Db;
  clock: Clock;
  /** Null: nobody is asked. */
  screening: Pick<ScreeningSettings, 'maxAgeMs'> | null;
  /** For a caller that waits no longer. */
  withinMs: number;
};

/**
 * Asks how risky payers and payees are. Whom nobody knows yet is asked for, and waited for outside of any transaction; a
 * crash leaves the question, whose answer the next caller finds.
 */
export class PaymentScreens {
  readonly #options: ScreensOptions;
  #released = false;
  readonly #looks: Group<Place, Screened>;

  constructor(options: ScreensOptions) {
    const { db, screening } = options;
    this.#options = options;
    this.#looks = new Group({
      ...{ size: 400, rounds: 2, beside: 400 },
      work: async (places) => {
        const said = await readScreened(db, places, screening!.maxAgeMs);
        const wanted = places.filter((_, index) => said[index]!.kind === 'wanted');
        await wantScreened(db, wanted);
        return said;
      },
    });
  }

  /**
   * Null: nobody is asked about anybody. About what is not open any more nothing is asked: it is not reserved again. Throws
   * Transient where nobody has said anything in time, which is no answer at all.
   */
  async ask({ request }: Checked, known: Known | null): Promise<Parties | null> {
    const { clock, screening, withinMs } = this.#options;
    if (screening === null) return null;
    if (known?.isOpen === false) return UNASKED;
    const { chainId, signed } = request;
    const deadline = clock.monotonic() + withinMs;
    for (;;) {
      const [payer, payTo] = await Promise.all([
        this.#looks.enter({ chainId, address: signed.payer }),
        this.#looks.enter({ chainId, address: signed.payTo }),
      ]);
      if (payer.kind !== 'wanted' && payTo.kind !== 'wanted') return { payer, payTo };
      const over = this.#released || clock.monotonic() >= deadline;
      if (over) throw new Transient('screening has not answered yet');
      await clock.sleep(LOOK_MS);
    }
  }

  /** Nobody waits any longer than for the next look; for a shutdown. */
  releaseAll(): void {
    this.#released = true;
  }
}

/** A payment is as risky as the riskier of the two; null: nobody is asked. Pure. */
export function riskOf(
  parties: Parties | null,
): Pick<PolicySubject, 'riskScore' | 'riskCategory' | 'unscreened'> {
  if (parties === null) return { riskScore: null, riskCategory: null, unscreened: null };
  const known = Object.values(parties)
    .flatMap((one) => (one.kind === 'known' ? one : []))
    .sort((a, b) => b.score - a.score);
  const named = known.find(({ category }) => category === 'sanctions') ?? known.find(hasCategory);
  const riskCategory = named?.category ?? null;
  for (const [who, one] of Object.entries(parties)) {
    if (one.kind === 'known') continue;
    const reason = one.kind === 'unavailable' ? one.reason : 'nobody was asked yet';
    return { riskScore: null, riskCategory, unscreened: `${who}: ${reason}` };
  }
  return { riskScore: known[0]!.score, riskCategory, unscreened: null };
}

function hasCategory({ category }: { category: string | null }): boolean {
  return category !== null;
}
