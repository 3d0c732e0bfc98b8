import { describe, expect, it } from 'vitest';
import { describeSettings, endpointNames, quorumOf, readSettings } from './index.ts';

const ENV = {
  DATABASE_URL: 'postgres://127.0.0.1/main',
  ONE: 'https://one.example/v2/s3cret-s3cret',
  TWO: 'https://two.example/v2/s3cret-s3cret',
  PLAIN: 'http://three.example/v2/s3cret-s3cret',
};

/** One chain with these endpoints, as JSON, which is YAML. */
function read(rpc: unknown[], chain: Record<string, unknown> = {}) {
  const text = JSON.stringify({
    chains: [{ id: 'base', chainId: 8453, rpc, fees: { maxFeePerGasGwei: '50' }, ...chain }],
    assets: [{ id: 'ETH', chain: 'base', decimals: 18, tiers: [{ name: 'a', commitAt: 'safe' }] }],
  });
  return readSettings({ file: 'payonce.yaml', text, env: ENV, need: { signer: false } });
}

function faultsOf(rpc: unknown[], chain: Record<string, unknown> = {}): string[] {
  try {
    read(rpc, chain);
  } catch (error) {
    expect((error as Error).message).not.toContain('s3cret');
    return (error as Error).message.split('\n');
  }
  return [];
}

const one = { url: { env: 'ONE' } };
const two = { url: { env: 'TWO' } };

describe('endpoints', () => {
  it('keep what is said of them, and their keys are not described', () => {
    const limits = {
      name: 'alpha',
      requestsPerSecond: 25,
      burst: 50,
      maxConcurrent: 4,
      timeoutMs: { read: 2_000, logs: 20_000 },
      maxBatch: 10,
    };
    const settings = read(
      [
        { ...one, ...limits, roles: ['read', 'quorum'] },
        { url: { env: 'PLAIN' }, allowPlainHttp: true, roles: ['private'] },
        { url: 'http://127.0.0.1:8545' },
      ],
      { quorum: 1 },
    );
    const [chain] = settings.chains;
    expect(chain!.rpc).toEqual([
      { url: ENV.ONE, roles: ['read', 'quorum'], ...limits },
      { url: ENV.PLAIN, roles: ['private'] },
      { url: 'http://127.0.0.1:8545', roles: ['read', 'send'] },
    ]);
    expect(chain!.quorum).toBe(1);
    const described = JSON.stringify(describeSettings(settings));
    expect(described).not.toContain('s3cret');
    expect(described).toContain('"host":"https://one.example","name":"alpha"');
  });

  it.each<[string, unknown[], Record<string, unknown>, string]>([
    [
      'plain http to a public host',
      [{ url: { env: 'PLAIN' } }],
      {},
      'chains[0].rpc[0].url: found plain http to a public host (not shown); allowed: https, a loopback or private host, or allowPlainHttp: true beside it',
    ],
    [
      'one URL twice, which would have two votes',
      [one, { ...one, name: 'again' }],
      {},
      'chains[0].rpc[1].url: found the URL of chains[0].rpc[0]; allowed: a URL of its own',
    ],
    [
      'one name twice',
      [
        { ...one, name: 'alpha' },
        { ...two, name: 'alpha' },
      ],
      {},
      'chains[0].rpc[1].name: found "alpha", which chains[0].rpc[0] has; allowed: a value of its own',
    ],
    [
      'a relay that is public too',
      [{ ...one, roles: ['read', 'send', 'private'] }],
      {},
      'chains[0].rpc[0].roles: found send and private; allowed: one of them: private bytes go to no other',
    ],
    [
      'nobody to ask',
      [{ ...one, roles: ['send', 'quorum'] }],
      {},
      'chains[0].rpc: found no endpoint with the role read; allowed: at least one that may read',
    ],
    [
      'a burst of nothing',
      [{ ...one, burst: 5 }],
      {},
      'chains[0].rpc[0].burst: found no requestsPerSecond beside it; allowed: both or neither',
    ],
    [
      'a half for a quorum, which two halves would have',
      [one, two],
      { quorum: 1 },
      'chains[0].quorum: found the number 1; allowed: 2 to 2: more than half of the 2 endpoints that vote, and no more than all',
    ],
    [
      'more votes than there are voters',
      [{ ...one, roles: ['read', 'send', 'quorum'] }, two],
      { quorum: 2 },
      'chains[0].quorum: found the number 2; allowed: 1 to 1: more than half of the 1 endpoints that vote, and no more than all',
    ],
    [
      'a quorum of nobody',
      [one],
      { quorum: 0 },
      'chains[0].quorum: found the number 0; allowed: a whole number from 1 to 100 endpoints',
    ],
    [
      'yes in the place of true',
      [{ ...one, allowPlainHttp: 'yes' }],
      {},
      'chains[0].rpc[0].allowPlainHttp: found "yes"; allowed: true or false',
    ],
    [
      'a time-out of a kind that there is not',
      [{ ...one, timeoutMs: { write: 5 } }],
      {},
      'chains[0].rpc[0].timeoutMs.write: found an unknown key; allowed: read, send, logs',
    ],
    [
      'no calls a second',
      [{ ...one, requestsPerSecond: 0 }],
      {},
      'chains[0].rpc[0].requestsPerSecond: found the number 0; allowed: a whole number from 1 to 100000 calls a second',
    ],
  ])('are refused with %s', (_what, rpc, chain, fault) => {
    expect(faultsOf(rpc, chain)).toEqual([fault]);
  });
});

it('endpoints are called by their name, else by their host, and no two alike', () => {
  const at = (url: string, name?: string) => ({
    url,
    roles: [],
    ...(name === undefined ? {} : { name }),
  });
  expect(
    endpointNames([
      at('https://a.example/1'),
      at('https://a.example/2'),
      at('https://b.example/3', 'a.example#3'),
      at('https://a.example/4'),
    ]),
  ).toEqual(['a.example', 'a.example#2', 'a.example#3', 'a.example#4']);
});

it.each([
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 3],
  [5, 3],
])('of %i that read %i must agree', (count, needed) => {
  const rpc = Array.from({ length: count }, () => ({ url: '', roles: ['read' as const] }));
  expect(quorumOf({ rpc })).toEqual({ needed, voters: rpc.map((_, index) => index) });
});
