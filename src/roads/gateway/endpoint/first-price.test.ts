import { describe, expect, it } from 'vitest';
import { good, OTHER, OURS, shopPrices, TOKEN } from './shop.fixture.ts';

const { at, asked, body, by, put, remove, serviceWith, told, veto } = shopPrices();

describe('a price that its merchant may not have', () => {
  it.each([
    [{ payTo: `0x${'33'.repeat(20)}` }, `gives it ${OURS}, ${OTHER}`],
    [{ upstream: 'http://localhost:3000/' }, 'localhost is closed'],
    [{ upstream: 'http://[::1]/' }, '::1 is closed'],
    [{ upstream: 'http://169.254.169.254/latest' }, 'x402.upstreamNetworks'],
    [{ asset: 'ETH' }, `gives it eip155:31337/erc20:${TOKEN}`],
  ])('of %j is refused, and what it may have is told', async (over, told) => {
    const refused = await serviceWith(0).put(by(), body(over));
    expect(refused).toMatchObject({
      code: 'endpoint_refused',
      detail: expect.stringContaining(told),
    });
  });
});

it('a price may be on an address that the configuration opens', async () => {
  expect(await put({ upstream: 'http://10.1.2.3/' }, 0)).toMatchObject({ status: 'in_force' });
});

describe('a first price', () => {
  const OFFERED = { path: '/offered/*' };

  it('of what the configuration offers is in force at once, and told', async () => {
    expect(await put(OFFERED)).toMatchObject({ status: 'in_force', pending: null });
    expect(await asked()).toEqual([['/offered/*', 500_000n]]);
    expect((await told()).slice(-1)).toEqual(['endpoint.priced']);
    expect(await put({ ...OFFERED, price: '0.40' })).toMatchObject({
      pending: { terms: { price: '0.4' } },
    });
  });

  it.each([
    [{ ...OFFERED, upstream: 'https://thief.example/' }],
    [{ ...OFFERED, upstream: 'https://up.example/deeper' }],
    [{ ...OFFERED, method: 'POST' }],
    [{ path: '/Offered/*' }],
    [{ path: '/offered/other' }],
  ])('of %j, which it does not offer, waits', async (over) => {
    expect(await put(over)).toMatchObject({ status: 'scheduled' });
    expect(await asked()).toEqual([]);
  });

  it('waits where that was sold before, by its own path, a wider or a narrower one', async () => {
    const { id } = await put(OFFERED);
    await good(remove(id));
    expect(await put({ ...OFFERED, price: '0.01' })).toMatchObject({ status: 'scheduled' });
    expect(await put({ path: '/offered/too' })).toMatchObject({ status: 'scheduled' });
    await at().rows('TRUNCATE priced_endpoint CASCADE');
    await good(remove((await put({ path: '/offered/too' })).id));
    expect(await put(OFFERED)).toMatchObject({ status: 'scheduled' });
    expect(await asked()).toEqual([]);
  });

  it('that waited or was stopped before it was offered waits no longer when it is put again', async () => {
    const { id } = await put({ ...OFFERED, upstream: 'https://other.example/' });
    await good(veto(id));
    await put({ ...OFFERED, upstream: 'https://other.example/' });
    expect(await put(OFFERED)).toMatchObject({ id, status: 'in_force', pending: null });
  });
});
