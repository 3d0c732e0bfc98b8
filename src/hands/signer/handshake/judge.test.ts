import { describe, expect, it } from 'vitest';
import type { Hex } from '../../../base/kernel/index.ts';
import { genesis, NOTHING_SEALED, nextSeal, type Seal } from './chain.ts';
import { type Evidence, type FreezeCode, judge } from './judge.ts';

const HOME = '00000000-0000-7000-8000-000000000001';
const hashOf = (height: number, branch = 'a'): Hex =>
  `0x${branch}${height.toString(16).padStart(63, '0')}`;
const seal = (height: number, branch?: string): Seal => ({
  height: BigInt(height),
  hash: hashOf(height, branch),
});

/** All three at batch 9, which was handed over and noted; each row changes what one of them shows. */
type Change = {
  journal?: Partial<Evidence['journal']>;
  main?: Partial<Evidence['main']>;
  witness?: Seal | null;
  /** Of the journal's chain. */
  branch?: string;
};

function verdict({ journal, main, witness = seal(9), branch = 'a' }: Change): FreezeCode | null {
  const head = journal?.head ?? seal(9);
  const found = judge({
    journal: {
      installationId: HOME,
      head,
      requestId: 'r',
      seen: { seal: seal(9), position: 40n, eventId: 'e' },
      ...journal,
    },
    main: {
      installationId: HOME,
      seal: seal(9),
      position: 41n,
      eventId: 'f',
      eventStands: true,
      orderClaimed: true,
      frozen: false,
      ...main,
    },
    witness: { where: 'w', seal: witness },
    hashAt: (height) => (height <= head.height ? hashOf(Number(height), branch) : undefined),
  });
  return found?.code ?? null;
}

const fresh = {
  installationId: null,
  head: NOTHING_SEALED,
  requestId: null,
  seen: { seal: NOTHING_SEALED, position: 0n, eventId: null },
};
const begun = { ...fresh, installationId: HOME, head: genesis(HOME) };

describe('judge', () => {
  it.each<[string, Change, FreezeCode | null]>([
    ['all three agree', {}, null],
    ['everything is new', { journal: fresh, main: { seal: NOTHING_SEALED }, witness: null }, null],
    [
      'the journal has begun, and the witness with it',
      { journal: begun, main: { seal: NOTHING_SEALED }, witness: genesis(HOME) },
      null,
    ],
    [
      'a witness of another beginning, which has seen nothing',
      { journal: fresh, main: { seal: NOTHING_SEALED }, witness: genesis('other') },
      null,
    ],
    ['a batch was journaled and not witnessed', { journal: { head: seal(10) } }, null],
    ['several were, by several signers', { journal: { head: seal(13) } }, null],
    [
      'a batch was witnessed and not handed over',
      { journal: { head: seal(10) }, witness: seal(10) },
      null,
    ],
    [
      'another signer has handed over a batch that the head did not have yet',
      { main: { seal: seal(9) }, journal: { head: seal(9), seen: { ...begun.seen } } },
      null,
    ],
    [
      'main was sealed by an older batch than the journal has seen',
      { main: { seal: seal(8) } },
      'main_behind',
    ],
    ['main was never sealed', { main: { seal: NOTHING_SEALED } }, 'main_behind'],
    ['main has lost the event that was seen', { main: { eventStands: false } }, 'main_behind'],
    [
      'main has lost the claim of the newest batch',
      { main: { orderClaimed: false } },
      'main_behind',
    ],
    [
      'main was put back and has moved on with another journal',
      { main: { seal: seal(9, 'b') } },
      'journal_behind',
    ],
    ['the journal was put back', { journal: { head: seal(7) }, branch: 'a' }, 'journal_behind'],
    ['the journal was put back and has moved on', { branch: 'b' }, 'journal_behind'],
    ['the journal is new, and main is not', { journal: fresh, witness: null }, 'journal_behind'],
    [
      'both were put back, and the witness knows more',
      { witness: seal(11), main: { seal: seal(9) } },
      'both_behind',
    ],
    [
      'both are new, and the witness is not',
      { journal: fresh, main: { seal: NOTHING_SEALED } },
      'both_behind',
    ],
    [
      'both were put back and have moved on',
      { witness: seal(8, 'b'), main: { seal: seal(9) } },
      'both_behind',
    ],
    ['there is no witness any more', { witness: null }, 'witness_missing'],
    ['the witness is of another beginning', { witness: genesis('other') }, 'both_behind'],
    [
      'the journal is of another installation',
      { journal: { installationId: 'other' } },
      'journal_foreign',
    ],
  ])('%s', (_what, change, expected) => {
    expect(verdict(change)).toBe(expected);
  });

  it('says what was found and what to do', () => {
    const found = judge({
      journal: { ...begun, head: seal(9), requestId: 'r' },
      main: {
        installationId: HOME,
        seal: seal(9),
        position: 0n,
        eventId: null,
        eventStands: true,
        orderClaimed: true,
        frozen: false,
      },
      witness: { where: '/here/witness', seal: null },
      hashAt: () => hashOf(9),
    });
    expect(found).toEqual({
      code: 'witness_missing',
      detail:
        'the journal stands at batch 9 (0xa0000000), and there is no witness at /here/witness',
      remedy: expect.stringContaining('put the witness back where it was'),
    });
  });
});

describe('nextSeal', () => {
  const seen = { seal: seal(3), position: 5n, eventId: HOME };
  const entry = (n: number) => ({
    requestId: `00000000-0000-7000-8000-00000000000${n}`,
    intentId: hashOf(n),
    fingerprint: Buffer.alloc(32, n),
  });

  it('does not depend on the order of the entries', () => {
    const [one, other] = [
      nextSeal(seal(3), seen, [entry(1), entry(2)]),
      nextSeal(seal(3), seen, [entry(2), entry(1)]),
    ];
    expect(one).toEqual(other);
    expect(one.height).toBe(4n);
  });

  it('depends on everything else', () => {
    const seals = [
      nextSeal(seal(3), seen, [entry(1)]),
      nextSeal(seal(3, 'b'), seen, [entry(1)]),
      nextSeal(seal(4), seen, [entry(1)]),
      nextSeal(seal(3), { ...seen, seal: seal(2) }, [entry(1)]),
      nextSeal(seal(3), { ...seen, seal: seal(3, 'b') }, [entry(1)]),
      nextSeal(seal(3), { ...seen, position: 6n }, [entry(1)]),
      nextSeal(seal(3), { ...seen, eventId: null }, [entry(1)]),
      nextSeal(seal(3), seen, [entry(1), entry(2)]),
      nextSeal(seal(3), seen, [{ ...entry(1), requestId: entry(2).requestId }]),
      nextSeal(seal(3), seen, [{ ...entry(1), intentId: hashOf(2) }]),
      nextSeal(seal(3), seen, [{ ...entry(1), fingerprint: Buffer.alloc(32, 2) }]),
    ];
    expect(new Set(seals.map(({ hash }) => hash)).size).toBe(seals.length);
  });
});
