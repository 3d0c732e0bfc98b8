import { describe, expect, it } from 'vitest';
import type { GuardSettings } from '../../../base/config/index.ts';
import { type Address, caip19 } from '../../../base/kernel/index.ts';
import type { DryVerdict } from '../../../books/tx/index.ts';
import { isAtRisk, readVerdict } from './decide-verdict.ts';

const FROM: Address = `0x${'11'.repeat(20)}`;
const TOKEN = caip19(1, `0x${'22'.repeat(20)}`);
const COIN = caip19(1, null);
const NOTHING: GuardSettings = {
  approvals: { approvers: [], groups: [], thresholds: [], webauthn: null, expireAfterMs: 1 },
  walletGroups: [{ id: 'hot', lanes: [{ chainId: 1, address: FROM }] }],
  limits: [],
};
const limit = (walletGroup: string, asset: string): GuardSettings => ({
  ...NOTHING,
  limits: [{ walletGroup, asset, perTransaction: 1n, windows: [] }],
});
const asking: GuardSettings = {
  ...NOTHING,
  approvals: {
    ...NOTHING.approvals,
    thresholds: [
      { kind: 'withdrawal', asset: TOKEN, above: 99n, requirement: { group: 'g', count: 1 } },
      { kind: 'payment', asset: TOKEN, above: 149n, requirement: { group: 'g', count: 1 } },
    ],
  },
};
const paid = {
  ...{ ownerKind: 'withdrawal', chainId: 1, asset: TOKEN, amount: 100n },
  payerAuthorization: null,
};

describe('before it gets a slot, a transaction is asked about', () => {
  it.each<[string, GuardSettings, Partial<Parameters<typeof isAtRisk>[1]['tx']>, boolean]>([
    ['when nothing is limited or approved', NOTHING, {}, false],
    ['when its asset is limited', limit('hot', TOKEN), {}, true],
    ['when gas is limited', limit('hot', COIN), {}, true],
    ['when another asset is limited', limit('hot', caip19(1, FROM)), {}, false],
    ['when wallets of another group are limited', limit('cold', TOKEN), {}, false],
    [
      'when a sweep leaves us nothing that is limited',
      limit('hot', TOKEN),
      { ownerKind: 'sweep' },
      false,
    ],
    ['when a payer moves own tokens', limit('hot', TOKEN), { payerAuthorization: '0x00' }, false],
    ['when it has to be approved', asking, {}, true],
    ['when it is below what has to be approved', asking, { amount: 99n }, false],
    [
      'when a payer pays what we would need approved',
      asking,
      { payerAuthorization: '0x00' },
      false,
    ],
    [
      'when a payer pays what has to be approved of payments',
      asking,
      { payerAuthorization: '0x00', amount: 150n },
      true,
    ],
  ])('%s', (_, guard, more, asked) => {
    const tx = { ...paid, ...more };
    expect(isAtRisk({ guard, treasury: [] }, { tx, from: FROM })).toBe(asked);
  });

  it('when it is a top-up, of which a day has so many', () => {
    const topUp = { below: 1n, amount: 1n, perDay: 1n };
    const of = (one: typeof topUp | null) =>
      isAtRisk(
        {
          guard: NOTHING,
          treasury: [{ chainId: 1, address: FROM, tenant: 't', topUp: one, keep: [] }],
        },
        { tx: { ...paid, ownerKind: 'topup' }, from: FROM },
      );
    expect([of(topUp), of(null)]).toEqual([true, false]);
  });
});

describe('a verdict of the signer', () => {
  const said = (answer: DryVerdict['answer']): DryVerdict => ({
    ...{ txId: 't', laneId: 1, fee: 10n },
    answer,
  });
  const slot = { laneId: null, fee: 10n };
  it.each<[string, DryVerdict | undefined, Parameters<typeof readVerdict>[1], string]>([
    ['that nobody asked for', undefined, slot, 'ask'],
    ['that is not there yet', said(null), slot, 'wait signer_verdict'],
    ['that lets it through', said('yes'), slot, 'go'],
    ['about more gas than it takes', said('yes'), { ...slot, fee: 9n }, 'go'],
    ['about less gas than it takes', said('yes'), { ...slot, fee: 11n }, 'ask'],
    ['about the same lane', said('yes'), { ...slot, laneId: 1 }, 'go'],
    ['about another lane', said('yes'), { ...slot, laneId: 2 }, 'ask'],
    [
      'that refuses',
      said({ code: 'limit_window', message: 'full' }),
      slot,
      'refused signer_refused limit_window: full',
    ],
    [
      'that refuses for any gas',
      said({ code: 'a', message: 'b' }),
      { ...slot, fee: 99n },
      'refused signer_refused a: b',
    ],
    [
      'by a policy that came a moment ago',
      said({ code: 'policy_superseded', message: '' }),
      slot,
      'wait policy_changed',
    ],
  ])('%s', (_, verdict, wanted, expected) => {
    const read = readVerdict(verdict, wanted);
    const { kind } = read;
    expect(
      [
        kind,
        ...(kind === 'wait' ? [read.reason] : []),
        ...(kind === 'refused' ? [read.code, read.message] : []),
      ].join(' '),
    ).toBe(expected);
  });
});
