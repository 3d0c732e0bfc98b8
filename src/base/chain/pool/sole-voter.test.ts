import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Hex, silentLog, systemClock, Transient } from '../../kernel/index.ts';
import { openChainPool } from '../index.ts';
import { ToyNode } from './toy-node.fixture.ts';

const SOMEONE: Hex = `0x${'5a'.repeat(20)}`;

let nodes: [ToyNode, ToyNode];
beforeEach(async () => {
  nodes = [await ToyNode.start(), await ToyNode.start()];
});
afterEach(async () => {
  for (const node of nodes) await node.stop();
});

it('the one node with a vote is believed, and no other that reads, not even while it is away', async () => {
  const [hosted, own] = nodes;
  hosted.says.set('eth_getBalance', () => ({ result: '0x99' }));
  hosted.hashAt = () => `0x${'99'.repeat(32)}`;
  const rpc = [
    { url: hosted.url, roles: ['read' as const, 'send' as const] },
    { url: own.url, roles: ['read' as const, 'quorum' as const] },
  ];
  const chain = { id: 'base', chainId: 8453, rpc };
  const { agreed } = openChainPool({ chain, clock: systemClock, log: silentLog });
  expect(await agreed.header(100)).toMatchObject({ hash: own.hashAt(100) });
  expect(await agreed.balances([SOMEONE], 100)).toEqual([7n]);
  own.fault = 503;
  expect(await agreed.header(100)).toBeNull();
  await expect(agreed.balances([SOMEONE], 100)).rejects.toThrow(Transient);
});
