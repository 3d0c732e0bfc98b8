import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { ConfigurationError, messageOf, systemClock } from '../../base/kernel/index.ts';
import { chooseState, keepCopies, type SavedState, type StateFiles } from './anvil-state.ts';
import {
  claimPort,
  endProcess,
  isRunning,
  type ProcessIdentity,
  packageFolder,
  startTimeOf,
} from './process.ts';
import { rpcCall } from './rpc.ts';

export type AnvilOptions = {
  /** Where the chain's state, log and process record are kept. */
  stateDir: string;
  /** Default: a free one. A node that is adopted keeps the port it has. */
  port?: number;
  /** Default 31337. */
  chainId?: number;
  /** Seconds between blocks; without it every transaction gets a block at once. */
  blockTime?: number;
  /** No block unless it is asked for (anvil_mine). */
  noMining?: boolean;
  /** Default 4: `safe` is one epoch back, `finalized` two. */
  slotsInEpoch?: number;
  /** Default 1,000,000,000. */
  gasLimit?: number;
  /** Seconds since the epoch of the genesis block: nodes that are to agree on hashes share it. */
  timestamp?: number;
  /** The rules of another time, such as `berlin`, before there were base fees. */
  hardfork?: string;
  /** Seconds between saves of the chain to its file (default 1); null keeps it in memory only. */
  saveEvery?: number | null;
};

export type AnvilNode = ProcessIdentity & {
  url: string;
  port: number;
  chainId: number;
  logFile: string;
  adopted: boolean;
  /** What the chain began with: its saved state, an older copy of it, or nothing. */
  state: SavedState;
  /** Lets the node save its chain and ends it; kills it after 7 s. */
  stop(): Promise<void>;
};

type NodeFiles = StateFiles & { record: string; log: string };

const READY_WITHIN_MS = 30_000;
const STOP_STEPS = [
  { signal: 'SIGINT', waitMs: 7_000 },
  { signal: 'SIGKILL', waitMs: 2_000 },
] as const;

/**
 * Starts a development node on 127.0.0.1, or adopts the one recorded for this state folder and chain
 * id. It is detached: it outlives this process. Killed, it loses what it had not yet saved, so a
 * chain may come back behind the database. Throws ConfigurationError, one line.
 */
export async function startAnvil(options: AnvilOptions): Promise<AnvilNode> {
  const chainId = options.chainId ?? 31337;
  const files = nodeFiles(options.stateDir, chainId);
  mkdirSync(resolve(options.stateDir), { recursive: true, mode: 0o700 });
  const adopted = await adopt(files, chainId);
  if (adopted !== null) return adopted;
  const binary = anvilBinary();
  const state = options.saveEvery === null ? 'empty' : chooseState(files);
  for (let round = 1; ; round += 1) {
    const port = await claimPort(options.port, `chain ${chainId}`);
    const started = await launch(binary, files, { options, port, chainId, state });
    if (!('failure' in started)) return started;
    const lostPort = /address already in use|AddrInUse/i.test(started.failure);
    if (!lostPort || options.port !== undefined || round >= 5) {
      const told = started.failure.trim().split('\n').at(-1) || 'it said nothing';
      throw new ConfigurationError(`anvil did not start: ${told} (log: ${files.log})`);
    }
  }
}

/** The node that runs on this state folder's chain, if there is one. Starts nothing. */
export function adoptAnvil(stateDir: string, chainId = 31337): Promise<AnvilNode | null> {
  return adopt(nodeFiles(stateDir, chainId), chainId);
}

function nodeFiles(stateDir: string, chainId: number): NodeFiles {
  const base = join(resolve(stateDir), `anvil-${chainId}`);
  return {
    state: `${base}.state.json`,
    copy: `${base}.state.copy.json`,
    older: `${base}.state.copy.older.json`,
    record: `${base}.process.json`,
    log: `${base}.log`,
  };
}

const SAVED_WITHIN_MS = 10_000;

/**
 * Resolves when the saved state of a node has its newest block of now: killed from here on, it comes back with it. After
 * ten seconds it is not waited for any longer.
 */
export async function untilSaved(node: AnvilNode, stateDir: string): Promise<void> {
  const { state } = nodeFiles(stateDir, node.chainId);
  const height = Number(await rpcCall<string>(node.url, 'eth_blockNumber', []));
  const deadline = systemClock.monotonic() + SAVED_WITHIN_MS;
  while (savedHeight(state) < height && systemClock.monotonic() < deadline) {
    await systemClock.sleep(100);
  }
}

/** -1: nothing was saved, or it is just being written. */
function savedHeight(file: string): number {
  try {
    const saved = JSON.parse(readFileSync(file, 'utf8')) as { block: { number: string | number } };
    return Number(saved.block.number);
  } catch {
    return -1;
  }
}

