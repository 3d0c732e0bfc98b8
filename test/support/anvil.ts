import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { systemClock } from '../../src/base/kernel/index.ts';
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
  /** No block comes by itself any more. */
  hold(): Promise<void>;
  /** Blocks come by themselves again, as often as before: a node's timer that was stopped knows whole seconds only. */
  resume(): void;
  /** Replaces the last blocks by as many others, which hold nothing of what these held. */
  reorg(depth: number): Promise<void>;
};

/** Makes a block every so many milliseconds until it is stopped. */
class Pace {
  readonly #mine: () => Promise<void>;
  readonly #everyMs: number;
  #stop = new AbortController();
  #made: Promise<void> = Promise.resolve();

  constructor(mine: () => Promise<void>, everyMs: number) {
    this.#mine = mine;
    this.#everyMs = everyMs;
  }

  start(): void {
    this.#stop.abort();
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.#made = (async () => {
      while (!signal.aborted) {
        // A node that was too busy to answer is asked for the next one.
        await this.#mine().catch(() => {});
        await systemClock.sleep(this.#everyMs, signal);
      }
    })();
  }

  /** No block is made any more when it resolves. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#made;
  }
}

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
  const mine = async (blocks = 1) => {
    await rpc('anvil_mine', `0x${blocks.toString(16)}`);
  };
  const pace = new Pace(mine, (options.blockTime ?? 1) * 1_000);
  let minesItself = options.blockTime !== undefined;
  const test: TestAnvil = {
    ...node,
    rpc,
    mine,
    hold: async () => {
      minesItself = false;
      await pace.stop();
      await rpc('evm_setIntervalMining', 0);
    },
    resume: () => {
      minesItself = true;
      pace.start();
    },
    reorg: async (depth) => {
      if (!minesItself) {
        await rpc('anvil_reorg', depth, []);
        return;
      }
      // A block that is made meanwhile leaves a chain in which two blocks are missing for ever (anvil 1.7.1). The
      // timer's last one may be under way still: ours comes after it, and goes with the others.
      await test.hold();
      await mine();
      await rpc('anvil_reorg', depth + 1, []);
      test.resume();
    },
    stop: async () => {
      await pace.stop();
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
