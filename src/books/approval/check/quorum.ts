import type { ApprovalSettings, Quorum, Requirement } from '../../../base/config/index.ts';

type Threshold = ApprovalSettings['thresholds'][number];

export type Tally = { required: number; given: number; met: boolean };

/**
 * How far these approvers meet a requirement. One approval is one of one quorum: who is in two groups fills a
 * place of either, never of both, so that {all: [a, b]} is two persons.
 */
function tally(
  requirement: Requirement,
  groups: ApprovalSettings['groups'],
  approvers: readonly string[],
): Tally {
  return waysOf(requirement)
    .map((quorums) => tallyAll(quorums, groups, approvers))
    .reduce((best, way) => (missing(way) < missing(best) ? way : best));
}

/** Of several requirements that must all be met, each by the same approvals: the farthest from it. */
export function tallyOf(
  requirements: readonly Requirement[],
  groups: ApprovalSettings['groups'],
  approvers: readonly string[],
): Tally {
  return requirements
    .map((one) => tally(one, groups, approvers))
    .reduce((worst, one) => (isFarther(one, worst) ? one : worst), NOTHING);
}

/** What the configuration asks for an amount of that kind, whatever a policy says: the highest threshold below it. */
export function thresholdOf(
  thresholds: ApprovalSettings['thresholds'],
  { kind, asset, amount }: { kind: Threshold['kind']; asset: string; amount: bigint },
): Requirement | null {
  return (
    thresholds
      .filter((one) => one.kind === kind && one.asset === asset && amount > one.above)
      .reduce<Threshold | null>(
        (highest, one) => (highest === null || one.above > highest.above ? one : highest),
        null,
      )?.requirement ?? null
  );
}

/** The lists of quorums of which one must be full. */
function waysOf(requirement: Requirement): Quorum[][] {
  if ('group' in requirement) return [[requirement]];
  if ('any' in requirement) return requirement.any.flatMap(waysOf);
  return requirement.all
    .map(waysOf)
    .reduce<Quorum[][]>(
      (ways, more) => ways.flatMap((way) => more.map((one) => [...way, ...one])),
      [[]],
    );
}

const NOTHING: Tally = { required: 0, given: 0, met: true };
const isFarther = (one: Tally, than: Tally) =>
  missing(one) === missing(than) ? one.required > than.required : missing(one) > missing(than);
const missing = ({ required, given }: Tally) => required - given;

function tallyAll(
  quorums: readonly Quorum[],
  groups: ApprovalSettings['groups'],
  approvers: readonly string[],
): Tally {
  const places = quorums.flatMap(({ group, count }) => {
    const members = groups.find(({ id }) => id === group)?.members ?? [];
    return Array.from({ length: count }, () => new Set(members));
  });
  const heldBy = new Map<number, string>();
  let given = 0;
  for (const approver of new Set(approvers)) {
    if (seat(approver, places, heldBy, new Set())) given += 1;
  }
  return { required: places.length, given, met: given === places.length };
}

/** Finds a place, moving others to places that they may hold as well (augmenting paths). */
function seat(
  approver: string,
  places: readonly ReadonlySet<string>[],
  heldBy: Map<number, string>,
  tried: Set<number>,
): boolean {
  for (const [place, members] of places.entries()) {
    if (!members.has(approver) || tried.has(place)) continue;
    tried.add(place);
    const holder = heldBy.get(place);
    if (holder === undefined || seat(holder, places, heldBy, tried)) {
      heldBy.set(place, approver);
      return true;
    }
  }
  return false;
}
