import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../../src/base/db/index.ts';
import {
  type DevFile,
  freePort,
  isPortFree,
  readDevFile,
  removeAnvil,
  removePostgres,
  startTimeOf,
} from '../../src/doors/dev/index.ts';
import { guard, release } from '../support/guard.ts';
import { until } from '../support/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'payonce-start-'));
const stateDir = join(folder, 'state');
guard(folder);

type Started = { child: ChildProcess; text(): string; exit: Promise<number | null> };

/** The program of `npm start`, as its own process. */
function start(port: number, ...flags: string[]): Started {
  const script = join(projectRoot(), 'scripts', 'start.mjs');
  const args = [script, '--state-dir', stateDir, '--port', String(port), ...flags];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  guard(child.pid!);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      text += chunk;
    });
  }
  const exit = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => {
      release(child.pid!);
      resolve(code);
    });
  });
  return { child, text: () => text, exit };
}

function said(started: Started, what: string | RegExp, ms = 180_000): Promise<string> {
  return until(
    `${what} in:\n${started.text()}`,
    async () =>
      (typeof what === 'string' ? started.text().includes(what) : what.test(started.text())) &&
      started.text(),
    ms,
  ).catch(() => {
    throw new Error(`not said: ${what}\n${started.text()}`);
  });
}

function pidsOf({ pids }: DevFile): number[] {
  const all = [
    pids.supervisor,
    ...pids.api,
    ...pids.worker,
    ...pids.signer,
    pids.postgres,
    ...Object.values(pids.anvil),
  ];
  return all.filter((pid): pid is number => typeof pid === 'number');
}

const isAlive = (pid: number) => startTimeOf(pid) !== null;

/** What a shell and curl make of the printed line; a bare machine has no curl. */
async function paste(line: string): Promise<{ id: string }> {
  const url = line.split(' ')[2]!;
  const headers = [...line.matchAll(/-H (['"])(.*?)\1(?= )/g)].map(
    ([, , header]) => header!.split(': ') as [string, string],
  );
  const body = /-d '(.*)'$/.exec(line)![1]!;
  const key = String(process.hrtime.bigint());
  const answer = await fetch(url, {
    method: 'POST',
    headers: headers.map(([name, value]): [string, string] => [
      name,
      value.replace('$(date +%s%N)', key),
    ]),
    body,
  });
  return (await answer.json()) as { id: string };
}

describe('npm start', () => {
  afterAll(async () => {
    await removeAnvil(stateDir, 31337);
    await removePostgres(stateDir);
    rmSync(folder, { recursive: true, force: true });
    release(folder);
  });

  it('completes a withdrawal, survives kill -9 of everything, and ends well', {
    timeout: 600_000,
  }, async () => {
    const port = await freePort();
    const first = start(port);
    await said(first, 'COMPLETED');
    await said(first, 'curl -sS');
    const dev = readDevFile(stateDir)!;
    for (const pid of pidsOf(dev)) guard(pid);

    // A second start beside it tells where the first one is.
    const second = start(port);
    expect(await second.exit).toBe(3);
    expect(second.text()).toContain(`http://127.0.0.1:${port}`);

    // The curl line works as it is printed.
    const line = first.text().match(/^curl -sS .*$/m)![0];
    const answer = await paste(line);
    expect(answer).toMatchObject({ status: 'RESERVED', account: 'alice' });

    // kill -9 of the supervisor: the roles end by themselves, the servers are adopted by the next start.
    first.child.kill('SIGKILL');
    await first.exit;
    const roles = [...dev.pids.api, ...dev.pids.worker, ...dev.pids.signer];
    await until('the roles to end', async () => !roles.some(isAlive));
    const third = start(port, '--no-demo');
    await said(third, 'PostgreSQL was running');
    await said(third, 'Ctrl-C stops everything');
    const again = readDevFile(stateDir)!;
    expect(again.pids.postgres).toBe(dev.pids.postgres);
    const { id } = answer;
    const done = await fetch(
      `${again.apiUrl}/v1/withdrawals/${id}?waitFor=COMPLETED&timeoutMs=50000`,
      {
        headers: { authorization: `Bearer ${again.apiKey}` },
      },
    );
    expect(await done.json()).toMatchObject({ status: 'COMPLETED' });

    // A role that is killed comes back.
    const [signer] = again.pids.signer;
    process.kill(signer!, 'SIGKILL');
    await said(third, /signer.*(restart|start|again|ended|died)/i);
    await until('another signer', async () => {
      const now = readDevFile(stateDir)?.pids.signer[0];
      return now !== undefined && now !== signer;
    });

    // A server that hangs is told, left alone, and told again when it goes on.
    process.kill(dev.pids.postgres!, 'SIGSTOP');
    await said(third, `(pid ${dev.pids.postgres}) runs and does not answer`);
    process.kill(dev.pids.postgres!, 'SIGCONT');
    await said(third, `(pid ${dev.pids.postgres}) answers again`);

    // Sealed by a key of its own from the first start on: the same over restarts.
    const verified = await until('a block, and everything in order', async () => {
      const { status, stdout } = spawnSync(
        process.execPath,
        [
          join(projectRoot(), 'scripts', 'payonce.mjs'),
          'verify',
          '--audit',
          '--state-dir',
          stateDir,
        ],
        { encoding: 'utf8' },
      );
      return status === 0 && /audit .*: [1-9]\d* blocks/.test(stdout) && stdout;
    });
    expect(verified).toContain('0 broken');

    // The end: exit 0, nothing of dev.json alive, the port free.
    const last = readDevFile(stateDir)!;
    third.child.kill('SIGINT');
    expect(await third.exit).toBe(0);
    expect(readDevFile(stateDir)).toBeNull();
    await until('every process to be gone', async () => !pidsOf(last).some(isAlive));
    expect(await isPortFree(port)).toBe(true);
    for (const pid of pidsOf(dev)) release(pid);
  });
});
