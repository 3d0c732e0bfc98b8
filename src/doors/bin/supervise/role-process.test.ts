import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../../base/kernel/index.ts';
import { isRunning } from '../../dev/index.ts';
import { RoleProcess } from './role-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'payonce-role-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SERVE = `
process.on('disconnect', () => process.exit(0));
setInterval(() => {}, 1000);`;

/** A role in a few lines of JavaScript, and all that is told about it. */
function role(
  program: string,
  {
    clock = systemClock,
    prepared = Promise.resolve(),
  }: { clock?: Clock; prepared?: Promise<void> } = {},
) {
  const file = join(folder, `${Math.random().toString(36).slice(2)}.mjs`);
  writeFileSync(file, program);
  const told: string[] = [];
  const dead: number[] = [];
  const watchers = new Set<() => void>();
  const wake = () => {
    for (const watcher of watchers) watcher();
  };
  const process = new RoleProcess({
    name: 'worker',
    file,
    env: { ...globalThis.process.env, GREETING: 'hello' },
    orders: async (port) => {
      await prepared;
      return { args: port === null ? [] : ['--port', String(port)], env: { TO: 'you' } };
    },
    logFile: `${file}.log`,
    clock,
    say: (line) => {
      told.push(line);
      wake();
    },
    changed: wake,
    died: (pid) => dead.push(pid),
  });
  running.push(process);
  /** Waits for the telling or the change that makes it true. */
  const until = (test: () => boolean) =>
    new Promise<void>((done) => {
      const look = () => {
        if (!test()) return;
        watchers.delete(look);
        done();
      };
      watchers.add(look);
      look();
    });
  return { process, told, dead, until, file };
}

const running: RoleProcess[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop(0);
});

test('a process that says it is ready has a pid, a port, its environment and a log', async () => {
  const { process, file } = role(`
    console.log(process.env.GREETING);
    process.send({ type: 'ready', port: 4711 });${SERVE}`);
  await process.start();
  expect(process.port).toBe(4711);
  expect(isRunning(process.identity!)).toBe(true);
  await process.stop(5_000);
  expect(process.identity).toBeNull();
  expect(readFileSync(`${file}.log`, 'utf8')).toBe('hello\n');
});

test('what a process has to say to a person stands in one line at the terminal', async () => {
  const { process, told, until } = role(`
    process.send({ type: 'ready' });
    process.send({ type: 'say', line: 'signing is frozen' });${SERVE}`);
  await process.start();
  await until(() => told.length > 0);
  expect(told).toEqual(['! worker: signing is frozen']);
});

test('a process is there before it can be told what to do, and is told then', async () => {
  const preparing = deferred();
  const { process, until, file } = role(
    `
    console.log('held');
    process.once('message', ({ args, env }) => {
      console.log(args.length, env.TO);
      process.send({ type: 'ready' });
    });${SERVE}`,
    { prepared: preparing.promise },
  );
  const started = process.start();
  await until(() => process.identity !== null);
  preparing.resolve();
  await started;
  await process.stop(5_000);
  expect(readFileSync(`${file}.log`, 'utf8')).toBe('held\n0 you\n');
});

test('orders that can not be had end the start and its process', async () => {
  const { process } = role(SERVE, { prepared: Promise.reject(new Error('no database')) });
  await expect(process.start()).rejects.toThrow('no database');
  expect(process.identity).toBeNull();
});

test('a process that dies comes back at once on its port, told in one line with its last words', async () => {
  const { process, told, dead, until } = role(`
    process.once('message', ({ args: [, port] }) => {
      process.send({ type: 'ready', port: port ? Number(port) : 4711 });
      if (!port) { console.error('Error: out of luck'); setTimeout(() => process.exit(7), 10); }
    });${SERVE}`);
  await process.start();
  const first = process.identity!.pid;
  await until(() => told.length > 0 && process.identity !== null);
  expect(told).toEqual([
    `! worker (pid ${first}) died (exit code 7), restarting it at once; it said: Error: out of luck`,
  ]);
  expect(dead).toEqual([first]);
  expect(process.identity!.pid).not.toBe(first);
  expect(process.port).toBe(4711);
});

test('a process that can not live is tried for ever with longer waits', async () => {
  const waited: number[] = [];
  const enough = deferred();
  const clock: Clock = {
    ...systemClock,
    sleep: (ms, signal) => {
      // The wait for the first readiness is not one between two tries.
      if (ms === 60_000) return systemClock.sleep(ms, signal);
      waited.push(ms);
      if (waited.length === 4) enough.resolve();
      return waited.length > 4 ? systemClock.sleep(60_000, signal) : Promise.resolve();
    },
  };
  const { process, told } = role('process.exit(1);', { clock });
  const started = expect(process.start()).rejects.toThrow('worker was ended before it was ready');
  await enough.promise;
  expect(waited.slice(0, 4)).toEqual([1_000, 2_000, 4_000, 8_000]);
  expect(told[0]).toMatch(/died \(exit code 1\), restarting it at once$/);
  expect(told[1]).toMatch(/restarting it in 1 s$/);
  await process.stop(0);
  await started;
});

test('a configuration that is refused at the start ends the start with its words', async () => {
  const { process, told } = role(`
    process.send({ type: 'failed', message: 'chains[0].rpc: found nothing' });
    process.exit(2);`);
  await expect(process.start()).rejects.toThrow('chains[0].rpc: found nothing');
  expect(told).toEqual([]);
});

test('a process that ignores SIGTERM is killed when its time is over', async () => {
  const { process } = role(`
    process.on('SIGTERM', () => {});
    process.send({ type: 'ready' });${SERVE}`);
  await process.start();
  const identity = process.identity!;
  await process.stop(50);
  expect(isRunning(identity)).toBe(false);
});

test('a process that is ended on purpose is not told as dead and does not come back', async () => {
  const { process, told, dead } = role(`process.send({ type: 'ready' });${SERVE}`);
  await process.start();
  await process.stop(5_000);
  expect([told, dead]).toEqual([[], []]);
  expect(process.identity).toBeNull();
});

function deferred() {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve: () => resolve() };
}
