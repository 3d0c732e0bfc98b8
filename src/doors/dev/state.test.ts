import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startTestAnvil } from '../../../test/support/anvil.ts';
import { guard, release } from '../../../test/support/guard.ts';
import { startPostgres } from './postgres.ts';
import { serverHome } from './postgres-files.ts';
import { isRunning, startTimeOf } from './process.ts';
import {
  claimInstance,
  claimStateDir,
  type DevFile,
  readDevFile,
  removeDevFile,
  wipeState,
  writeDevFile,
} from './state.ts';

const DEV: DevFile = {
  apiUrl: 'http://127.0.0.1:8080',
  apiKey: 'key',
  adminApiKey: 'admin',
  consoleUrl: null,
  metricsUrl: null,
  databaseUrl: 'postgresql://postgres@127.0.0.1:1/payonce',
  signerDatabaseUrl: 'postgresql://postgres@127.0.0.1:1/payonce_signer',
  chains: [],
  assets: [],
  wallets: [],
  merchantPayTo: null,
  configFile: '/project/.payonce/config.yaml',
  pids: { supervisor: process.ppid, api: [], worker: [], signer: [], postgres: null, anvil: {} },
};

let base: string;
let stateDir: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'payonce-state-'));
  stateDir = join(base, '.payonce');
  guard(base);
});
afterEach(() => {
  rmSync(base, { recursive: true, force: true });
  release(base);
});

function writeHolder(pid: number, startTime: string | null): void {
  mkdirSync(stateDir, { recursive: true });
  writeFileSync(join(stateDir, 'supervisor.json'), JSON.stringify({ pid, startTime }));
}

describe('the state folder', () => {
  test('dev.json is written for its owner only, read back, and removed', () => {
    claimStateDir(stateDir);
    expect(readDevFile(stateDir)).toBe(null);
    writeDevFile(stateDir, DEV);
    writeDevFile(stateDir, { ...DEV, apiKey: 'second' });
    expect(readDevFile(stateDir)).toEqual({ ...DEV, apiKey: 'second' });
    expect(statSync(join(stateDir, 'dev.json')).mode & 0o777).toBe(0o600);
    expect(statSync(stateDir).mode & 0o777).toBe(0o700);
    removeDevFile(stateDir);
    expect(readDevFile(stateDir)).toBe(null);
  });

  test('a dev.json that is not JSON is told in one line', () => {
    claimStateDir(stateDir);
    writeFileSync(join(stateDir, 'dev.json'), '{');
    expect(() => readDevFile(stateDir)).toThrow(/^.*dev\.json can not be read: .*$/);
  });

  test('a second start finds the first with its URL', () => {
    writeHolder(process.ppid, startTimeOf(process.ppid));
    expect(claimInstance(stateDir).running).toEqual({ pid: process.ppid, apiUrl: null });
    writeDevFile(stateDir, DEV);
    expect(claimInstance(stateDir).running).toEqual({ pid: process.ppid, apiUrl: DEV.apiUrl });
  });

  test('what a dead supervisor left is taken over, also when its pid lives on in another process', () => {
    writeHolder(process.ppid, 'another start');
    writeDevFile(stateDir, DEV);
    const { instance } = claimInstance(stateDir);
    expect(instance).not.toBe(null);
    expect(readDevFile(stateDir)).toBe(null);
    expect(claimInstance(stateDir).running?.pid).toBe(process.pid);
    instance?.release();
    expect(existsSync(join(stateDir, 'supervisor.json'))).toBe(false);
    expect(claimInstance(stateDir).instance).not.toBe(null);
  });

  test('a half-written instance file does not block a start', () => {
    mkdirSync(stateDir);
    writeFileSync(join(stateDir, 'supervisor.json'), '{"pid":');
    expect(claimInstance(stateDir).instance).not.toBe(null);
  });

  test.skipIf(process.getuid?.() !== 0)(
    'of another user is refused in one line (as root only: nobody else can make one)',
    () => {
      mkdirSync(stateDir);
      chownSync(stateDir, 12345, 12345);
      expect(() => claimStateDir(stateDir)).toThrow(/^the state folder .* belongs to uid 12345.*$/);
    },
  );

  test('that can not be made is refused in one line', () => {
    writeFileSync(join(base, 'file'), '');
    expect(() => claimStateDir(join(base, 'file', 'state'))).toThrow(/^the state folder .*$/);
    expect(() => claimStateDir(join(base, 'file'))).toThrow(/^the state folder .*$/);
  });

  test('begins anew without its servers and their data, and keeps what is not ours', async () => {
    const server = await startPostgres({ stateDir, settings: { shared_buffers: '16MB' } });
    guard(server.pid);
    const home = serverHome(stateDir).folder;
    guard(home);
    const node = await startTestAnvil({ stateDir, saveEvery: 1 });
    writeFileSync(join(stateDir, 'notes.txt'), 'mine');
    await wipeState(stateDir, [31337]);
    expect([isRunning(server), isRunning(node)]).toEqual([false, false]);
    expect(existsSync(server.dataDir)).toBe(false);
    expect(existsSync(join(stateDir, 'notes.txt'))).toBe(true);
    release(server.pid);
    release(home);
  });
});
