import { expect, it } from 'vitest';
import { LostRace, sideBySide } from './index.ts';

const later = <T>(value: T) => new Promise<T>((resolve) => setImmediate(() => resolve(value)));

it('answers both parts in order', async () => {
  expect(await sideBySide(later('slow'), Promise.resolve('quick'))).toEqual(['slow', 'quick']);
});

it('throws only when both have ended, and what failed first', async () => {
  const order: string[] = [];
  const raced = async () => {
    await later(null);
    order.push('raced');
    throw new LostRace('first');
  };
  const aborted = async () => {
    await later(null);
    await later(null);
    order.push('aborted');
    throw new Error('current transaction is aborted');
  };
  await expect(sideBySide(aborted(), raced())).rejects.toThrow('first');
  expect(order).toEqual(['raced', 'aborted']);
});

it('waits for the part that goes on', async () => {
  const order: string[] = [];
  const goesOn = async () => {
    await later(null);
    await later(null);
    order.push('written');
  };
  await expect(sideBySide(Promise.reject(new Error('over')), goesOn())).rejects.toThrow('over');
  expect(order).toEqual(['written']);
});
