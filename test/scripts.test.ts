import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { projectFolder } from '../src/doors/dev/index.ts';

const run = promisify(execFile);
const project = projectFolder();
const copy = mkdtempSync(join(tmpdir(), 'payonce-scripts-'));

async function runScript(...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [join(copy, 'scripts', 'run.mjs'), ...args], {
    cwd: copy,
  });
  return stdout.trim();
}

function write(file: string, text: string): void {
  mkdirSync(dirname(join(copy, file)), { recursive: true });
  writeFileSync(join(copy, file), text);
}

beforeAll(() => {
  const kept = [
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'tsconfig.x402.json',
  ];
  for (const file of kept) cpSync(join(project, file), join(copy, file));
  mkdirSync(join(copy, 'scripts'));
  for (const file of ['run.mjs', 'prepare.mjs', 'prepare-lock.mjs']) {
    cpSync(join(project, 'scripts', file), join(copy, 'scripts', file));
  }
  symlinkSync(join(project, 'node_modules'), join(copy, 'node_modules'));
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

describe('the start scripts', () => {
  // What merchants import, whose declarations are built with the rest.
  beforeAll(() => write('src/doors/merchant/index.ts', 'export const merchant = 1;'));

  test('compile what changed, run it, and forget what was deleted', async () => {
    write('src/old.ts', 'export const old = 1;');
    write('src/main.ts', 'console.log("first", process.argv.slice(2).join("+"));');
    expect(await runScript('src/main.ts', 'a', 'b')).toBe('first a+b');
    write('src/main.ts', 'console.log("second");');
    rmSync(join(copy, 'src', 'old.ts'));
    expect(await runScript('src/main.ts')).toBe('second');
    expect(existsSync(join(copy, 'dist', 'src', 'old.js'))).toBe(false);
  });

  test('compile again what is missing in dist', async () => {
    write('src/main.ts', 'console.log("whole");');
    await runScript('src/main.ts');
    rmSync(join(copy, 'dist', 'src', 'main.js'));
    expect(await runScript('src/main.ts')).toBe('whole');
  });

  test('two at once compile one after the other and both run', async () => {
    write('src/main.ts', 'console.log("both");');
    const told = await Promise.all([runScript('src/main.ts'), runScript('src/main.ts')]);
    expect(told).toEqual(['both', 'both']);
  });

  test('take over the lock of a process that died', async () => {
    write('src/main.ts', 'console.log("after");');
    writeFileSync(
      join(copy, 'dist', '.prepare.lock'),
      JSON.stringify({ pid: 2 ** 22 + 1, started: '1' }),
    );
    expect(await runScript('src/main.ts')).toBe('after');
  });

  test("sources that do not compile end with the compiler's words", async () => {
    write('src/main.ts', 'const n: number = "text";\nconsole.log(n);');
    await expect(runScript('src/main.ts')).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/TS2322[\s\S]*payonce: the sources do not compile/),
    });
  });
});

test('the lock file is one that npm ci accepts', async () => {
  const args = ['ci', '--dry-run', '--ignore-scripts', '--no-audit', '--no-fund'];
  await expect(run('npm', args, { cwd: project })).resolves.toBeDefined();
});
