import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestAnvil, type TestAnvil } from '../support/anvil.ts';
import { Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient } from '../support/laws.ts';
import { until } from '../support/until.ts';

const SECRET = 's3cret-s3cret';

type Chain = { quorum: unknown; endpoints: { name: string; state: string }[] };

describe('a chain of three endpoints, one of another chain and one that is not there', () => {
  let on: Installation;
  let foreign: TestAnvil;

  beforeAll(async () => {
    foreign = await startTestAnvil({ chainId: 1, blockTime: 1 });
    on = await Installation.start({
      settings: (settings) => {
        const [chain] = settings.chains;
        const [node] = chain!.rpc;
        const rpc = [
          { url: `${foreign.url}/?key=${SECRET}`, name: 'foreign' },
          { url: `http://127.0.0.1:1/${SECRET}` },
          { url: node!.url, name: 'right' },
        ].map((endpoint) => ({ ...endpoint, roles: node!.roles }));
        // Nobody but the right one can say anything of this chain.
        return { ...settings, chains: [{ ...chain!, rpc, quorum: 1 }] };
      },
    });
    await on.deposit('alice', 'USDC', '100');
  });
  afterAll(async () => {
    await on?.stop();
    await foreign?.stop();
  });

  it('pays by the one that is right, and says how each of them does', async () => {
    const order = { account: 'alice', asset: 'USDC', amount: '5', to: recipient(1) };
    const made = await on.withdraw(order);
    const view = await on.waitFor(made.body['id'] as string);
    expect(view['status']).toBe('COMPLETED');
    const { address } = on.settings.lanes[0]!;
    expect(await foreign.rpc('eth_getTransactionCount', address, 'pending')).toBe('0x0');

    // Told within seconds of being known.
    const chain = await until('the worker to tell of its endpoints', async () => {
      const answer = await on.call<{ chains: Chain[] }>('GET', '/v1/chains');
      expect(JSON.stringify(answer.body)).not.toContain(SECRET);
      const [shown] = answer.body.chains;
      return shown!.endpoints.some(({ state }) => state === 'healthy') && shown;
    });
    expect(chain.quorum).toEqual({ needed: 1, of: 3 });
    expect(chain.endpoints).toMatchObject([
      { name: 'foreign', state: 'wrong_chain', wrongChainId: 1, head: null },
      { name: '127.0.0.1:1', state: 'open', lastError: 'unreachable', head: null },
      { name: 'right', state: 'healthy', wrongChainId: null, head: expect.any(Number) },
    ]);
    await quiet(on);
    await expectLaws(on);
  });
});
