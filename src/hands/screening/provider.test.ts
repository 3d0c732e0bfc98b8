import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ScreeningStandIn } from '../../../test/support/screening-stand-in.ts';
import type { ScreeningProviderSettings } from '../../base/config/index.ts';
import type { Address } from '../../base/kernel/index.ts';
import { httpProvider } from './provider.ts';

const place = (n: number, chainId = 1) => ({
  chainId,
  address: `0x${n.toString(16).padStart(40, '0')}` as Address,
});
const [A, B] = [place(1), place(2)];

let host: ScreeningStandIn;
beforeEach(async () => {
  host = await ScreeningStandIn.start();
});
afterEach(() => host.stop());

const provider = (more: Partial<ScreeningProviderSettings> = {}) =>
  httpProvider({
    ...{ shape: 'payonce', url: host.url, header: { name: 'X-API-Key', value: 's3cret' } },
    ...{ timeoutMs: 20_000, maxConcurrent: 4, ...more },
  });

describe('a provider', () => {
  it('is asked about many in one question, with its secret, and says score and category of each', async () => {
    host.risks.set(B.address, { riskScore: 71, category: 'mixer' });
    expect(await provider().ask([A, B])).toEqual([
      { score: 0, category: null, source: 'payonce' },
      { score: 71, category: 'mixer', source: 'payonce' },
    ]);
    expect(host.asked).toMatchObject([
      { addresses: [A.address, B.address], headers: { 'x-api-key': 's3cret' } },
    ]);
  });

  it('is asked a hundred at a time, in the order asked', async () => {
    const places = Array.from({ length: 250 }, (_, n) => place(n + 1));
    host.risks.set(places[249]!.address, { riskScore: 9 });
    const said = await provider().ask(places);
    expect(said.map((one) => ('score' in one ? one.score : null))).toEqual([
      ...Array.from({ length: 249 }, () => 0),
      9,
    ]);
    expect(host.asked.map(({ addresses }) => addresses.length).sort()).toEqual([100, 100, 50]);
  });

  it('of sanctions is asked one by one, and names whom it identifies', async () => {
    host.risks.set(A.address, { riskScore: 1, category: 'sanctions' });
    host.risks.set(B.address, { riskScore: 1, category: 'Stolen Funds!' });
    const chainalysis = provider({ shape: 'chainalysis-sanctions' });
    const source = 'chainalysis-sanctions';
    expect(await chainalysis.ask([A, B, place(3)])).toEqual([
      { score: 100, category: 'sanctions', source },
      { score: 100, category: 'stolen_funds_', source },
      { score: 0, category: null, source },
    ]);
  });

  const results = (...all: object[]) => ({ text: JSON.stringify({ results: all }) });
  it.each<[string, NonNullable<ScreeningStandIn['fault']>, RegExp]>([
    ['hangs', 'hang', /no answer within 300 ms/],
    ['stops in the middle', 'stall', /no answer within 300 ms/],
    ['hangs up', 'cut', /not reachable/],
    ['leads elsewhere', 'redirect', /HTTP 307/],
    ['breaks', { status: 500 }, /HTTP 500/],
    ['limits', { status: 429 }, /HTTP 429/],
    ['has nothing', { status: 204 }, /HTTP 204/],
    ['does not end', 'endless', /more than 1048576 bytes/],
    ['says no JSON', { text: '<html>' }, /no JSON/],
    ['has another shape', { text: '{"results":{}}' }, /another shape/],
    ['says nothing at all', { text: 'null' }, /another shape/],
    ['scores above 100', results({ ...A, riskScore: 101 }), /another shape/],
    ['scores in text', results({ ...A, riskScore: '5' }), /another shape/],
    ['scores in parts', results({ ...A, riskScore: 0.5 }), /another shape/],
    ['says of another', results({ ...B, riskScore: 1 }), /does not name it/],
    ['says of another chain', results({ ...A, chainId: 2, riskScore: 1 }), /does not name it/],
    ['says two things', results({ ...A, riskScore: 1 }, { ...A, riskScore: 0 }), /names it twice/],
  ])('that %s has said nothing', async (_, fault, failure) => {
    host.fault = fault;
    const quick = fault === 'hang' || fault === 'stall' ? { timeoutMs: 300 } : {};
    const [said] = await provider(quick).ask([A]);
    expect(said).toEqual({ failure: expect.stringMatching(failure) });
    // Neither secret nor address of the host.
    expect(JSON.stringify(said)).not.toMatch(/s3cret|127\.0\.0\.1/);
    expect(host.strayed).toBe(0);
  });

  it('that is not there has said nothing', async () => {
    const gone = provider();
    await host.stop();
    expect(await gone.ask([A])).toEqual([{ failure: 'payonce: not reachable' }]);
    host = await ScreeningStandIn.start();
  });
});
