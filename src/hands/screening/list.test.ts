import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseList, staticList } from './list.ts';

const folder = mkdtempSync(join(tmpdir(), 'payonce-list-'));
afterAll(() => rmSync(folder, { recursive: true }));
const A = `0x${'ab'.repeat(20)}` as const;
const B = `0x${'cd'.repeat(20)}` as const;

describe('a list of addresses', () => {
  it('names sanctions unless it says otherwise', () => {
    expect([...parseList(`# of today\n\n${A}  # one\n${B} mixer 60\r\n`)]).toEqual([
      [A, { score: 100, category: 'sanctions', source: 'list' }],
      [B, { score: 60, category: 'mixer', source: 'list' }],
    ]);
  });

  it('that names an address twice means the worse of both', () => {
    const lines = [
      `${A} exchange 20`,
      A,
      `${A} own 0`,
      `${B} mixer 60`,
      `${B} scam 70`,
      `${B} x 1`,
    ];
    expect([...parseList(lines.join('\n')).values()]).toMatchObject([
      { score: 100, category: 'sanctions' },
      { score: 70, category: 'scam' },
    ]);
    const sanctions = parseList(`${A} scam 90\n${A} sanctions 5\n${A} scam 95`);
    expect(sanctions.get(A)).toMatchObject({ category: 'sanctions' });
  });

  it.each([
    ['no address', 'bob', 1],
    ['a wrong checksum', `${A}\n0xABcdefabcdefabcdefabcdefabcdefabcdefabcd`, 2],
    ['a score without a category', `${A} 50`, 1],
    ['a score above 100', `${A} mixer 101`, 1],
    ['more words', `${A} mixer 5 please`, 1],
  ])('with %s is none', (_, text, line) => {
    expect(() => parseList(text)).toThrow(`line ${line} is not an address`);
  });

  it('is read again when it changes, and says nothing of anybody while it can not be read', async () => {
    const file = join(folder, 'list');
    const list = staticList(file);
    const ask = () => list.ask([{ chainId: 1, address: A }]);
    expect(await ask()).toEqual([{ failure: expect.stringMatching(/can not be read/) }]);
    writeFileSync(file, B);
    expect(await ask()).toEqual([{ score: 0, category: null, source: 'list' }]);
    writeFileSync(file, `${B}\n${A}`);
    expect(await ask()).toMatchObject([{ category: 'sanctions' }]);
    writeFileSync(file, `${B}\n${A}\nrubbish`);
    expect(await ask()).toEqual([{ failure: expect.stringMatching(/line 3/) }]);
  });
});