/** Deletes a chain's saved state. The node must have been stopped. */
export function removeAnvil(stateDir: string, chainId = 31337): void {
  for (const file of Object.values(nodeFiles(stateDir, chainId))) rmSync(file, { force: true });
}

function anvilBinary(): string {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const name = `@foundry-rs/anvil-${process.platform}-${arch}`;
  const folder = packageFolder(name);
  const binary = folder === undefined ? '' : join(folder, 'bin', 'anvil');
  if (!existsSync(binary)) {
    throw new ConfigurationError(
      `there is no anvil for ${process.platform}-${process.arch} (${name} is not installed): run npm ci, or name your own chains with --config`,
    );
  }
  return binary;
}

async function adopt(files: NodeFiles, chainId: number): Promise<AnvilNode | null> {
  let record: ProcessIdentity & { port: number };
  try {
    record = JSON.parse(readFileSync(files.record, 'utf8'));
  } catch {
    return null;
  }
  if (!isRunning(record)) return null;
  const url = `http://127.0.0.1:${record.port}`;
  if (!(await answers(url, chainId, record))) {
    // A node that is just being killed is still there for a moment.
    if (!isRunning(record)) return null;
    throw new ConfigurationError(
      `anvil (pid ${record.pid}) runs but does not answer at ${url}: end it and start again`,
    );
  }
  return describe(files, record, { chainId, port: record.port, adopted: true, state: 'saved' });
}

async function launch(
  binary: string,
  files: NodeFiles,
  at: { options: AnvilOptions; port: number; chainId: number; state: AnvilNode['state'] },
): Promise<AnvilNode | { failure: string }> {
  const log = openSync(files.log, 'w', 0o600);
  const child = spawn(binary, commandLine(files, at), {
    env: { PATH: '/usr/bin:/bin', HOME: resolve(at.options.stateDir), NO_COLOR: '1' },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  let failed: string | null = null;
  child.once('error', (error) => {
    failed = messageOf(error);
  });
  child.unref();
  const identity = { pid: child.pid ?? 0, startTime: startTimeOf(child.pid ?? 0) ?? '' };
  writeFileSync(files.record, `${JSON.stringify({ ...identity, port: at.port })}\n`, {
    mode: 0o600,
  });
  if (await answers(`http://127.0.0.1:${at.port}`, at.chainId, identity)) {
    return describe(files, identity, { ...at, adopted: false });
  }
  await endProcess(identity, STOP_STEPS);
  rmSync(files.record, { force: true });
  return { failure: failed ?? readFileSync(files.log, 'utf8') };
}

function commandLine(
  files: NodeFiles,
  at: { options: AnvilOptions; port: number; chainId: number },
) {
  const { options } = at;
  const save = options.saveEvery === undefined ? 1 : options.saveEvery;
  return [
    ...['--host', '127.0.0.1', '--port', String(at.port), '--chain-id', String(at.chainId)],
    ...['--slots-in-an-epoch', String(options.slotsInEpoch ?? 4)],
    ...['--gas-limit', String(options.gasLimit ?? 1_000_000_000)],
    // One request carries a batch of signed transactions.
    ...['--no-request-size-limit', '--quiet'],
    ...(options.blockTime === undefined ? [] : ['--block-time', String(options.blockTime)]),
    ...(options.noMining === true ? ['--no-mining'] : []),
    ...(options.timestamp === undefined ? [] : ['--timestamp', String(options.timestamp)]),
    ...(options.hardfork === undefined ? [] : ['--hardfork', options.hardfork]),
    ...(save === null ? [] : ['--state', files.state, '--state-interval', String(save)]),
  ];
}

/** Waits until the node of this process answers with its chain id; false when it ended instead. */
async function answers(url: string, chainId: number, identity: ProcessIdentity): Promise<boolean> {
  const deadline = systemClock.monotonic() + READY_WITHIN_MS;
  while (isRunning(identity) && systemClock.monotonic() < deadline) {
    try {
      if (Number(await rpcCall<string>(url, 'eth_chainId', [])) === chainId) return true;
    } catch {
      // Not listening yet.
    }
    await systemClock.sleep(10);
  }
  return false;
}

function describe(
  files: NodeFiles,
  identity: ProcessIdentity,
  at: { chainId: number; port: number; adopted: boolean; state: AnvilNode['state'] },
): AnvilNode {
  const keeping = keepCopies(files);
  return {
    pid: identity.pid,
    startTime: identity.startTime,
    url: `http://127.0.0.1:${at.port}`,
    port: at.port,
    chainId: at.chainId,
    logFile: files.log,
    adopted: at.adopted,
    state: at.state,
    stop: async () => {
      keeping.stop();
      await endProcess(identity, STOP_STEPS);
    },
  };
}
