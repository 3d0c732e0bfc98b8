import { describe, expect, it } from 'vitest';
import { type Address, type Hex, TRANSFER_TOPIC } from '../kernel/index.ts';
import { checkEffect, type Mined, paidByTransfers, transferOf } from './index.ts';

const LANE: Address = `0x${'11'.repeat(20)}`;
const TOKEN: Address = `0x${'22'.repeat(20)}`;
const PAYEE: Address = `0x${'33'.repeat(20)}`;
const OTHER: Address = `0x${'44'.repeat(20)}`;
const topic = (address: Address): Hex => `0x${'0'.repeat(24)}${address.slice(2)}`;
const word = (n: bigint): Hex => `0x${n.toString(16).padStart(64, '0')}`;
const moved = (from: Address, to: Address, amount: bigint, token = TOKEN) => ({
  address: token,
  topics: [TRANSFER_TOPIC, topic(from), topic(to)],
  data: word(amount),
});
const token = { from: LANE, token: TOKEN, recipient: PAYEE, amount: 10n };
const native = { ...token, token: null };
const mined = (over: Partial<Mined> = {}): Mined => ({
  status: 'success',
  from: LANE,
  to: TOKEN,
  logs: [moved(LANE, PAYEE, 10n)],
  ...over,
});

describe('checkEffect', () => {
  it.each<[string, Mined, ReturnType<typeof checkEffect>]>([
    ['the exact transfer', mined(), 'paid'],
    ['a revert', mined({ status: 'reverted', logs: [] }), 'reverted'],
    ['success without a log', mined({ logs: [] }), 'mismatch'],
    ['another amount', mined({ logs: [moved(LANE, PAYEE, 9n)] }), 'mismatch'],
    ['another recipient', mined({ logs: [moved(LANE, OTHER, 10n)] }), 'mismatch'],
    ['another sender', mined({ logs: [moved(OTHER, PAYEE, 10n)] }), 'mismatch'],
    ['a log of another token', mined({ logs: [moved(LANE, PAYEE, 10n, OTHER)] }), 'mismatch'],
    [
      'the transfer twice',
      mined({ logs: [moved(LANE, PAYEE, 10n), moved(LANE, PAYEE, 10n)] }),
      'mismatch',
    ],
    [
      'a fee taken on the way',
      mined({ logs: [moved(LANE, PAYEE, 9n), moved(LANE, OTHER, 1n)] }),
      'mismatch',
    ],
    [
      'a fee on top',
      mined({ logs: [moved(LANE, PAYEE, 10n), moved(LANE, OTHER, 1n)] }),
      'mismatch',
    ],
    [
      'two logs with the right sum',
      mined({ logs: [moved(LANE, PAYEE, 4n), moved(LANE, PAYEE, 6n)] }),
      'paid',
    ],
    [
      'logs of others beside it',
      mined({
        logs: [moved(OTHER, PAYEE, 3n), moved(LANE, PAYEE, 10n), moved(LANE, PAYEE, 1n, OTHER)],
      }),
      'paid',
    ],
    [
      'a Transfer of three indexed topics',
      mined({
        logs: [
          {
            address: TOKEN,
            topics: [TRANSFER_TOPIC, topic(LANE), topic(PAYEE), word(10n)],
            data: '0x',
          },
        ],
      }),
      'mismatch',
    ],
    ['a call of another contract', mined({ to: OTHER }), 'mismatch'],
    ['a transaction of another sender', mined({ from: OTHER }), 'mismatch'],
    [
      'a Transfer of three indexed topics, by somebody else',
      mined({
        logs: [
          moved(LANE, PAYEE, 10n),
          {
            address: TOKEN,
            topics: [TRANSFER_TOPIC, topic(OTHER), topic(PAYEE), word(10n)],
            data: '0x',
          },
        ],
      }),
      'paid',
    ],
  ])('token: %s', (_name, tx, verdict) => {
    expect(checkEffect(token, tx)).toBe(verdict);
    // What a node finds by token and sender, of a transaction whose callee and sender its hash fixes.
    const found = tx.logs.filter((log) => log.address === TOKEN && transferOf(log)?.from === LANE);
    if (tx.to === TOKEN && tx.from === LANE) {
      expect(paidByTransfers(token, found)).toBe(verdict === 'paid');
    }
  });

  it.each<[string, Mined, ReturnType<typeof checkEffect>]>([
    ['success', mined({ to: PAYEE, logs: [] }), 'paid'],
    ['success with logs of a contract recipient', mined({ to: PAYEE }), 'paid'],
    ['a revert', mined({ to: PAYEE, status: 'reverted', logs: [] }), 'reverted'],
    ['another recipient', mined({ to: OTHER, logs: [] }), 'mismatch'],
    ['a filler', mined({ to: LANE, logs: [] }), 'mismatch'],
    ['a creation', mined({ to: null, logs: [] }), 'mismatch'],
  ])('native coin: %s', (_name, tx, verdict) => {
    expect(checkEffect(native, tx)).toBe(verdict);
  });
});
