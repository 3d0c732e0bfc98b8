import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { LogFile, lastWordsOf } from './log-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'payonce-log-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const info = '{"level":30,"msg":"ready"}';
const error = '{"level":50,"msg":"the walk failed","error":"node\\nis away"}';
const stack = 'file:///x.js:3\n  throw e;\nTypeError: boom\n    at main (x.js:3)\n\nNode.js v20';

test.each([
  ['nothing at all', '', null],
  ['log entries without an error', `${info}\n${info}\n`, null],
  ['a logged error', `${error}\n${info}\n`, 'the walk failed: node is away'],
  ['a thrown error', `${info}\n${stack}\n`, 'TypeError: boom'],
  ['a plain line', `${info}\nSegmentation fault\n`, 'Segmentation fault'],
  ['half an entry', '{"level":50,"ms', '{"level":50,"ms'],
])('the last words of %s', (_, text, words) => {
  expect(lastWordsOf(text)).toBe(words);
});

test('a log is appended, private, and moves aside when it is long', () => {
  const path = join(folder, 'deep', 'api.log');
  const log = new LogFile(path);
  log.write(Buffer.from('one\n'));
  log.close();
  log.write(Buffer.from('two\n'));
  log.close();
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  writeFileSync(path, Buffer.alloc(20_000_001));
  log.write(Buffer.from('three\n'));
  log.close();
  expect(readFileSync(path, 'utf8')).toBe('three\n');
  expect(statSync(`${path}.1`).size).toBe(20_000_001);
});

test('last words belong to one process', () => {
  const log = new LogFile(join(folder, 'words.log'));
  log.write(Buffer.from('Error: first\n'));
  expect(log.lastWords()).toBe('Error: first');
  log.forget();
  expect(log.lastWords()).toBeNull();
  log.close();
});
