import { describe, expect, it } from 'vitest';
import { plainPath } from './index.ts';

describe('a path', () => {
  it.each([
    ...['/../x', '/a/../../x', '/a/./b', '//evil.example', '/a//b', '/a\\b', '/a/%2e%2e/b'],
    ...['/a%2Fb', '/a%5cb', '/a b', '/ü', 'a', '', '/a?b', '/a#b', '/\n'],
    ...['/a/..;/b', '/a/.;x=1/b', '/%E0%A4%A', '/%ff', '/100%'],
  ])('%j is none', (path) => {
    expect(plainPath(path)).toBeNull();
  });

  it.each(['/', '/a', '/a/', '/a/b.json', '/%C3%BC', '/a;b=1'])('%j is one', (path) => {
    expect(plainPath(path)).toBe(path);
  });
});
