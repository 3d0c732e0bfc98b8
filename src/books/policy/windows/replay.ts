import type { CompiledPolicy } from '../evaluate/compile.ts';
import { evaluate } from '../evaluate/evaluate.ts';
import type { Spent, Take } from '../evaluate/judge.ts';
import type { Meter } from '../evaluate/limit.ts';
import type { PolicyDecision, PolicySubject } from '../evaluate/subject.ts';
import { addTo, bucketOf, isOpen, type Spends, spentWithin } from './book.ts';

/** What a decision took, until it is given back. */
type Replayed = { decision: PolicyDecision; giveBack(): void };

/**
 * A policy that is asked about what happened, in the order of time: its windows are held in memory, begin at nothing, and
 * hold what it would have allowed. Reads and writes no row.
 */
export class PolicyReplay {
  readonly #policy: CompiledPolicy;
  /** By tenant, dimension and name. */
  readonly #spends = new Map<string, Spends>();

  constructor(policy: CompiledPolicy) {
    this.#policy = policy;
  }

  /** `at`: ms since the epoch, never before the one asked last. */
  decide(subject: PolicySubject, at: number): Replayed {
    const { decision, takes } = evaluate(this.#policy, subject, {
      at,
      usage: ({ meter }, name, tenantId) => {
        const spends = this.#of(tenantId, meter, name);
        const open = (spends[meter.key] ?? []).filter(([bucket]) => isOpen(meter, bucket, at));
        spends[meter.key] = open;
        return spentWithin(open, meter, at);
      },
    });
    const spent = decision.verdict === 'allow' && !decision.waits ? oncePerMeter(takes) : [];
    for (const take of spent) this.#add(subject, take, at, 1);
    return {
      decision,
      giveBack: () => {
        for (const take of spent) this.#add(subject, take, at, -1);
      },
    };
  }

  #add(
    subject: PolicySubject,
    { limit: { meter }, name }: Take<Spent>,
    at: number,
    sign: 1 | -1,
  ): void {
    const spends = this.#of(subject.tenantId, meter, name);
    const bucket = bucketOf(meter, at);
    // What was forgotten has nothing to give back.
    if (sign === -1 && !spends[meter.key]?.some(([start]) => start === bucket)) return;
    addTo(spends, meter.key, bucket, { amount: BigInt(sign) * subject.amount, count: sign });
  }

  #of(tenantId: string, { per }: Meter, name: string): Spends {
    const key = `${tenantId}|${per}|${name}`;
    const spends = this.#spends.get(key) ?? {};
    this.#spends.set(key, spends);
    return spends;
  }
}

/** Two limits may share a meter: what is spent is counted on it once. */
function oncePerMeter(takes: readonly Take<Spent>[]): Take<Spent>[] {
  return [...new Map(takes.map((take) => [`${take.limit.meter.key} ${take.name}`, take])).values()];
}

/** How far back windows reach, in ms; null: one of them for ever. */
export function longestWindowMs({ meters }: CompiledPolicy): number | null {
  let longest = 0;
  for (const { windowMs } of meters.values()) {
    if (windowMs === null) return null;
    longest = Math.max(longest, windowMs);
  }
  return longest;
}
