import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { guard, release } from '../../../../test/support/guard.ts';
import type { Settings } from '../../../base/config/index.ts';
import { inTransaction, openPool } from '../../../base/db/index.ts';
import { fromHex, type Hex, systemClock } from '../../../base/kernel/index.ts';
import { startChain as beginWalk } from '../../../books/tx/index.ts';
import {
  type DevFile,
  freePort,
  isPortFree,
  readDevFile,
  removeAnvil,
  removePostgres,
  rpcCall,
  startTimeOf,
} from '../../dev/index.ts';
import { type StartOptions, Supervisor, Terminal } from './index.ts';

// Stand-ins for the roles: they wait for their orders, say that they are ready and end as roles do.
const ROLE = `
import { createServer } from 'node:http';
const end = () => process.exit(0);
process.on('disconnect', end);
process.on('SIGTERM', end);
process.once('message', ({ args }) => {
  const at = args.indexOf('--port');
  if (at < 0) { setInterval(() => {}, 1000); process.send({ type: 'ready' }); }
  else {
    const server = createServer((_, response) => response.end('{}'));
    server.listen(Number(args[at + 1]), '127.0.0.1', () =>
      process.send({ type: 'ready', port: server.address().port }));
  }
});`;

const folder = mkdtempSync(join(tmpdir(), 'payonce-supervise-'));
const stateDir = join(folder, 'state');
const role = join(folder, 'role.mjs');
beforeAll(() => {
  guard(folder);
  writeFileSync(role, ROLE);
});
afterAll(async () => {
  await removePostgres(stateDir);
  rmSync(folder, { recursive: true, force: true });
  release(folder);
});

/** What the worker does at its first sight of the chain: the database has seen this block. */
async function seeChain(settings: Settings): Promise<string[]> {
  const { url } = settings.chains[0]!.rpc[0]!;
  const block = await rpcCall<{ number: Hex; hash: Hex; parentHash: Hex; timestamp: Hex }>(
    url,
    'eth_getBlockByNumber',
    ['finalized', false],
  );
  const db = openPool({ url: settings.database.url, role: 'payonce_app', name: 'test', max: 1 });
  await inTransaction(db, (sql) =>
    beginWalk(sql, 31337, {
      number: Number(block.number),
      hash: block.hash,
      parentHash: block.parentHash,
      baseFeePerGas: null,
      timestamp: Number(block.timestamp),
    }),
  );
  await db.end();
  expect(fromHex(block.hash)).toHaveLength(32);
  return [];
}

type Running = {
  lines: string[];
  ended: Promise<void>;
  end(): Promise<void>;
  /** Resolves with dev.json once it fits. */
  until(test: (dev: DevFile, lines: string[]) => boolean): Promise<DevFile>;
};
const runs: Running[] = [];
afterEach(async () => {
  for (const one of runs.splice(0)) await one.end().catch(() => {});
});

function start(options: Partial<StartOptions> = {}): Running {
  const lines: string[] = [];
  const stop = new AbortController();
  const watchers = new Set<() => void>();
  const write = (text: string) => {
    lines.push(text.trimEnd());
    for (const watcher of watchers) watcher();
  };
  const supervisor = new Supervisor(
    {
      port: 0,
      host: null,
      stateDir,
      fresh: false,
      demo: false,
      roles: ['api', 'worker', 'signer'],
      config: null,
      ...options,
    },
    {
      env: { PATH: process.env['PATH'] },
      terminal: new Terminal({ write }),
      clock: systemClock,
      signal: stop.signal,
      fileOf: () => role,
      // By a file of one's own the chain is somebody else's.
      adoptLanes: options.config == null ? seeChain : async () => [],
    },
  );
  const ended = supervisor.run();
  ended.catch(() => {});
  const running: Running = {
    lines,
    ended,
    end: () => {
      stop.abort();
      return ended;
    },
    until: (fits) =>
      Promise.race([
        new Promise<DevFile>((done) => {
          const look = () => {
            const dev = readDevFile(stateDir);
            if (dev === null || !fits(dev, lines)) return;
            watchers.delete(look);
            clearInterval(timer);
            done(dev);
          };
          // dev.json is rewritten without a line to wait for.
          const timer = setInterval(look, 20);
          watchers.add(look);
        }),
        ended.then(() => {
          throw new Error(`ended before that: ${lines.join('\n')}`);
        }),
      ]),
  };
  runs.push(running);
  return running;
}

const isReady = (_: DevFile, lines: string[]) => lines.includes('Ctrl-C stops everything');
const allPids = ({ pids }: DevFile) =>
  [pids.api, pids.worker, pids.signer, pids.postgres ?? [], Object.values(pids.anvil)].flat();

