import { spawn } from 'node:child_process';
import { afterEach, expect, test } from 'vitest';
import { until } from '../../../../../test/support/until.ts';
import { systemClock } from '../../../../base/kernel/index.ts';
import { type ProcessIdentity, startTimeOf } from '../../../dev/index.ts';
import { KeptServer } from './kept-server.ts';

const pids: number[] = [];
afterEach(() => {
  for (const pid of pids.splice(0)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It was killed by the test.
    }
  }
});

function startServer(): ProcessIdentity {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  pids.push(child.pid!);
  return { pid: child.pid!, startTime: startTimeOf(child.pid!)! };
}

class Broken extends Error {}

function keep(
  restart: () => Promise<ProcessIdentity>,
  answers: () => Promise<boolean> = async () => true,
) {
  const told: string[] = [];
  const waited: number[] = [];
  let changed: () => void = () => {};
  let failed: (error: unknown) => void = () => {};
  const change = new Promise<void>((done) => {
    changed = done;
  });
  const fatal = new Promise<unknown>((done) => {
    failed = done;
  });
  const kept = new KeptServer({
    name: 'PostgreSQL',
    server: startServer(),
    restart,
    answers,
    clock: {
      ...systemClock,
      monotonic: () => systemClock.monotonic() * 100,
      sleep: (ms, signal) => {
        // A look at the server comes every second.
        if (ms > 1_000) waited.push(ms);
        return systemClock.sleep(Math.min(ms, 20), signal);
      },
    },
    say: (line) => told.push(line),
    changed: () => changed(),
    isFatal: (error) => error instanceof Broken,
    fatal: (error) => failed(error),
  });
  kept.start();
  return { kept, told, waited, change, fatal };
}

test('a server that dies is started again and told in one line', async () => {
  const { kept, told, change } = keep(async () => startServer());
  const before = kept.server.pid;
  process.kill(before, 'SIGKILL');
  await change;
  expect(told).toEqual([
    `! PostgreSQL (pid ${before}) died and was started again (pid ${kept.server.pid})`,
  ]);
  await kept.stop();
});

test('a restart that takes longer than two seconds is told while it lasts', async () => {
  const one = keep(async () => {
    await until('the telling', async () => one.told.length > 0);
    return startServer();
  });
  const before = one.kept.server.pid;
  process.kill(before, 'SIGKILL');
  await one.change;
  expect(one.told).toEqual([
    `! PostgreSQL (pid ${before}) died, starting it again …`,
    `! PostgreSQL (pid ${before}) died and was started again (pid ${one.kept.server.pid})`,
  ]);
  await one.kept.stop();
});

test('a restart that fails is told and tried again after longer waits', async () => {
  let tries = 0;
  const { kept, told, waited, change } = keep(async () => {
    tries += 1;
    if (tries < 4) throw new Error('port 5432 is taken');
    return startServer();
  });
  process.kill(kept.server.pid, 'SIGKILL');
  await change;
  expect(told).toHaveLength(4);
  expect(told[0]).toMatch(/does not start again: port 5432 is taken; trying on$/);
  expect(waited).toEqual([2_000, 4_000]);
  await kept.stop();
});

test('an end that can not be mended is handed on, not tried again', async () => {
  const { kept, told, fatal } = keep(async () => {
    throw new Broken('the chain is another one');
  });
  process.kill(kept.server.pid, 'SIGKILL');
  expect(await fatal).toBeInstanceOf(Broken);
  expect(told).toEqual([]);
  await kept.stop();
});

test('a server is left alone once its keeping has ended', async () => {
  let restarts = 0;
  const { kept } = keep(async () => {
    restarts += 1;
    return startServer();
  });
  await kept.stop();
  process.kill(kept.server.pid, 'SIGKILL');
  expect(restarts).toBe(0);
});

test('a server that hangs is told once and not killed, and told again when it answers', async () => {
  let hanging = true;
  const silence = new Promise<boolean>(() => {});
  const { kept, told } = keep(
    async () => startServer(),
    () => (hanging ? silence : Promise.resolve(true)),
  );
  const { pid } = kept.server;
  await until('the telling', async () => told.length > 0);
  expect(told[0]).toContain(`PostgreSQL (pid ${pid}) runs and does not answer; it is left alone`);
  hanging = false;
  await until('the answer', async () => told.length > 1);
  expect(told.slice(1)).toEqual([`! PostgreSQL (pid ${pid}) answers again`]);
  expect(kept.server.pid).toBe(pid);
  await kept.stop();
});

test('the end does not wait for a server that hangs', async () => {
  let asked = () => {};
  const asking = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const { kept } = keep(
    async () => startServer(),
    () => {
      asked();
      return new Promise(() => {});
    },
  );
  await asking;
  await kept.stop();
});
