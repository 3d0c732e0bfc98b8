import { describe, expect, it } from 'vitest';
import { type EarningMove, earningTransfers } from './earnings.ts';
import type { AccountKey } from './movement.ts';

const of = (kind: EarningMove['kind'], amount: bigint): EarningMove => ({
  kind,
  amount,
  tenantId: 't',
  paymentId: 'p',
  account: 'merchant:shop',
  asset: 'USDC',
  correlationId: 'c',
});

/** `debit < credit amount` of every posting, transfer by transfer. */
function book(moves: EarningMove[], has: Partial<Record<AccountKey['kind'], bigint>> = {}) {
  return earningTransfers(moves, ({ kind }) => has[kind] ?? 0n).map(({ postings }) =>
    postings.map(({ debit, credit, amount }) => `${debit.kind} < ${credit.kind} ${amount}`),
  );
}

describe('what a merchant earns', () => {
  it('is expected and pending, then available; or it lapses', () => {
    expect(book([of('EXPECT', 5n)])).toEqual([['expected < pending 5']]);
    expect(book([of('EARN', 5n)])).toEqual([['pending < available 5']]);
    expect(book([of('LAPSE', 5n)])).toEqual([['pending < expected 5']]);
  });

  it('is taken back from what there is, and the rest is owed; what is owed is paid first', () => {
    expect(book([of('UNEARN', 5n)], { available: 7n })).toEqual([['available < pending 5']]);
    expect(book([of('UNEARN', 5n), of('UNEARN', 5n)], { available: 7n })).toEqual([
      ['available < pending 5'],
      ['available < pending 2', 'receivable < pending 3'],
    ]);
    expect(book([of('UNEARN', 5n), of('EARN', 4n), of('EARN', 4n)], {})).toEqual([
      ['receivable < pending 5'],
      ['pending < receivable 4'],
      ['pending < receivable 1', 'pending < available 3'],
    ]);
  });
});
