import { expect, it } from 'vitest';
import type { ChainSettings } from '../../base/config/index.ts';
import { ConfigurationError, Transient } from '../../base/kernel/index.ts';
import { eachChain } from './chains.ts';

const chains = ['dead', 'local', 'misfit', 'other'].map((id) => ({ id }) as ChainSettings);

it('chains behind one that does not answer are opened, and what failed first is told', async () => {
  const opened: string[] = [];
  const work = eachChain(chains, async ({ id }) => {
    if (id === 'dead') throw new Transient('the node is away');
    if (id === 'misfit') throw new ConfigurationError('it is on another chain');
    opened.push(id);
  });
  await expect(work).rejects.toThrow('the node is away');
  expect(opened).toEqual(['local', 'other']);
});

it('where all are opened nothing is told', async () => {
  const opened: string[] = [];
  await eachChain(chains, async ({ id }) => void opened.push(id));
  expect(opened).toEqual(chains.map(({ id }) => id));
});
