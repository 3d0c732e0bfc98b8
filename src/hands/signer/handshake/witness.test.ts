import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Seal } from './chain.ts';
import { FileWitness } from './witness.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'payonce-witness-'));
  path = join(folder, 'witness');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const seal = (height: number, digit = 'a'): Seal => ({
  height: BigInt(height),
  hash: `0x${digit.repeat(64)}`,
});

describe('a witness in a file', () => {
  it('gives what was written last, to another process too, and keeps one size', async () => {
    const witness = new FileWitness(path);
    expect(await witness.read()).toBeNull();
    const sizes = new Set<number>();
    for (let height = 0; height <= 100; height += 1) {
      await witness.write(seal(height));
      expect(await new FileWitness(path).read()).toEqual(seal(height));
      sizes.add(readFileSync(path).length);
    }
    expect([...sizes]).toEqual([4096]);
    expect(readdirSync(folder)).toEqual(['witness']);
  });

  it('never goes down, and refuses another hash for the height that stands', async () => {
    const witness = new FileWitness(path);
    await witness.write(seal(9));
    await witness.write(seal(8, 'b'));
    await witness.write(seal(9));
    await expect(witness.write(seal(9, 'b'))).rejects.toThrow('has 0xaaaa');
    await witness.write(seal(0));
    expect(await witness.read()).toEqual(seal(9));
  });

  it('that has seen nothing may begin anew', async () => {
    const witness = new FileWitness(path);
    await witness.write(seal(0));
    await witness.write(seal(0, 'b'));
    expect(await witness.read()).toEqual(seal(0, 'b'));
  });

  it('is not taken back by another signer that writes late', async () => {
    const [one, other] = [new FileWitness(path), new FileWitness(path)];
    await one.write(seal(0));
    await Promise.all(
      Array.from({ length: 30 }, (_, n) => (n % 2 === 0 ? one : other).write(seal(30 - n))),
    );
    expect(await one.read()).toEqual(seal(30));
  });

  it('is made once by many at a time, and all see it', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, n) => new FileWitness(path).write(seal(n))));
    expect(await new FileWitness(path).read()).toEqual(seal(19));
    expect(readdirSync(folder)).toEqual(['witness']);
  });

  it('goes back by one batch when its last line was torn, and is none when all are', async () => {
    const witness = new FileWitness(path);
    for (let height = 0; height <= 40; height += 1) await witness.write(seal(height));
    const torn = readFileSync(path);
    torn[128 * 8 + 30] = 'f'.charCodeAt(0);
    writeFileSync(path, torn);
    expect(await witness.read()).toEqual(seal(39));
    writeFileSync(path, torn.fill('x'));
    expect(await witness.read()).toBeNull();
  });

  it('says so when it can not be read or written', async () => {
    mkdirSync(path);
    await expect(new FileWitness(path).read()).rejects.toThrow('can not be read');
    const nowhere = new FileWitness(join(folder, 'missing', 'witness'));
    expect(await nowhere.read()).toBeNull();
    await expect(nowhere.write(seal(1))).rejects.toThrow('nothing is signed without it');
  });
});
