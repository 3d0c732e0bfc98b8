import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { projectRoot } from '../../../src/base/db/index.ts';
import {
  readDevFile,
  removeAnvil,
  removePostgres,
  startTimeOf,
} from '../../../src/doors/dev/index.ts';
import { guard } from '../../support/guard.ts';
import { until } from '../../support/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'payonce-example-'));
const stateDir = join(folder, 'state');
guard(folder);
afterAll(async () => {
  await removeAnvil(stateDir);
  await removePostgres(stateDir);
  rmSync(folder, { recursive: true, force: true });
});

type Run = { child: ChildProcess; text(): string; exit: Promise<number | null> };

/** `npm run example:x402` as its own process. */
function run(): Run {
  const script = join(projectRoot(), 'scripts', 'run.mjs');
  const args = [script, 'examples/x402/main.ts', '--state-dir', stateDir];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  guard(child.pid!);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      text += chunk;
    });
  }
  const exit = new Promise<number | null>((done) => child.once('exit', (code) => done(code)));
  return { child, text: () => text, exit };
}

it('shows a 402, a payment, a retry that costs nothing and a refund, also after a kill -9', async () => {
  const killed = run();
  await until('the payment', async () => killed.text().includes('2  pays'), 180_000);
  killed.child.kill('SIGKILL');
  await killed.exit;
  const { pids } = readDevFile(stateDir)!;
  guard(pids.supervisor);
  const again = run();
  expect([await again.exit, again.text()]).toEqual([0, expect.any(String)]);
  const lines = again.text().split('\n');
  const steps = lines.filter((line) => /^\d /.test(line));
  expect(steps.map((line) => line.split(/ {2,}/, 2).join(' '))).toEqual([
    '1 asks without paying',
    '2 pays',
    '3 asks 20 times with that payment',
    '4 signs anew under the same key',
    '5 gets its money back',
  ]);
  expect(lines.filter((line) => line.includes('the agent has'))).toEqual([
    '   the agent has 4.99 USDC, the shop 0.01 USDC more than before',
    '   the agent has 4.99 USDC, the shop 0.01 USDC more than before',
    '   the agent has 5.00 USDC, the shop 0.00 USDC more than before',
  ]);
  expect(again.text()).toContain('ledger, journal and chain agree (payonce verify)');
  expect(startTimeOf(pids.supervisor)).toBeNull();
}, 600_000);
