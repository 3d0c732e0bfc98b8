import { describe, expect, it } from 'vitest';
import { decideEnd, type Next, retryRefundMs, type Standing } from './decide-end.ts';

type Facts = Parameters<typeof decideEnd>[0];
const CALL: Facts = {
  ...{ status: 'PAYING', overdue: false, dueInMs: 0, failureCode: null, onFailure: 'refund' },
  ...{ refundId: null, refundRefused: null },
};
const receipt = { success: true };

const TABLE: [string, Partial<Facts>, Standing | undefined, Next][] = [
  ['paid, and nobody told', {}, { kind: 'paid', receipt }, { kind: 'forward', receipt }],
  ['not paid for good', {}, { kind: 'failed', reason: 'a' }, { kind: 'unpaid', reason: 'a' }],
  [
    'with the chain',
    {},
    { kind: 'under_way' },
    { kind: 'wait', delayMs: 2_000, reason: 'its payment is under way' },
  ],
  [
    'never reserved, in time',
    {},
    { kind: 'open', runOut: null },
    { kind: 'wait', delayMs: 10_000, reason: 'nothing was reserved for it' },
  ],
  [
    'never reserved, too late',
    {},
    { kind: 'open', runOut: 'permit2_deadline_expired' },
    { kind: 'unpaid', reason: 'permit2_deadline_expired' },
  ],
  [
    'of a payment that was not found',
    {},
    undefined,
    {
      kind: 'wait',
      delayMs: 2_000,
      reason: 'its payment is under way',
    },
  ],
  ['paid, never forwarded', { status: 'PAID' }, undefined, { kind: 'forward', receipt: null }],
  [
    'to be asked for again',
    { status: 'PAID', failureCode: 'upstream_failed', onFailure: 'retry' },
    undefined,
    { kind: 'rest' },
  ],
  [
    'at its upstream',
    { status: 'FORWARDING', dueInMs: 7_000 },
    undefined,
    { kind: 'wait', delayMs: 7_000, reason: 'it is being forwarded' },
  ],
  ['whose forwarder is gone', { status: 'FORWARDING', overdue: true }, undefined, { kind: 'fail' }],
  ['owed back', { status: 'FAILED', failureCode: 'a' }, undefined, { kind: 'refund' }],
  ['given back', { status: 'FAILED', refundId: 'r' }, undefined, { kind: 'rest' }],
  [
    'that nothing goes back of',
    { status: 'FAILED', refundRefused: 'a' },
    undefined,
    { kind: 'rest' },
  ],
  ['kept', { status: 'FAILED', onFailure: 'keep' }, undefined, { kind: 'rest' }],
  [
    'charged by its answer, and nobody told',
    { status: 'CHARGING' },
    { kind: 'paid', receipt },
    { kind: 'serve', receipt },
  ],
  [
    'whose charge failed for good',
    { status: 'CHARGING' },
    { kind: 'failed', reason: 'a' },
    { kind: 'unpaid', reason: 'a' },
  ],
  [
    'whose charge is with the chain',
    { status: 'CHARGING' },
    { kind: 'under_way' },
    { kind: 'wait', delayMs: 2_000, reason: 'its payment is under way' },
  ],
  [
    'whose charge nobody took',
    { status: 'CHARGING' },
    { kind: 'open', runOut: null },
    { kind: 'charge' },
  ],
  [
    'whose charge nobody can take any more',
    { status: 'CHARGING' },
    { kind: 'open', runOut: 'permit2_deadline_expired' },
    { kind: 'unpaid', reason: 'permit2_deadline_expired' },
  ],
  [
    'whose charge is of a payment that was not found',
    { status: 'CHARGING' },
    undefined,
    { kind: 'wait', delayMs: 2_000, reason: 'its payment is under way' },
  ],
  [
    'failed before there was a charge',
    { status: 'FAILED', failureCode: 'a', onFailure: 'release' },
    undefined,
    { kind: 'rest' },
  ],
  ['served', { status: 'SERVED' }, undefined, { kind: 'rest' }],
  ['unpaid', { status: 'UNPAID' }, undefined, { kind: 'rest' }],
];

describe('a call that nobody may be at', () => {
  it.each(TABLE)('%s', (_, over, standing, next) => {
    expect(decideEnd({ ...CALL, ...over }, standing)).toEqual(next);
  });
});

it.each([
  ['whose payment is not final', 'not_refundable', 3_000],
  ['whose asset is configured no more', 'unknown_asset', 60_000],
  ['of what the merchant has spent', 'insufficient_balance', null],
  ['of what is somebody else’s', 'not_custodial', null],
] as const)('a refund %s is asked for again as long as that can pass', (_, code, delayMs) => {
  expect(retryRefundMs(code)).toBe(delayMs);
});
