import { describe, expect, it } from 'vitest';
import type { AssetSettings } from '../../../base/config/index.ts';
import { isPayable, matchEndpoint, upstreamUrl } from './match.ts';
import type { PricedEndpoint } from './rows.ts';

describe('an endpoint', () => {
  const of = (method: string, path: string) => ({ method, path }) as PricedEndpoint;
  const all = [
    of('GET', '/w/*'),
    of('GET', '/w/seoul'),
    of('GET', '/w/asia/*'),
    of('POST', '/w/*'),
    of('GET', '/w/%C3%BC'),
    of('GET', '/w/a;b'),
  ];
  it.each([
    ['GET', '/w/seoul', '/w/seoul'],
    ['GET', '/w/seoul/', '/w/*'],
    ['GET', '/w/asia/seoul', '/w/asia/*'],
    ['GET', '/w', undefined],
    ['GET', '/ww', undefined],
    ['DELETE', '/w/seoul', undefined],
    ['POST', '/w/seoul', '/w/*'],
    ['GET', '/w/%73eoul', '/w/seoul'],
    ['GET', '/w/%61sia/x', '/w/asia/*'],
    ['GET', '/w/%c3%bc', '/w/%C3%BC'],
    ['GET', '/w/a%3Bb', '/w/a;b'],
    ['GET', '/w/%2573eoul', '/w/*'],
  ])('%s %s is %s', (method, path, wanted) => {
    expect(matchEndpoint(all, { method, path })?.path).toBe(wanted);
  });

  it('leads below its upstream’s own path', () => {
    expect(upstreamUrl('https://up.example/v2/', '/w/seoul', '?unit=c').href).toBe(
      'https://up.example/v2/w/seoul?unit=c',
    );
    expect(upstreamUrl('https://up.example', '/w', '').href).toBe('https://up.example/w');
  });
});

describe('a price', () => {
  const coin = { address: null } as AssetSettings;
  const token = { address: `0x${'22'.repeat(20)}` } as AssetSettings;
  const dollar = { ...token, eip712: { name: 'USD Coin', version: '2' } } as AssetSettings;
  it.each([
    ['a coin', coin, false, false],
    ['a token', token, false, true],
    ['a token with a domain', dollar, true, true],
  ])('in %s', (_, asset, eip3009, permit2) => {
    expect(isPayable(asset, { transferMethod: 'eip3009' })).toBe(eip3009);
    expect(isPayable(asset, { transferMethod: 'permit2' })).toBe(permit2);
  });
});
