import { expect, test } from 'vitest';
import type { Clock } from '../../../base/kernel/index.ts';
import { Terminal } from './terminal.ts';

/** A clock that jumps ahead at every look. */
function jumping(stepMs: number): Clock {
  let now = 0;
  const tick = () => {
    now += stepMs;
    return now;
  };
  return { now: tick, monotonic: tick, sleep: async () => {} };
}

function screen(isTTY: boolean) {
  const texts: string[] = [];
  return { isTTY, texts, write: (text: string) => texts.push(text) };
}

/** Resolves at the next thing that is written. */
function written(out: ReturnType<typeof screen>): Promise<void> {
  return new Promise((done) => {
    out.write = (text) => {
      done();
      return out.texts.push(text);
    };
  });
}

test('a quick step is one line when it is done', async () => {
  const out = screen(false);
  const value = await new Terminal(out, jumping(10)).step(
    'boiling',
    async () => 7,
    (n) => `${n} eggs`,
  );
  expect(value).toBe(7);
  expect(out.texts).toEqual(['  ✓ 7 eggs  0.0 s\n']);
});

test('a step of nothing to tell is silent, a failed one leaves the telling to its error', async () => {
  const out = screen(false);
  const terminal = new Terminal(out, jumping(10));
  await terminal.step(
    'looking',
    async () => 0,
    () => null,
  );
  await expect(terminal.step('failing', () => Promise.reject(new Error('no')))).rejects.toThrow(
    'no',
  );
  expect(out.texts).toEqual([]);
});

test('a long step says that it goes on: lines in a file, one line overwritten on a terminal', async () => {
  const file = screen(false);
  await new Terminal(file, jumping(3_000)).step('waiting', () => written(file));
  expect(file.texts).toEqual(['  … waiting, 6 s\n', expect.stringContaining('✓ waiting')]);
  const tty = screen(true);
  const terminal = new Terminal(tty, jumping(3_000));
  await terminal.step('waiting', async () => {
    await written(tty);
    terminal.say('! worker died');
  });
  expect(tty.texts[0]).toBe('\r\x1b[K  … waiting, 6 s');
  expect(tty.texts[1]).toBe('\r\x1b[K! worker died\n');
});
