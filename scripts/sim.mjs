// `npm run sim -- --seeds N --from S`: the simulated lives of seeds S to S + N - 1, by vitest, which has the
// PostgreSQL that they need. What fails prints its seed and the shortest script that fails as well.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fail, prepareInstall, root } from './prepare.mjs';

function read() {
  try {
    const options = { seeds: { type: 'string' }, from: { type: 'string' } };
    return parseArgs({ options }).values;
  } catch (error) {
    return fail(`${error.message}\nusage: npm run sim -- [--seeds N] [--from S]`);
  }
}

function natural(name, text) {
  if (text !== undefined && !/^[1-9]\d{0,8}$/.test(text)) {
    fail(`--${name}: found ${text}; allowed: a whole number from 1 to 999999999`);
  }
  return text;
}

const { seeds, from } = read();
const env = {
  ...process.env,
  PAYONCE_SIM_SEEDS: natural('seeds', seeds) ?? '1000',
  ...(from === undefined ? {} : { PAYONCE_SIM_FROM: natural('from', from) }),
};
await prepareInstall();
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const args = [vitest, 'run', '--disableConsoleIntercept', 'test/sim/simulation.test.ts'];
const child = spawn(process.execPath, args, { cwd: root, env, stdio: 'inherit' });
// Ctrl-C reaches the child by the terminal; it decides how to end.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.once('close', (code) => process.exit(code ?? 1));
