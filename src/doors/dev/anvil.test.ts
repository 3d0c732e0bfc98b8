import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { startTestAnvil } from '../../../test/support/anvil.ts';
import { guard, release } from '../../../test/support/guard.ts';
import { removeAnvil, startAnvil } from './anvil.ts';
import { isRunning } from './process.ts';
import { rpcCall } from './rpc.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'payonce-anvil-'));
guard(stateDir);
const stateFile = join(stateDir, 'anvil-31337.state.json');
const options = { stateDir, saveEvery: 1 };

afterAll(() => {
  rmSync(stateDir, { recursive: true, force: true });
  release(stateDir);
});

describe('the development chain', () => {
  test('keeps its blocks over a stop and a start', async () => {
    const first = await startTestAnvil(options);
    expect(first).toMatchObject({ adopted: false, state: 'empty', chainId: 31337 });
    await first.mine(5);
    const block = await first.rpc<{ hash: string }>('eth_getBlockByNumber', '0x5', false);
    await first.stop();
    expect(isRunning(first)).toBe(false);
    const second = await startTestAnvil(options);
    expect(second.state).toBe('saved');
    expect(await second.rpc('eth_getBlockByNumber', '0x5', false)).toMatchObject({
      hash: block.hash,
    });
    await second.stop();
  });

  test('is adopted while it runs', async () => {
    const first = await startTestAnvil(options);
    const again = await startAnvil(options);
    expect(again).toMatchObject({ pid: first.pid, port: first.port, adopted: true });
    await again.stop();
    expect(isRunning(first)).toBe(false);
  });

  test('starts empty, and says so, when its saved state is half written and no copy is left', async () => {
    for (const copy of ['copy', 'copy.older']) {
      rmSync(join(stateDir, `anvil-31337.state.${copy}.json`), { force: true });
    }
    truncateSync(stateFile, 100);
    const node = await startTestAnvil(options);
    expect(node.state).toBe('empty');
    await node.stop();
    removeAnvil(stateDir);
  });

  test('finalizes two epochs of four blocks back', async () => {
    const node = await startTestAnvil();
    await node.mine(20);
    const tags = await Promise.all(
      ['latest', 'safe', 'finalized'].map((tag) =>
        node.rpc<{ number: string }>('eth_getBlockByNumber', tag, false),
      ),
    );
    expect(tags.map((block) => Number(block.number))).toEqual([20, 16, 12]);
  });

  test('says in one line that its port is taken', async () => {
    const other = createServer();
    const port = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port));
    });
    await expect(startAnvil({ stateDir, port })).rejects.toThrow(
      new RegExp(`^port ${port} for chain 31337 is taken.*$`),
    );
    await new Promise((resolve) => other.close(resolve));
  });

  test('a call that the node refuses throws its words', async () => {
    const node = await startTestAnvil();
    await expect(rpcCall(node.url, 'eth_nothing', [])).rejects.toThrow(/eth_nothing: /);
  });
});
