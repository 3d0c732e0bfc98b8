import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { generatedDocs } from '../../scripts/generated-docs.ts';
import { ERRORS } from '../../src/base/kernel/index.ts';
import { VERSION } from '../../src/doors/version.ts';
import { files, isTest, readText, root, sources, visit } from './sources.ts';

const all = [...sources.values()];
const tests = all.filter(({ path }) => isTest(path));

describe('documents', () => {
  it.each([...generatedDocs()])('%s is what `npm run generate` writes', (path, text) => {
    expect(readText(path)).toBe(text);
  });

  it('tell every error code', () => {
    const reference = readText('docs/errors.md');
    const missing = Object.keys(ERRORS).filter((code) => !reference.includes(`<a id="${code}">`));
    expect(missing).toEqual([]);
  });

  it('link to files and headings that exist', () => {
    const broken = files
      .filter((path) => path.endsWith('.md'))
      .flatMap((path) => brokenLinks(path).map((link) => `${path}: ${link}`));
    expect(broken).toEqual([]);
  });

  it('answer each point of the checklist by a test that exists, or say what is missing', () => {
    const rows = readText('docs/checklist.md')
      .split('\n')
      .filter((line) => /^\| [^|-]*\| [A-Z]/.test(line));
    expect(rows).toHaveLength(13);
    for (const row of rows) {
      const linked = [...row.matchAll(/\]\(\.\.\/([^)]+)\)/g)].map((match) => match[1]!);
      expect(linked, row).not.toEqual([]);
      expect(linked.filter((path) => !isTest(path) || !files.includes(path))).toEqual([]);
    }
  });

  it('name every decision record in the index of decisions', () => {
    const records = files.filter((path) => /^docs\/adr\/\d{4}-.*\.md$/.test(path));
    const architecture = readText('ARCHITECTURE.md');
    expect(records.filter((path) => !architecture.includes(`(${path})`))).toEqual([]);
  });

  function brokenLinks(path: string): string[] {
    const prose = readText(path).replaceAll(/```[\s\S]*?```|`[^`\n]*`/g, '');
    const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!);
    return links.filter((link) => {
      if (/^(https?|mailto):/.test(link)) return false;
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? path : join(dirname(path), file);
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !anchorsOf(readText(target)).includes(anchor);
    });
  }

  function anchorsOf(text: string): string[] {
    const headings = [...text.matchAll(/^#+ (.+)$/gm)].map((match) =>
      match[1]!
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\- _]/gu, '')
        .replaceAll(' ', '-'),
    );
    return [...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map((match) => match[1]!)];
  }
});

describe('the package', () => {
  it('has one version', () => {
    expect(VERSION).toBe((JSON.parse(readText('package.json')) as { version: string }).version);
  });

  it('has a lock file that names no registry', () => {
    const { packages } = JSON.parse(readText('package-lock.json')) as {
      packages: Record<string, { resolved?: string }>;
    };
    const named = Object.entries(packages).filter(([, entry]) => entry.resolved !== undefined);
    expect(named.map(([path]) => path)).toEqual([]);
  });
});

describe('texts', () => {
  // Put together from parts, so that this file does not hold what it looks for.
  const FORBIDDEN: [string, RegExp][] = [
    [
      "a machine's path",
      new RegExp(`(^|[\\s"'\`(=])/(${['work', 'tmp', 'home', 'root'].join('|')})/[a-z]`, 'm'),
    ],
    [
      'a registry host',
      new RegExp(
        ['npm', 'js\\.(org|com)|regis', 'try\\.[a-z]|arti', 'factory|verdac', 'cio'].join(''),
        'i',
      ),
    ],
    ['a private key file', new RegExp(`-----BEGIN [A-Z ]*PRIV${'ATE'} KEY`)],
    [
      'a cloud or forge token',
      /\b(AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{36}|xox[abp]-[0-9A-Za-z-]{10,})\b/,
    ],
    ['an API key of ours', /\bpk_[A-Za-z0-9]{8,}_[A-Za-z0-9_-]{20,}/],
    ['a note to do it later', new RegExp(`\\b(${['TO', 'DO|FIX', 'ME|XX', 'X'].join('')})\\b`)],
  ];

  it.each(FORBIDDEN)('hold no %s', (_what, pattern) => {
    const found = files
      .filter((path) => path !== 'package-lock.json' && !path.startsWith('contracts/artifacts/'))
      .flatMap((path) => {
        const match = pattern.exec(readText(path));
        return match === null ? [] : [`${path}: ${match[0].trim()}`];
      });
    expect(found).toEqual([]);
  });

  it('hold private keys of the development chain only, and only where those are made or tested', () => {
    const holders = files.filter(
      (path) => path.endsWith('.ts') && /rivateKey\W{1,4}0x[0-9a-fA-F]{64}/.test(readText(path)),
    );
    expect(holders.filter((path) => !isTest(path))).toEqual([]);
  });
});

