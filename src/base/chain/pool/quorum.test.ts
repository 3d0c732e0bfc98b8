import { describe, expect, it } from 'vitest';
import { type Hex, systemClock, Transient } from '../../kernel/index.ts';
import type { Vote } from '../port.ts';
import { Quorum, type Voter } from './quorum.ts';
import { tally, tallyHeight } from './tally.ts';

type Word = number | null | 'error';
const votesOf = (words: readonly Word[]): Vote<number>[] =>
  words.map((word, index) => ({
    endpoint: `n${index}`,
    value: word === 'error' ? null : word,
    error: word === 'error' ? 'no answer' : null,
  }));

describe('a tally of equal values', () => {
  it.each<[Word[], number, number | null, boolean]>([
    [[7], 1, 7, false],
    [[null], 1, null, false],
    [['error'], 1, null, false],
    [[7, 7], 2, 7, false],
    [[7, 8], 2, null, true],
    [[7, null], 2, null, false],
    [[7, 7, 8], 2, 7, true],
    [[7, 7, null], 2, 7, false],
    [[7, 'error', 7], 2, 7, false],
    [[7, 8, 9], 2, null, true],
    [[8, 7, 7, 7, 8], 3, 7, true],
    [[7, 7, 'error', 'error', 'error'], 3, null, false],
    [[], 1, null, false],
  ])('of %j with %i needed is %s, disputed: %s', (words, needed, agreed, disputed) => {
    const votes = votesOf(words);
    expect(tally(votes, needed)).toEqual({ agreed, disputed, votes });
  });

  it('compares what is inside', () => {
    const votes = [{ hash: '0xa' }, { hash: '0xa' }, { hash: '0xb' }].map((value, index) => ({
      endpoint: `n${index}`,
      value,
      error: null,
    }));
    expect(tally(votes, 2)).toMatchObject({ agreed: { hash: '0xa' }, disputed: true });
  });
});

describe('a tally of heights', () => {
  it.each<[Word[], number, number | null]>([
    [[7], 1, 7],
    [[7, 9], 2, 7],
    // One that invents blocks does not raise it, one that is behind does not lower it.
    [[100, 101, 9_000], 2, 101],
    [[100, 101, 3], 2, 100],
    [[100, null, 'error'], 2, null],
    [[0, 0, 5], 2, 0],
  ])('of %j with %i needed is %s', (words, needed, agreed) => {
    expect(tallyHeight(votesOf(words), needed)).toMatchObject({ agreed, disputed: false });
  });
});

const A: Hex = `0x${'aa'.repeat(32)}`;
const B: Hex = `0x${'bb'.repeat(32)}`;

/** Says these hashes, whatever is asked, once it is let. */
function voter(name: string, hashes: (Hex | null)[] | Error, until?: Promise<void>): Voter {
  const unasked = async () => {
    throw new Error('not asked in this test');
  };
  return {
    name,
    async blockHashes() {
      await until;
      if (hashes instanceof Error) throw hashes;
      return hashes;
    },
    heads: unasked,
    transferLogs: unasked,
    receipts: unasked,
  };
}

const quorum = (voters: Voter[], needed: number, graceMs = 0) =>
  new Quorum({ voters, needed, clock: systemClock, graceMs });

describe('Quorum', () => {
  it('judges each item by itself, with every vote beside it', async () => {
    const voters = [voter('a', [A, A]), voter('b', [A, B]), voter('c', [A, null])];
    expect(await quorum(voters, 2, 5_000).agreedBlockHashes([1, 2])).toEqual([
      {
        agreed: A,
        disputed: false,
        votes: ['a', 'b', 'c'].map((endpoint) => ({ endpoint, value: A, error: null })),
      },
      {
        agreed: null,
        disputed: true,
        votes: [
          { endpoint: 'a', value: A, error: null },
          { endpoint: 'b', value: B, error: null },
          { endpoint: 'c', value: null, error: null },
        ],
      },
    ]);
  });

  it('takes a failure for a vote without a word', async () => {
    const voters = [voter('a', [A]), voter('b', new Transient('b: ECONNRESET')), voter('c', [A])];
    const [agreement] = await quorum(voters, 2).agreedBlockHashes([1]);
    expect(agreement).toMatchObject({ agreed: A, disputed: false });
    expect(agreement!.votes[1]).toEqual({ endpoint: 'b', value: null, error: 'b: ECONNRESET' });
  });

  it('asks nobody who is silent, and nobody for nothing', async () => {
    const silent = { ...voter('a', new Error('was asked')), silent: () => 'not asked: on chain 1' };
    const [agreement] = await quorum([silent], 1).agreedBlockHashes([1]);
    expect(agreement!.votes).toEqual([
      { endpoint: 'a', value: null, error: 'not asked: on chain 1' },
    ]);
    expect(await quorum([silent], 1).agreedBlockHashes([])).toEqual([]);
  });

  it('does not wait for who is slow when enough agree, and says so', async () => {
    const never = new Promise<void>(() => {});
    const voters = [voter('a', [A]), voter('b', [B], never), voter('c', [A])];
    const [agreement] = await quorum(voters, 2).agreedBlockHashes([1]);
    expect(agreement).toMatchObject({ agreed: A, disputed: false });
    expect(agreement!.votes[1]!.error).toBe('no answer yet when enough had agreed');
  });

  it('waits for who is slow while it matters', async () => {
    let let_ = () => {};
    const later = new Promise<void>((resolve) => {
      let_ = resolve;
    });
    const asked = quorum(
      [voter('a', [A]), voter('b', [B]), voter('c', [A], later)],
      2,
    ).agreedBlockHashes([1]);
    let_();
    expect((await asked)[0]).toMatchObject({ agreed: A, disputed: true });
  });
});
