import { isDeepStrictEqual as isSame } from 'node:util';
import type { Offer } from '../../../base/config/index.ts';
import { matchEndpoint } from './match.ts';
import type { NewEndpoint, PricedEndpoint, Usage } from './rows.ts';

type Key = Pick<NewEndpoint, 'method' | 'path'>;
export type Terms = Omit<NewEndpoint, 'tenantId' | 'merchantId' | 'method' | 'path'>;

const never = () => false;
const raised = <Value extends bigint | number>(from: Value, to: Value) => to > from;

/**
 * Which other value of a term is in force at once. Whoever is asked for more is told by the challenge before they pay; what
 * sells for less, sells something else or sends money or requests elsewhere is what a thief of a key would do, and waits.
 */
const AT_ONCE: { [Term in keyof Terms]: (from: Terms[Term], to: Terms[Term]) => boolean } = {
  asset: never,
  transferMethod: never,
  price: raised,
  usage: costsNoLess,
  payTo: never,
  upstream: never,
  // A payment whose request fails is lost to the payer, or costs the merchant two transactions.
  onFailure: never,
  timeoutMs: raised,
  maxResponseBytes: raised,
  description: () => true,
};
const TERMS = Object.keys(AT_ONCE) as (keyof Terms)[];

/** By the same count a unit costs as much or more, and so does an answer that does not count. */
function costsNoLess(from: Usage | null, to: Usage | null): boolean {
  if (from === null || to === null || from.header !== to.header) return false;
  if (from.without === 'most' && to.without !== 'most') return false;
  return to.unitPrice * from.unitSize >= from.unitPrice * to.unitSize;
}

/** The terms that loosen; none: the change is in force at once. */
export function loosens(from: Terms, to: Terms): string[] {
  return TERMS.filter((term) => !isSame(from[term], to[term]) && !mayAtOnce(term, from, to));
}

function mayAtOnce<Term extends keyof Terms>(term: Term, from: Terms, to: Terms): boolean {
  return AT_ONCE[term](from[term], to[term]);
}

function sameTerms(one: Terms, other: Terms): boolean {
  return TERMS.every((term) => isSame(one[term], other[term]));
}

/** What there is of a path: its price, the one that waits, and whether a wider path answers where it has none. */
export type Standing = {
  own: PricedEndpoint | null;
  waiting: PricedEndpoint | null;
  covered: boolean;
};

/** The configuration says that the merchant sells exactly this there. */
export function isOffered(
  offers: readonly Offer[],
  wanted: Pick<NewEndpoint, keyof Offer>,
): boolean {
  return offers.some(
    ({ method, path, upstream }) =>
      method === wanted.method && path === wanted.path && upstream === wanted.upstream,
  );
}

/** Nothing that it would answer was ever sold, be it by a wider path or a narrower one, that may be gone by now. */
export function neverSold(sold: readonly Key[], wanted: Key): boolean {
  return !sold.some(
    (one) => one.method === wanted.method && (reaches(one, wanted) || reaches(wanted, one)),
  );
}

/** `/a/*` reaches `/a` too: many servers answer `/a/` alike. */
function reaches({ path }: Key, other: Key): boolean {
  if (!path.endsWith('/*')) return path === other.path;
  return `${other.path}/`.startsWith(path.slice(0, -1));
}

/** `endpoints`: a merchant's, in force or waiting. */
export function standingOf(endpoints: readonly PricedEndpoint[], { method, path }: Key): Standing {
  const isOwn = (one: PricedEndpoint) => one.method === method && one.path === path;
  const others = endpoints.filter((one) => one.inForce && !isOwn(one));
  return {
    own: endpoints.find((one) => isOwn(one) && one.inForce) ?? null,
    waiting: endpoints.find((one) => isOwn(one) && !one.inForce) ?? null,
    covered: matchEndpoint(others, { method, path }) !== null,
  };
}

/**
 * Null: it stands so already, or waits. Else what loosens by it. A path that has no price of its own sells what nobody sold,
 * or leaves the price of a wider path and the policy's rules that name that one. `opens`: it is offered, and was never sold.
 */
export function decidePut(
  { own, waiting }: Standing,
  wanted: Terms,
  opens: boolean,
): string[] | null {
  if (own === null && opens) return [];
  const last = waiting ?? (own?.removedAt === null ? own : null);
  if (last !== null && sameTerms(last, wanted)) return null;
  return own === null ? ['path'] : loosens(own, wanted);
}

/** Without its own price a path is not sold, or has the price and the rules of a wider one. What only waits, sells nothing. */
export function decideRemoval({ own, covered }: Standing): string[] {
  return own !== null && covered ? ['path'] : [];
}
