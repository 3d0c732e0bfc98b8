import { describe, expect, it } from 'vitest';
import type { ChainSettings } from '../../base/config/index.ts';
import { Transient, ZERO_ADDRESS } from '../../base/kernel/index.ts';
import { decideFinal, firstBlock, judgeReorg, levelsOf, looksDue, type Tags } from './decide.ts';
import { foreignLanes, ownProgress } from './foreign/foreign.ts';

type Finality = Omit<ChainSettings['finality'], 'maxReorgDepth'>;

describe('the levels of a walk', () => {
  const all: Tags = { latest: 100, safe: 90, finalized: 80 };
  it.each<[number, Tags, Finality, [number, number] | null]>([
    // walked, tags, finality, [safe, finalized]
    [100, all, { tag: 'finalized', minDepth: 0 }, [90, 80]],
    [100, all, { tag: 'finalized', minDepth: 30 }, [90, 70]],
    [85, all, { tag: 'finalized', minDepth: 0 }, [85, 80]],
    [75, all, { tag: 'finalized', minDepth: 0 }, [75, 75]],
    [75, all, { tag: 'finalized', minDepth: 10 }, [75, 65]],
    [100, all, { tag: 'safe', minDepth: 0 }, [90, 90]],
    [100, all, { tag: 'latest', minDepth: 12 }, [90, 88]],
    [100, all, { tag: 'latest', minDepth: 2 }, [98, 98]],
    [100, { latest: 100, safe: null, finalized: null }, { tag: 'latest', minDepth: 12 }, [88, 88]],
    [100, { latest: 100, safe: null, finalized: 80 }, { tag: 'finalized', minDepth: 0 }, [80, 80]],
    [100, { latest: 100, safe: 90, finalized: null }, { tag: 'finalized', minDepth: 0 }, null],
    [100, { latest: 100, safe: null, finalized: 80 }, { tag: 'safe', minDepth: 0 }, null],
    [5, { latest: 5, safe: 5, finalized: 5 }, { tag: 'finalized', minDepth: 6 }, null],
  ])('%#: walked %s of %j under %j', (walked, tags, finality, expected) => {
    const levels = levelsOf(walked, tags, finality);
    expect(levels === null ? null : [levels.safe, levels.finalized]).toEqual(expected);
  });
});

describe('the first block of a walk', () => {
  const finality = { tag: 'finalized', minDepth: 0 } as const;
  it.each<[string, Tags, Finality, number]>([
    ['the finalized one', { latest: 100, safe: 90, finalized: 80 }, finality, 80],
    [
      'as deep as wanted',
      { latest: 100, safe: 90, finalized: 80 },
      { ...finality, minDepth: 30 },
      70,
    ],
    ['the genesis of a young chain', { latest: 5, safe: 0, finalized: 0 }, finality, 0],
    [
      'a young chain, deeper than it is',
      { latest: 5, safe: 5, finalized: 5 },
      { ...finality, minDepth: 6 },
      0,
    ],
    ['a tag that stands still', { latest: 1_000_000, safe: 7, finalized: 7 }, finality, 990_000],
    ['no tag', { latest: 1_000_000, safe: null, finalized: null }, finality, 990_000],
  ])('%s', (_, tags, wanted, expected) => {
    expect(firstBlock(tags, { finality: wanted })).toBe(expected);
  });
});

describe('a look at a lane with nothing under way', () => {
  it.each([
    [0, 31, false],
    [31, 32, true],
    [32, 63, false],
    [31, 63, true],
    [40, 40, false],
    [40, 4_000, true],
  ])('finalized %i to %i: %s', (before, after, due) => {
    expect(looksDue(before, after)).toBe(due);
  });
});