describe('tests', () => {
  it('skip nothing, single out nothing, repeat nothing and never sleep', () => {
    const found: string[] = [];
    for (const { path, tree } of tests.filter(({ path }) => !maySleep(path))) {
      visit(tree, (node) => {
        const what = forbidden(node);
        if (what === null) return;
        found.push(`${path}:${tree.getLineAndCharacterOfPosition(node.end).line + 1}: ${what}`);
      });
    }
    expect(found).toEqual([]);
  });

  function maySleep(path: string): boolean {
    const exempt = [
      // Tests the clock itself.
      'src/base/kernel/kernel.test.ts',
      // The one place that polls.
      'test/support/until.ts',
      // Holds answers back, which is the fault that it is for.
      'test/support/rpc-fault-proxy.ts',
      // Mine a block every so often, as a chain does.
      'test/support/anvil.ts',
      'test/support/mirrors.ts',
      // Rests between kills as its seed says.
      'test/support/killer.ts',
    ];
    // Programs that watch whole installations from outside, as their users do.
    return exempt.includes(path) || path.startsWith('test/proof/');
  }

  /** Of calls, not of texts: programs of child processes may do as they like. `npm test` counts skipIf. */
  function forbidden(node: ts.Node): string | null {
    if (ts.isPropertyAssignment(node) && node.name.getText() === 'retry') return 'retry';
    if (!ts.isCallExpression(node)) return null;
    const { expression } = node;
    if (ts.isIdentifier(expression) && expression.text === 'setTimeout') return 'setTimeout';
    if (!ts.isPropertyAccessExpression(expression)) return null;
    // Awaited: a clock that is passed in may hand a sleep on.
    if (expression.getText() === 'systemClock.sleep' && ts.isAwaitExpression(node.parent))
      return 'systemClock.sleep';
    return ['skip', 'only', 'todo'].includes(expression.name.text) ? expression.name.text : null;
  }

  it('and sources know no `any`', () => {
    const found: string[] = [];
    for (const { path, tree } of all) {
      visit(tree, (node) => {
        if (node.kind !== ts.SyntaxKind.AnyKeyword) return;
        found.push(`${path}:${tree.getLineAndCharacterOfPosition(node.pos).line + 1}`);
      });
    }
    expect(found).toEqual([]);
  });

  it('have names that are unique in their file', () => {
    const repeated = tests.flatMap(({ path, tree }) => {
      const names = testNames(tree);
      return names.filter((name, at) => names.indexOf(name) < at).map((name) => `${path}: ${name}`);
    });
    expect(repeated).toEqual([]);
  });

  /** With the titles of the describes around them. */
  function testNames(node: ts.Node, titles = ''): string[] {
    const names: string[] = [];
    node.forEachChild((child) => {
      const title = titleOf(child);
      const path = title === null ? titles : `${titles} > ${title}`;
      const nested = testNames(child, path);
      if (title !== null && nested.length === 0) names.push(path);
      names.push(...nested);
    });
    return names;
  }

  /** Of a test or a describe; null for anything else. */
  function titleOf(node: ts.Node): string | null {
    if (!ts.isCallExpression(node)) return null;
    const [name] = node.arguments;
    if (!/^(it|test|describe)(\.each\b|\.for\b|$)/.test(node.expression.getText())) return null;
    return name !== undefined && ts.isStringLiteralLike(name) ? name.text : null;
  }
});
