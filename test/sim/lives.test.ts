import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabases, testDatabases } from '../support/postgres.ts';
import { Road } from '../support/steps/road.ts';
import { live } from './life.ts';
import type { Action } from './script.ts';
import type { ForeignUse } from './stranger.ts';

const request = (n: number, amount = '100'): Action => ({
  do: 'request',
  n,
  request: { account: 'alice', asset: 'USDC', amount, expires: false },
});
const foreign = (use: Partial<ForeignUse>): Action => ({
  do: 'foreign',
  use: { lane: 0, ahead: 0, what: 'coin', by: 'block', ...use },
});
const work: Action = { do: 'work', passes: 6 };
const mine: Action = { do: 'mine', blocks: 2 };
const observe: Action = { do: 'observe' };
const takenBack = {
  ...({ do: 'reorg', mine: 0, settle: false, depth: 1 } as const),
  ...({ transactions: 'none', toPool: true } as const),
};
const wantedBack = (what: ForeignUse['what']): Action[] => [
  request(0),
  // What it did stands, so that its slot is given in the one pass below and not signed there.
  { do: 'disturb', due: 2, at: 17, verdict: 'kill' },
  ...[foreign({ what }), { ...work, passes: 1 }, { do: 'cancel', n: 0 } as const],
];

/** Lives that say one thing each; those of seeds say everything at once. */
const LIVES: [string, Action[]][] = [
  [
    'an order whose signer died goes on while its expiry is looked at again and again',
    [
      {
        ...{ do: 'request', n: 0 },
        request: { account: 'alice', asset: 'USDC', amount: '13815', expires: true },
      },
      { ...takenBack, mine: 6, settle: true, depth: 6 },
      { do: 'disturb', due: 6, at: 17, verdict: 'kill' },
      { do: 'elapse', ms: 2_400_000 },
      { do: 'pass over' },
    ],
  ],
  ['somebody else uses a nonce before ours', [foreign({}), request(0), work]],
  ['somebody else takes the nonce of a payment', [request(0), work, foreign({}), mine]],
  [
    'somebody else takes a nonce between two payments',
    [request(0), request(1), work, foreign({ ahead: 1, what: 'token' }), mine],
  ],
  [
    'somebody else waits for a nonce that is ours later',
    [foreign({ ahead: 1, by: 'pool', what: 'nothing' }), request(0), work, request(1), mine],
  ],
  [
    'somebody else takes the nonce of a payment in a reorg',
    [request(0), work, mine, foreign({ by: { reorg: 3 }, what: 'token' })],
  ],
  [
    'a reorg takes back what somebody else and we had mined, before the former was found',
    [
      ...[request(0), request(1), work, foreign({ by: { reorg: 4 }, what: 'token' })],
      ...[
        { ...work, passes: 2 },
        { ...work, passes: 2 },
      ],
      { ...takenBack, mine: 3, depth: 3, toPool: false },
    ],
  ],
  [
    'a reorg gives a nonce back that somebody else had taken',
    [...[request(0), work, foreign({}), observe, mine], { ...takenBack, depth: 3, toPool: false }],
  ],
  [
    'a reorg gives a nonce back that nobody ever uses again',
    [foreign({ what: 'token' }), observe, { ...takenBack, mine: 2, depth: 3, toPool: false }],
  ],
  [
    'two persons say that somebody else has paid',
    [request(0), work, foreign({ what: { payee: 0 } }), observe, mine],
  ],
  [
    'two persons say that somebody else has not paid',
    [request(0), request(1), work, foreign({ ahead: 1, what: { payee: 1 } }), observe, mine],
  ],
  ['somebody else seems to have paid what its client has back', wantedBack({ payee: 0 })],
  [
    'somebody else takes the nonce of a payment that its client wants back before it is signed',
    wantedBack('nothing'),
  ],
  [
    'a reorg gives the nonce of such a payment back',
    [...wantedBack('nothing'), observe, mine, work, { ...takenBack, depth: 3, toPool: false }],
  ],
];

describe('a life of an installation', () => {
  let databases: TestDatabases;
  let road: Road;
  beforeAll(async () => {
    databases = await testDatabases();
    road = await Road.open(databases, { lanes: 2, warm: true, endings: 'roll back', needed: 2 });
  });
  afterAll(async () => {
    await road?.close();
    await databases?.drop();
  });

  it.each(LIVES)('in which %s ends as arithmetic has it', async (name, actions) => {
    expect(await live(road, { seed: 0, lanes: 1, actions })).toEqual([]);
    const { rows } = await road.owner.query('SELECT FROM foreign_inclusion');
    expect(rows.length > 0).toBe(actions.some((action) => action.do === 'foreign'));
    const { rows: decided } = await road.owner.query('SELECT FROM break_action');
    expect(decided.length).toBe(name.startsWith('two persons') ? 1 : 0);
  });
});
