/**
 * Two parts of one transaction on its one connection: while the server works on a statement of one, the other puts its
 * next one together. Ends when both have ended, so that neither sends anything behind the ROLLBACK, and throws what
 * failed first: the other one then only hears that the transaction is over.
 */
export async function sideBySide<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  const failures: unknown[] = [];
  const noted = (error: unknown) => failures.push(error);
  one.catch(noted);
  other.catch(noted);
  const [first, second] = await Promise.allSettled([one, other]);
  if (first.status === 'rejected' || second.status === 'rejected') throw failures[0];
  return [first.value, second.value];
}
