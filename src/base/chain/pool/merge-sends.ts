import type { SendAnswer } from '../port.ts';
import type { SendClass } from '../send-errors.ts';

/**
 * One answer out of several nodes' to the same bytes: the first of these classes that any of them gave. Taken by
 * one is taken. Lost by one is possibly taken, whatever the others said. Of refusals the one with the least
 * consequences counts, since a node that is behind or has rules of its own refuses what others take: a slot
 * is closed only when all refuse for good.
 */
const ORDER: readonly SendClass[] = [
  'accepted',
  'already_known',
  'unknown',
  'nonce_used',
  'other_holds_nonce',
  'gap',
  'pool_full',
  'underpriced',
  'fee_cap',
  'type_clash',
  'funds',
  'refused',
];

/** At least one answer. */
export function mergeSends(answers: readonly SendAnswer[]): SendAnswer {
  return answers.reduce((best, answer) =>
    ORDER.indexOf(answer.class) < ORDER.indexOf(best.class) ? answer : best,
  );
}

/** Nothing that comes later can change what is done: each transaction is in some node's pool. */
export function allTaken(answers: readonly (readonly SendAnswer[])[]): boolean {
  const [first = []] = answers;
  const taken = ({ class: said }: SendAnswer) => said === 'accepted' || said === 'already_known';
  return first.every((_, index) => answers.some((of) => taken(of[index]!)));
}
