import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeChain, FakeNode } from '../../../test/support/fake-chain/index.ts';
import { MainDatabase } from '../../../test/support/main-database.ts';
import { sign } from '../../../test/support/sign.ts';
import { effectOf } from '../../base/effect/index.ts';
import {
  type Address,
  fromHex,
  type Hex,
  silentLog,
  systemClock,
} from '../../base/kernel/index.ts';
import {
  insertAdoption,
  orderResume,
  readHeads,
  readLanes,
  readResume,
  registerLane,
  reopenLane,
} from '../../books/tx/index.ts';
import type { TrackerContext } from './context.ts';
import { beginChain, trackRound } from './index.ts';

// Public development key: account 1 of the "test … junk" mnemonic.
const KEY: Hex = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d';
const DONOR: Address = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8';
const TOKEN: Address = `0x${'70'.repeat(20)}`;
const LANE: Address = `0x${'1a'.repeat(20)}`;

let on: MainDatabase;
let next = 1;
beforeAll(async () => {
  on = await MainDatabase.start();
});
afterAll(() => on.stop());

/** A chain of its own with 20 blocks, of which 14 are final, and a tracker that has not begun. */
function fresh(): {
  chain: FakeChain;
  /** The same chain so far, going on by itself. */
  branch: FakeChain;
  node: FakeNode;
  context: TrackerContext;
  walk(): Promise<void>;
} {
  const chainId = next;
  next += 1;
  const tokens = [{ address: TOKEN, decimals: 6 }];
  const grow = () => {
    const chain = new FakeChain({ seed: chainId, chainId, slotsInEpoch: 3, tokens });
    chain.give(DONOR, 10n ** 20n);
    chain.give(DONOR, 1_000n, TOKEN);
    chain.mine(20);
    return chain;
  };
  const [chain, branch] = [grow(), grow()];
  const node = new FakeNode(chain);
  const context = {
    ...{ db: on.app, owner: 'one', chainId, port: node, tokens: [TOKEN] },
    ...{ clock: systemClock, log: silentLog },
    settings: {
      finality: { tag: 'finalized', minDepth: 0, maxReorgDepth: 64 },
    } as TrackerContext['settings'],
  };
  const walk = async () => {
    while (await trackRound(context));
  };
  return { chain, branch, node, context, walk };
}

const headOf = async ({ chainId }: TrackerContext) => (await readHeads(on.app)).get(chainId)!;

describe('a walk', () => {
  it('begins at the finalized block, so that a reorg of the latest one is followed', async () => {
    const { chain, context, walk } = fresh();
    await beginChain(context);
    expect(await headOf(context)).toMatchObject({ latest: 14, safe: 14, finalized: 14 });
    chain.reorg(3);
    await walk();
    chain.reorg(2);
    chain.mine();
    await walk();
    expect(await headOf(context)).toMatchObject({
      ...{ latest: 21, finalized: 15, haltedReason: null, hash: chain.block(21)!.hash },
    });
  });

  it('concludes nothing from blocks that are not shown while it looks for a fork', async () => {
    const { chain, node, context, walk } = fresh();
    await beginChain(context);
    await walk();
    chain.reorg(2);
    chain.mine();
    const head = await headOf(context);
    const silent = new FakeNode(chain);
    // As nodes of which too few answer, once the first of them has shown that our head is gone.
    silent.blocks = async (from, to) =>
      from === head.latest ? node.blocks(from, to) : Array(to - from + 1).fill(null);
    await expect(trackRound({ ...context, port: silent })).rejects.toThrow('is not shown');
    expect(await headOf(context)).toMatchObject({ latest: head.latest, haltedReason: null });
    await walk();
    expect(await headOf(context)).toMatchObject({
      ...{ latest: 21, haltedReason: null, hash: chain.block(21)!.hash },
    });
  });

  it('reaches a far head in bounded steps, and what is final with it', async () => {
    const { chain, context, walk } = fresh();
    await beginChain(context);
    chain.mine(600);
    expect(await trackRound(context)).toBe(true);
    expect((await headOf(context)).latest).toBe(14 + 64);
    await walk();
    expect(await headOf(context)).toMatchObject({ latest: 620, finalized: 614 });
  });
});

