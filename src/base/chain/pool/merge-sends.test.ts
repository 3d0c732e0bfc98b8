import { expect, it } from 'vitest';
import type { Hex } from '../../kernel/index.ts';
import type { SendClass } from '../send-errors.ts';
import { allTaken, mergeSends } from './merge-sends.ts';

const hash: Hex = `0x${'ab'.repeat(32)}`;
const said = (...classes: SendClass[]) =>
  classes.map((one) => ({ hash, class: one, message: `${one} it is` }));

it.each<[SendClass, SendClass[]]>([
  ['accepted', ['accepted']],
  ['refused', ['refused']],
  ['accepted', ['refused', 'unknown', 'accepted']],
  ['accepted', ['already_known', 'accepted']],
  ['already_known', ['nonce_used', 'already_known', 'unknown']],
  // Lost by one is possibly sent, whatever the others said.
  ['unknown', ['refused', 'unknown']],
  ['unknown', ['unknown', 'nonce_used', 'funds']],
  // One node is ahead of the others.
  ['nonce_used', ['gap', 'nonce_used']],
  ['other_holds_nonce', ['underpriced', 'other_holds_nonce']],
  ['gap', ['gap', 'underpriced', 'funds']],
  ['pool_full', ['pool_full', 'underpriced']],
  ['underpriced', ['funds', 'underpriced']],
  ['funds', ['refused', 'funds']],
  ['refused', ['refused', 'refused', 'refused']],
])('the answer is %s when nodes said %j', (wanted, classes) => {
  for (const order of [said(...classes), said(...classes).reverse()]) {
    expect(mergeSends(order)).toEqual({ hash, class: wanted, message: `${wanted} it is` });
  }
});

it('is known early when each transaction was taken by someone', () => {
  expect(allTaken([said('accepted', 'refused')])).toBe(false);
  expect(allTaken([said('accepted', 'refused'), said('unknown', 'accepted')])).toBe(true);
  expect(allTaken([said('already_known')])).toBe(true);
  expect(allTaken([said('unknown'), said('nonce_used')])).toBe(false);
});
