import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NodeChain } from '../../src/base/chain/index.ts';
import { rpcCall } from '../../src/doors/dev/index.ts';
import { hashesOf } from '../conformance/chain-under-test.ts';
import { until } from '../support/until.ts';
import { ANSWERED_WITH, BUMPED, CASES, MINED, OF_CONTRACT } from './cases.ts';
import { KINDS, type LiveNode } from './nodes.ts';

for (const { name, missing } of KINDS) {
  if (missing !== null) console.info(`SKIPPED sends to a real ${name}: ${missing}`);
}

describe.each(KINDS)('a real node, $name,', ({ name, missing, start }) => {
  let node: LiveNode;
  let chain: NodeChain;

  describe.skipIf(missing !== null)('is sent', () => {
    beforeAll(async () => {
      node = await start();
      chain = new NodeChain({ url: node.url });
      expect(await chain.chainId()).toBe(31337);
      console.info(await rpcCall<string>(node.url, 'web3_clientVersion', []));
      expect(await chain.send([MINED])).toEqual([
        { hash: MINED.hash, class: 'accepted', message: null },
      ]);
      await mine();
    });
    afterAll(() => node?.stop());

    it.each(CASES)('$what', async ({ sent, class: wanted, words }) => {
      const said = words[name];
      expect(await chain.send([sent])).toEqual([
        said === null
          ? { hash: sent.hash, class: 'accepted', message: null }
          : {
              hash: sent.hash,
              class: wanted,
              message: expect.stringContaining(said),
              // The node is at fault, not the transaction.
              ...(said.startsWith(ANSWERED_WITH) ? { failure: 'malformed' } : {}),
            },
      ]);
    });

    it('and mines what it took and nobody outbid, each once, and nothing that it refused', async () => {
      await mine();
      const hashes = new Set(hashesOf([MINED, ...CASES.map(({ sent }) => sent)]));
      const receipts = await chain.receipts([...hashes]);
      const mined = receipts.flatMap((receipt) => receipt?.transactionHash ?? []);
      expect(mined).toEqual(hashesOf([MINED, BUMPED, OF_CONTRACT]));
    });
  });

  /** Waits for the receipts too: some nodes show a block a moment after they made it. */
  async function mine(): Promise<void> {
    const before = (await chain.header('latest'))!;
    await node.mine();
    await until('a block and its receipts', async () => {
      const [block] = await chain.blocks(before.number + 1, before.number + 1);
      return block != null && (await chain.receipts(block.transactions)).every(Boolean);
    });
  }
});
