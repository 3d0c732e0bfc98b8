import { describe, expect, it } from 'vitest';
import { matchEndpoint, plainPath, upstreamUrl } from './match.ts';
import type { PricedEndpoint } from './rows.ts';

describe('a path', () => {
  it.each([
    ...['/../x', '/a/../../x', '/a/./b', '//evil.example', '/a//b', '/a\\b', '/a/%2e%2e/b'],
    ...['/a%2Fb', '/a%5cb', '/a b', '/ü', 'a', '', '/a?b', '/a#b', '/\n'],
  ])('%j is none', (path) => {
    expect(plainPath(path)).toBeNull();
  });

  it.each(['/', '/a', '/a/', '/a/b.json', '/%C3%BC', '/a;b=1'])('%j is one', (path) => {
    expect(plainPath(path)).toBe(path);
  });
});

describe('an endpoint', () => {
  const of = (method: string, path: string) => ({ method, path }) as PricedEndpoint;
  const all = [
    of('GET', '/w/*'),
    of('GET', '/w/seoul'),
    of('GET', '/w/asia/*'),
    of('POST', '/w/*'),
  ];
  it.each([
    ['GET', '/w/seoul', '/w/seoul'],
    ['GET', '/w/seoul/', '/w/*'],
    ['GET', '/w/asia/seoul', '/w/asia/*'],
    ['GET', '/w', undefined],
    ['GET', '/ww', undefined],
    ['DELETE', '/w/seoul', undefined],
    ['POST', '/w/seoul', '/w/*'],
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
