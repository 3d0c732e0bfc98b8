// `npm run sim -- --of ROAD --seeds N --from S`: the simulated lives of seeds S to S + N - 1, by vitest, which has
// the PostgreSQL that they need. What fails prints its seed and the shortest script that fails as well.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fail, prepareInstall, root } from './prepare.mjs';

const LIVES = {
  withdrawals: 'test/sim/simulation.test.ts',
  payments: 'test/sim/payments/payments.test.ts',
};
const USAGE = `usage: npm run sim -- [--of ${Object.keys(LIVES).join('|')}] [--seeds N] [--from S]`;

function read() {
  const text = { type: 'string' };
  const options = { of: { ...text, default: 'withdrawals' }, seeds: text, from: text };
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return fail(`${error.message}\n${USAGE}`);
  }
}

function natural(name, text) {
  if (text !== undefined && !/^[1-9]\d{0,8}$/.test(text)) {
    fail(`--${name}: found ${text}; allowed: a whole number from 1 to 999999999`);
  }
  return text;
}

const { of, seeds, from } = read();
if (!Object.hasOwn(LIVES, of)) {
  fail(`--of: found ${of}; allowed: ${Object.keys(LIVES).join(', ')}\n${USAGE}`);
}
const env = {
  ...process.env,
  PAYONCE_SIM_SEEDS: natural('seeds', seeds) ?? '1000',
  ...(from === undefined ? {} : { PAYONCE_SIM_FROM: natural('from', from) }),
};
await prepareInstall();
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const args = [vitest, 'run', '--disableConsoleIntercept', LIVES[of]];
const child = spawn(process.execPath, args, { cwd: root, env, stdio: 'inherit' });
// Ctrl-C reaches the child by the terminal; it decides how to end.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.once('close', (code) => process.exit(code ?? 1));
