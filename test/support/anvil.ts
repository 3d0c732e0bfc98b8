import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import {
  type AnvilNode,
  type AnvilOptions,
  rpcCall,
  startAnvil,
} from '../../src/doors/dev/index.ts';
import { guard, release } from './guard.ts';

export type TestAnvil = AnvilNode & {
  /** One JSON-RPC call; throws with the node's words. */
  rpc<Result = unknown>(method: string, ...params: unknown[]): Promise<Result>;
  /** Mines this many blocks at once. */
  mine(blocks?: number): Promise<void>;
};

const nodes = new Set<TestAnvil>();

/**
 * A node of its own on a free port, in memory unless saveEvery says otherwise; without blockTime or
 * noMining each transaction gets a block at once. Ended, if the test did not, after the file.
 */
export async function startTestAnvil(options: Partial<AnvilOptions> = {}): Promise<TestAnvil> {
  const temporary = options.stateDir === undefined;
  const stateDir = options.stateDir ?? mkdtempSync(join(tmpdir(), 'payonce-anvil-'));
  const node = await startAnvil({ saveEvery: null, ...options, stateDir });
  guard(node.pid);
  if (temporary) guard(stateDir);
  const rpc = <Result>(method: string, ...params: unknown[]) =>
    rpcCall<Result>(node.url, method, params);
  const test: TestAnvil = {
    ...node,
    rpc,
    mine: async (blocks = 1) => {
      await rpc('anvil_mine', `0x${blocks.toString(16)}`);
    },
    stop: async () => {
      nodes.delete(test);
      await node.stop();
      release(node.pid);
      if (temporary) rmSync(stateDir, { recursive: true, force: true });
      release(stateDir);
    },
  };
  nodes.add(test);
  return test;
}

afterAll(async () => {
  for (const node of nodes) await node.stop();
});