describe('the order to go on with a halted chain', () => {
  async function halted() {
    const made = fresh();
    const { chain, context, walk } = made;
    await beginChain(context);
    chain.mine(20);
    await walk();
    chain.reorg(12);
    chain.mine();
    await walk();
    expect(await headOf(context)).toMatchObject({ latest: 40, haltedReason: expect.any(String) });
    const persons = await on.rows<{ id: string }>(
      `INSERT INTO operator (name) VALUES ('p' || random()), ('q' || random()) RETURNING operator_id AS id`,
    );
    const [proposedBy, confirmedBy] = persons.map(({ id }) => id) as [string, string];
    const order = { chainId: context.chainId, evidence: 'looked', proposedBy, confirmedBy };
    expect(await orderResume(on.app, order)).toBe(true);
    return made;
  }
  const openOrder = ({ chainId }: TrackerContext) => readResume(on.app, chainId);

  it('is carried out from the highest block that both have', async () => {
    const { chain, context, walk } = await halted();
    await walk();
    expect(await openOrder(context)).toBeNull();
    const { rows } = await on.app.query<{ fork: bigint }>(
      'SELECT fork FROM chain_resume WHERE chain_id = $1',
      [context.chainId],
    );
    expect(rows).toEqual([{ fork: 28n }]);
    expect(await headOf(context)).toMatchObject({
      haltedReason: null,
      hash: chain.block(41)!.hash,
    });
  });

  it.each([
    ['the lowest one', (from: number) => from < 20],
    ['any but the lowest one', (from: number) => from >= 20 && from < 40],
  ])('waits while a block is not shown: %s', async (_, hidden) => {
    const { chain, node, context, walk } = await halted();
    const silent = new FakeNode(chain);
    silent.blocks = async (from, to) => (hidden(from) ? [null] : node.blocks(from, to));
    await expect(trackRound({ ...context, port: silent })).rejects.toThrow('is not shown');
    expect(await openOrder(context)).not.toBeNull();
    expect((await headOf(context)).latest).toBe(40);
    await walk();
    expect(await openOrder(context)).toBeNull();
    expect(await headOf(context)).toMatchObject({ latest: 41, haltedReason: null });
  });

  it('waits while no node tells its newest block', async () => {
    const { chain, context } = await halted();
    const silent = new FakeNode(chain);
    silent.header = async () => null;
    silent.blocks = async (from, to) => Array(to - from + 1).fill(null);
    expect(await trackRound({ ...context, port: silent })).toBe(false);
    expect(await openOrder(context)).not.toBeNull();
  });
});