describe('the end of a finalized slot', () => {
  const effect = {
    kind: 'effect',
    succeeded: true,
    effectOk: true,
    fillReason: null,
    failureCode: null,
  } as const;
  it.each([
    [{}, 'FINAL null'],
    [{ succeeded: false, effectOk: false }, 'REVERTED reverted'],
    [{ effectOk: false }, 'park'],
    [{ kind: 'filler' as const, effectOk: false }, 'CANCELLED filled'],
    [{ kind: 'filler' as const, succeeded: false, effectOk: false }, 'CANCELLED filled'],
    [{ kind: 'filler' as const, fillReason: 'expired' }, 'CANCELLED expired'],
    [{ kind: 'filler' as const, fillReason: 'x', failureCode: 'signer_refused' }, 'CANCELLED x'],
  ])('%j: %s', (more, expected) => {
    const action = decideFinal({ ...effect, ...more });
    expect(action.kind === 'park' ? 'park' : `${action.to} ${action.code}`).toBe(expected);
  });
});

describe('a reorg', () => {
  const head = { latest: 100, finalized: 80 };
  it.each<[string, number | null, number, RegExp | null]>([
    ['of the latest block', 99, 1, null],
    ['as deep as is allowed', 88, 12, null],
    ['one block deeper', 87, 12, /deeper than allowed: it takes back 13 blocks.*is 12/],
    ['down to finalized', 80, 64, null],
    ['below finalized', 79, 64, /below finalized.*at 79/],
    ['below finalized and too deep', 79, 12, /below finalized/],
    ['deeper than was looked', null, 64, /below finalized.*older/],
  ])('%s', (_, fork, maxReorgDepth, reason) => {
    const verdict = judgeReorg(head, fork, { maxReorgDepth });
    if (reason === null) expect(verdict).toEqual({ kind: 'follow' });
    else expect(verdict.kind === 'halt' && verdict.reason).toMatch(reason);
  });
});

describe('a foreign use of a lane', () => {
  const lane = (laneId: number, minedNonce: bigint, atBlock = 10) => ({
    laneId,
    minedNonce,
    atBlock,
    address: ZERO_ADDRESS,
  });
  const asking = async (lanes: ReturnType<typeof lane>[], counts: bigint[]) => {
    const asked: unknown[] = [];
    const port = {
      transactionCounts: async (...args: unknown[]) => {
        asked.push(args);
        return counts;
      },
    };
    return { foreign: await foreignLanes(port, lanes, 10), asked };
  };

  it.each<[string, ReturnType<typeof lane>[], bigint[], number[]]>([
    ['what was mined is ours', [lane(1, 7n)], [7n], []],
    ['more was consumed than is ours', [lane(1, 6n)], [7n], [1]],
    ['of one of two lanes', [lane(1, 6n), lane(2, 1n)], [6n, 2n], [2]],
    ['a node that counts less than we saw', [lane(1, 8n)], [7n], []],
  ])('%s', async (_, lanes, counts, expected) => {
    const { foreign } = await asking(lanes, counts);
    expect(foreign.map((one) => one.lane.laneId)).toEqual(expected);
  });

  it('is nothing known where a restarted node has the block and not its state', async () => {
    const port = { transactionCounts: () => Promise.reject(new Transient('BlockOutOfRangeError')) };
    expect(await foreignLanes(port, [lane(1, 6n)], 10)).toEqual([]);
  });

  it('is not asked of a lane that was adopted at a later block', async () => {
    const { foreign, asked } = await asking([lane(1, 5n, 11), lane(2, 5n)], [5n]);
    expect(foreign).toEqual([]);
    expect(asked).toEqual([[[ZERO_ADDRESS], 10]]);
  });

  it('is told by counting each of our own nonces once, from where the walk stood', () => {
    const lanes = [
      { laneId: 1, minedNonce: 5n },
      { laneId: 2, minedNonce: 0n },
    ];
    const found = [
      [1, 5n],
      [1, 5n],
      [1, 6n],
      [3, 0n],
    ].map(([laneId, nonce]) => ({ attempt: { laneId: Number(laneId), nonce: BigInt(nonce!) } }));
    expect(ownProgress(lanes, found)).toEqual(
      new Map([
        [1, 7n],
        [2, 0n],
      ]),
    );
  });
});
