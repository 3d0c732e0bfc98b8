import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { privateKeyToAddress } from 'viem/accounts';
import { projectRoot } from '../../src/base/db/index.ts';
import { type Address, type Hex, messageOf } from '../../src/base/kernel/index.ts';
import {
  endProcess,
  freePort,
  PUBLIC_DEVELOPMENT_KEYS,
  rpcCall,
  startTimeOf,
} from '../../src/doors/dev/index.ts';
import { startTestAnvil } from '../support/anvil.ts';
import { guard, release } from '../support/guard.ts';
import { until } from '../support/until.ts';
import { ethereumjsFlags, mineByEngine, writeGenesis } from './ethereumjs.ts';

export type NodeName = 'anvil' | 'hardhat' | 'ethereumjs';

/** A real node of chain 31337 on which LANE and CONTRACT have coins, and CONTRACT has code as well. */
export type LiveNode = {
  url: string;
  /** A block with what the pool can put into it; no other one is made. */
  mine(): Promise<void>;
  stop(): Promise<void>;
};

/** `missing` says why it can not be started here, and what to do about it. */
type Kind = { name: NodeName; missing: string | null; start(): Promise<LiveNode> };
type Account = { key: Hex; address: Address };

const [LANE, CONTRACT] = PUBLIC_DEVELOPMENT_KEYS.slice(1, 3).map(
  (key): Account => ({ key, address: privateKeyToAddress(key).toLowerCase() as Address }),
) as [Account, Account];

export { CONTRACT, LANE };

/** STOP: enough to be a contract. */
const CODE: Hex = '0x00';

export const KINDS: readonly Kind[] = [
  { name: 'anvil', missing: null, start: startAnvil },
  ofPackage('hardhat', {
    install: 'hardhat@2.29.1',
    variable: 'HARDHAT_CLI',
    cli: 'hardhat/internal/cli/bootstrap.js',
    start: startHardhat,
  }),
  ofPackage('ethereumjs', {
    install: '@ethereumjs/client@0.10.5',
    variable: 'ETHEREUMJS_CLI',
    cli: '@ethereumjs/client/dist/esm/bin/cli.js',
    start: startEthereumjs,
  }),
];

/** Hundreds of packages each, so the project does not depend on them: they are used where they are found. */
function ofPackage(
  name: NodeName,
  of: { install: string; variable: string; cli: string; start(cli: string): Promise<LiveNode> },
): Kind {
  const named = process.env[of.variable];
  if (named !== undefined && !existsSync(named)) {
    throw new Error(`${of.variable} names ${named}, which does not exist`);
  }
  const cli = named ?? join(projectRoot(), 'node_modules', ...of.cli.split('/'));
  const cure = `npm install --prefix FOLDER ${of.install}, and ${of.variable}=FOLDER/node_modules/${of.cli}`;
  const missing = existsSync(cli) ? null : `it is not installed: ${cure}`;
  return { name, missing, start: () => of.start(cli) };
}

async function startAnvil(): Promise<LiveNode> {
  const anvil = await startTestAnvil({ noMining: true });
  await anvil.rpc('anvil_setCode', CONTRACT.address, CODE);
  return { url: anvil.url, mine: () => anvil.mine(), stop: anvil.stop };
}

async function startHardhat(cli: string): Promise<LiveNode> {
  const folder = temporaryFolder();
  const config = join(folder, 'hardhat.config.cjs');
  const hardhat = { chainId: 31337, mining: { auto: false, interval: 0 } };
  writeFileSync(config, `module.exports = ${JSON.stringify({ networks: { hardhat } })};`);
  const port = await freePort();
  const node = await launch(folder, {
    cli,
    // It insists on being installed where it is started.
    cwd: cli.slice(0, cli.lastIndexOf(`${sep}node_modules${sep}`)),
    args: ['--config', config, 'node', '--hostname', '127.0.0.1', '--port', `${port}`],
    url: `http://127.0.0.1:${port}`,
  });
  await rpcCall(node.url, 'hardhat_setCode', [CONTRACT.address, CODE]);
  return { ...node, mine: () => rpcCall(node.url, 'evm_mine', []) };
}

async function startEthereumjs(cli: string): Promise<LiveNode> {
  const folder = temporaryFolder();
  const accounts = [
    { address: LANE.address, code: '0x' as const },
    { address: CONTRACT.address, code: CODE },
  ];
  const genesis = writeGenesis(folder, accounts);
  const [port, enginePort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const node = await launch(folder, {
    cli,
    cwd: folder,
    args: ethereumjsFlags({ folder, genesis, port, enginePort }),
    url,
  });
  return { ...node, mine: () => mineByEngine(url, `http://127.0.0.1:${enginePort}`) };
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'payonce-live-'));
  guard(folder);
  return folder;
}

/** Runs a node's command with this Node.js until stop(); its output and its home are in the folder, which goes with it. */
async function launch(
  folder: string,
  of: { cli: string; cwd: string; args: readonly string[]; url: string },
): Promise<Omit<LiveNode, 'mine'>> {
  const log = join(folder, 'node.log');
  const output = openSync(log, 'w');
  const child = spawn(process.execPath, [of.cli, ...of.args], {
    cwd: of.cwd,
    env: { PATH: process.env['PATH'], HOME: folder, HARDHAT_DISABLE_TELEMETRY_PROMPT: 'true' },
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const pid = child.pid!;
  guard(pid);
  const identity = { pid, startTime: startTimeOf(pid) ?? '' };
  const stop = async () => {
    await endProcess(identity, [{ signal: 'SIGKILL', waitMs: 5_000 }]);
    release(pid);
    rmSync(folder, { recursive: true, force: true });
    release(folder);
  };
  try {
    await until(
      `an answer of ${of.cli}`,
      async () => {
        if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
        return rpcCall<string>(of.url, 'eth_chainId', []).catch(() => null);
      },
      40_000,
    );
  } catch (error) {
    const words = readFileSync(log, 'utf8').slice(-2_000);
    await stop();
    throw new Error(`${messageOf(error)}\n${words}`);
  }
  return { url: of.url, stop };
}