describe('arrivals', () => {
  const rows = (chainId: number) =>
    on.rows<{ amount: bigint; block: bigint }>(
      `SELECT amount, block_number AS block FROM arrival WHERE chain_id = $1 ORDER BY block_number`,
      [chainId],
    );
  const pay = (chain: FakeChain, nonce: bigint, amount: bigint) => {
    const effect = effectOf({ token: TOKEN, recipient: LANE, amount });
    chain.take(sign(KEY, { nonce, ...effect, chainId: chain.options.chainId }).bytes);
  };
  async function adopted({ chainId }: TrackerContext, atBlock: number): Promise<void> {
    const { tenantId } = on;
    await registerLane(
      on.app,
      { tenantId, chainId, address: LANE, purpose: 'pay', firstNonce: 0n, atBlock },
      'adopting',
    );
    const [lane] = await readLanes(on.app, chainId);
    await insertAdoption(on.app, { laneId: lane!.laneId, atBlock, nativeBalance: 0n });
  }

  it('are written down when their block is final, once, and only behind the adoption', async () => {
    const { chain, node, context, walk } = fresh();
    await beginChain(context);
    pay(chain, 0n, 5n);
    chain.mine();
    await adopted(context, 21);
    pay(chain, 1n, 6n);
    chain.mine(3);
    await walk();
    expect(await rows(context.chainId)).toEqual([]);
    chain.reorg(3, { transactions: 'none', blocks: 4 });
    chain.mine(8);
    await walk();
    expect(await rows(context.chainId)).toEqual([{ amount: 6n, block: 26n }]);
    const [job] = await on.rows(`SELECT FROM job WHERE topic = 'tx.gas'`);
    expect(job).toBeDefined();
    chain.mine(9);
    await walk();
    expect(await rows(context.chainId)).toHaveLength(1);
    expect(node.counts()['transfers']).toBeLessThan(10);
  });

  it('are asked for in smaller ranges where a node bounds them, and wait where it says nothing', async () => {
    const { chain, node, context, walk } = fresh();
    await beginChain(context);
    await adopted(context, 20);
    pay(chain, 0n, 7n);
    chain.mine(20);
    node.failNext('transfers', { kind: 'says', message: 'block range too large' });
    await walk();
    expect(await rows(context.chainId)).toEqual([{ amount: 7n, block: 21n }]);
    pay(chain, 1n, 8n);
    chain.mine();
    await walk();
    chain.mine(6);
    const before = (await headOf(context)).finalized;
    for (let asked = 0; asked < 5; asked += 1) {
      node.failNext('transfers', { kind: 'busy', status: 503 });
    }
    await expect(walk()).rejects.toThrow(/503/);
    expect((await headOf(context)).finalized).toBe(before);
    await walk();
    expect(await rows(context.chainId)).toMatchObject([{ amount: 7n }, { amount: 8n }]);
  });
});

describe('a use by somebody else', () => {
  const laneOf = async ({ chainId }: TrackerContext) => (await readLanes(on.app, chainId))[0]!;
  const adopt = async (context: TrackerContext, consumed: bigint) =>
    expect(await reopenLane(on.app, await laneOf(context), consumed)).toBe(true);

  it('freezes its lane again when a branch that was left for another comes back', async () => {
    const { chain, branch, context, walk } = fresh();
    await beginChain(context);
    const { tenantId } = on;
    const { chainId } = context;
    const lane = { tenantId, chainId, address: DONOR, purpose: 'pay', firstNonce: 0n } as const;
    await registerLane(on.app, { ...lane, atBlock: 14 }, 'adopting');
    await adopt(context, 0n);
    await walk();
    const { hash, bytes } = sign(KEY, { nonce: 0n, to: LANE, chainId });
    chain.take(bytes);
    const shown = async () => {
      const { minedNonce, pausedReason, nextNonce } = await laneOf(context);
      return [minedNonce, pausedReason, nextNonce];
    };
    for (let block = 0; block < 3; block += 1) {
      chain.mine();
      await walk();
    }
    expect(await shown()).toEqual([1n, 'foreign_nonce', 0n]);

    branch.mine(4);
    const onBranch = { ...context, port: new FakeNode(branch) };
    while (await trackRound(onBranch));
    expect(await shown()).toEqual([0n, 'foreign_nonce', 0n]);
    await adopt(context, 0n);
    expect(await shown()).toEqual([0n, null, 0n]);

    chain.mine(2);
    await walk();
    chain.mine();
    await walk();
    expect(await shown()).toEqual([1n, 'foreign_nonce', 0n]);
    const uses = `SELECT adopted_at AS "adoptedAt" FROM foreign_inclusion WHERE tx_hash = $1`;
    expect(await on.rows(uses, [fromHex(hash)])).toEqual([{ adoptedAt: null }]);
    await adopt(context, 1n);
    chain.mine();
    await walk();
    expect(await shown()).toEqual([1n, null, 1n]);
  });
});
