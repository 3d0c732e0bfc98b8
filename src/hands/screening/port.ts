import type { Place, Risk } from '../../books/destination/index.ts';

/** What is said of a place; `failure`: why nothing is, in few words and without a secret. */
export type Said = Risk | { failure: string };

/** Who is asked how risky destinations are. */
export type RiskProvider = {
  name: string;
  /** How many places are worth asking about at once. */
  room: number;
  /** How long an answer for that many may take. */
  withinMs: number;
  /** In the order asked. Never throws: who can not say says so. */
  ask(places: readonly Place[]): Promise<Said[]>;
};
