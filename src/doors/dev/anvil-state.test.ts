import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { startTestAnvil } from '../../../test/support/anvil.ts';
import { until } from '../../../test/support/until.ts';
import { chooseState } from './anvil-state.ts';
import { deployToken } from './chain.ts';

const folder = mkdtempSync(join(tmpdir(), 'payonce-state-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const files = {
  state: join(folder, 'state'),
  copy: join(folder, 'copy'),
  older: join(folder, 'older'),
};
beforeEach(() => {
  for (const file of Object.values(files)) rmSync(file, { force: true });
});

const SENDER = '0xaa';
/** As anvil writes it: so many transactions in blocks, and the nonce of their sender. */
function write(file: string, { mined, nonce }: { mined: number; nonce: number }): void {
  const transactions = Array.from({ length: mined }, () => ({ info: { from: SENDER } }));
  const accounts = { [SENDER]: { nonce, code: '0x' }, '0xcc': { nonce: 1, code: '0x60' } };
  writeFileSync(file, JSON.stringify({ accounts, transactions, blocks: [{ transactions }] }));
}
const chosen = () => ({
  state: chooseState(files),
  mined: existsSync(files.state)
    ? JSON.parse(readFileSync(files.state, 'utf8')).transactions.length
    : null,
});

test('a sound state is taken, whatever copies there are', () => {
  write(files.state, { mined: 3, nonce: 3 });
  write(files.copy, { mined: 2, nonce: 2 });
  expect(chosen()).toEqual({ state: 'saved', mined: 3 });
});

test('a state whose accounts are ahead of its blocks gives way to the newest sound copy', () => {
  write(files.state, { mined: 3, nonce: 4 });
  write(files.copy, { mined: 2, nonce: 3 });
  write(files.older, { mined: 1, nonce: 1 });
  expect(chosen()).toEqual({ state: 'older', mined: 1 });
});

test('half a state gives way to its copy, and to nothing where there is none', () => {
  writeFileSync(files.state, '{"accounts":');
  write(files.copy, { mined: 2, nonce: 2 });
  expect(chosen()).toEqual({ state: 'older', mined: 2 });
  writeFileSync(files.state, '{"accounts":');
  expect(chosen()).toEqual({ state: 'empty', mined: null });
});

test('a whole state that is not sound is better than none', () => {
  write(files.state, { mined: 3, nonce: 4 });
  expect(chosen()).toEqual({ state: 'saved', mined: 3 });
});

test('what a node has saved is sound, after a reorg too, and its copies are kept while it runs', async () => {
  const node = await startTestAnvil({ stateDir: folder, saveEvery: 1 });
  await deployToken(node.url);
  await node.mine(6);
  await node.rpc('anvil_reorg', 3, []);
  const base = join(folder, 'anvil-31337.state');
  const saved = {
    state: `${base}.json`,
    copy: `${base}.copy.json`,
    older: `${base}.copy.older.json`,
  };
  await until('both copies', async () => existsSync(saved.older));
  await node.stop();
  // What it saved when it ended, in the place of a copy: only a sound one is taken from there.
  renameSync(saved.state, saved.copy);
  expect(chooseState(saved)).toBe('older');
});
