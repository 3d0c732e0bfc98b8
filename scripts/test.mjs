// `npm test`: types, lint, build, tests with coverage; the first step that fails ends it with its exit
// code. Arguments go to vitest; with a file filter among them coverage is not measured.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { prepareBuild, prepareInstall, root } from './prepare.mjs';

const extra = process.argv.slice(2);
const report = join(root, 'node_modules', '.cache', 'payonce', 'vitest.json');
const bin = (name) => join(root, 'node_modules', ...name.split('/'));

/** Ctrl-C reaches the children by the terminal; they decide how to end. */
process.on('SIGINT', () => {});

function run(file, args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file, ...args], { cwd: root, stdio: 'inherit' });
    const pass = () => child.kill('SIGTERM');
    process.once('SIGTERM', pass);
    child.once('close', (code) => {
      process.off('SIGTERM', pass);
      resolve(code ?? 1);
    });
  });
}

async function step(title, work) {
  console.log(`\n== ${title}`);
  const begun = performance.now();
  const code = (await work()) ?? 0;
  const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
  console.log(`== ${title}: ${code === 0 ? 'ok' : `failed (exit code ${code})`}, ${seconds} s`);
  return code;
}

/** Vitest's own counts; null when it ended before it wrote them. */
function counts() {
  try {
    const { numPassedTests, numFailedTests, numFailedTestSuites, numPendingTests } = JSON.parse(
      readFileSync(report, 'utf8'),
    );
    // A file that could not be loaded has no failed test, but is no success.
    const failed = numFailedTests || numFailedTestSuites;
    return { passed: numPassedTests, failed, skipped: numPendingTests };
  } catch {
    return null;
  }
}

async function tests() {
  const filtered = extra.some((argument) => !argument.startsWith('-'));
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const coverage = filtered ? [] : ['--coverage'];
  return run(bin('vitest/vitest.mjs'), ['run', ...coverage, ...reporters, ...extra]);
}

await step('install', prepareInstall);
mkdirSync(dirname(report), { recursive: true });
rmSync(report, { force: true });
const steps = [
  ['types', () => run(bin('typescript/bin/tsc'), ['--noEmit'])],
  ['lint', () => run(bin('@biomejs/biome/bin/biome'), ['check', '.'])],
  ['build', () => prepareBuild({ typed: true })],
  ['tests', tests],
];
for (const [title, work] of steps) {
  const code = await step(title, work);
  const counted = title === 'tests' ? counts() : null;
  if (counted !== null) {
    if (counted.skipped > 0) console.log(`skipped: ${counted.skipped}`);
    console.log(`tests: ${counted.passed} passed, ${counted.failed} failed`);
  }
  if (code !== 0) process.exit(code);
}