test('an installation starts, is alone, keeps its processes and servers, and ends without a trace', async () => {
  const one = start();
  const dev = await one.until(isReady);
  expect(dev).toMatchObject({
    apiUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    chains: [{ id: 'local', chainId: 31337 }],
    assets: [
      { id: 'USDC', decimals: 6 },
      { id: 'ETH', address: null },
    ],
    wallets: [{ chain: 'local' }, { chain: 'local' }],
    pids: { supervisor: process.pid, api: [expect.any(Number)] },
  });
  const port = new URL(dev.apiUrl).port;
  expect(dev.consoleUrl).toBe(`http://localhost:${port}/console/access`);
  const link = one.lines.find((line) => line.includes('#invitation='));
  expect(link?.trim()).toMatch(
    new RegExp(`^http://localhost:${port}/console/access#invitation=oi_[A-Za-z0-9_-]{43}$`),
  );
  for (const file of readdirSync(stateDir, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(log|json|yaml)$/.test(file)) continue;
    expect([file, readFileSync(join(stateDir, file), 'utf8').includes('oi_')]).toEqual([
      file,
      false,
    ]);
  }
  expect(statSync(join(stateDir, 'dev.json')).mode & 0o777).toBe(0o600);
  expect(statSync(join(stateDir, 'config.yaml')).mode & 0o777).toBe(0o600);
  expect((await fetch(dev.apiUrl)).ok).toBe(true);

  const second = start();
  await expect(second.ended).rejects.toThrow(
    `is in use by pid ${process.pid}, which serves ${dev.apiUrl}`,
  );

  // One of our own, then each server: all come back where they were.
  process.kill(dev.pids.api[0]!, 'SIGKILL');
  const healed = await one.until(
    ({ pids }) => pids.api.length === 1 && pids.api[0] !== dev.pids.api[0],
  );
  expect(healed.apiUrl).toBe(dev.apiUrl);
  const anvil = (found: DevFile) => found.pids.anvil['local'];
  process.kill(dev.pids.postgres!, 'SIGKILL');
  await one.until((found) => found.pids.postgres !== dev.pids.postgres);
  process.kill(anvil(dev)!, 'SIGKILL');
  const whole = await one.until((found) => anvil(found) !== anvil(dev));
  expect(whole.databaseUrl).toBe(dev.databaseUrl);
  expect(whole.chains).toEqual(dev.chains);
  expect(one.lines.filter((line) => /^! .* died (and|\()/.test(line))).toHaveLength(3);

  const before = await one.until(({ pids }) => pids.api.length === 1);
  await one.end();
  expect(allPids(before).filter((pid) => startTimeOf(pid) !== null)).toEqual([]);
  for (const url of [dev.apiUrl, dev.databaseUrl, dev.chains[0]!.rpcUrls[0]!]) {
    expect(await isPortFree(Number(new URL(url).port))).toBe(true);
  }
  expect(existsSync(join(stateDir, 'dev.json'))).toBe(false);
});

test('the next start goes on with the same keys and ports, and begins anew only when it is told to', async () => {
  const keys = () => readFileSync(join(stateDir, 'keys.json'), 'utf8');
  const kept = keys();
  const one = start({ roles: ['signer'] });
  const dev = await one.until(isReady);
  expect(dev.pids).toMatchObject({ api: [], worker: [], signer: [expect.any(Number)] });
  expect(keys()).toBe(kept);
  await one.end();
  // By a file of one's own no key is said, also where no merchant comes.
  const config = join(stateDir, 'own.yaml');
  const { x402: _, ...own } = parse(readFileSync(join(stateDir, 'config.yaml'), 'utf8'));
  writeFileSync(config, stringify(own));
  const again = start({ roles: ['api'], config });
  expect((await again.until(isReady)).databaseUrl).toBe(dev.databaseUrl);
  await again.end();
  expect(again.lines.filter((line) => line.includes(JSON.parse(kept).apiKey))).toEqual([]);

  // The chain's state is gone and the books remember it: nothing may be paid on another one.
  removeAnvil(stateDir);
  for (let round = 0; round < 2; round += 1) {
    await expect(start().ended).rejects.toThrow(/development chain was lost.*--fresh/);
  }
  const fresh = start({ fresh: true });
  await fresh.until(isReady);
  expect(keys()).not.toBe(kept);
  await fresh.end();
});

test('a port that is taken is one line', async () => {
  const holder = start({ port: await freePort(), roles: ['api'] });
  const dev = await holder.until(isReady);
  const other = { stateDir: join(folder, 'other'), port: Number(new URL(dev.apiUrl).port) };
  await expect(start(other).ended).rejects.toThrow(/port \d+ for the API is taken/);
  await holder.end();
});

test('an end that is asked for during the start is an end, not a failure', async () => {
  const one = start();
  await one.end();
  expect(one.lines.at(-1)).toBe('stopped');
  expect(readDevFile(stateDir)).toBeNull();
});
