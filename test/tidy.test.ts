import { dirname } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import {
  closureOf,
  exportsOf,
  importCycles,
  isTest,
  placeOf,
  readText,
  sources,
} from './tidy/sources.ts';

const FLOORS = ['base', 'books', 'hands', 'roads', 'doors'];
const BASE_ORDER = ['kernel', 'config', 'aws', 'db', 'event', 'queue', 'chain', 'effect'];

/** Doors beside a room's index.ts: read-only or pure. */
const SECOND_DOORS = [
  'src/books/audit/check.ts',
  'src/books/tx/read.ts',
  'src/books/approval/check.ts',
];

const all = [...sources.values()];
const production = all.filter(({ path }) => path.startsWith('src/') && !isTest(path));
const indexes = production.filter(({ path }) => path.endsWith('/index.ts'));

describe('imports', () => {
  const imports = production.flatMap((source) =>
    source.imports.flatMap(({ target }) => {
      if (target === null) return [];
      return [{ from: source.path, target, ours: placeOf(source.path)!, theirs: placeOf(target) }];
    }),
  );

  it('go downwards only: doors, roads, hands, books, base', () => {
    const upwards = imports.filter(
      ({ ours, theirs }) =>
        theirs === null || FLOORS.indexOf(theirs.floor) > FLOORS.indexOf(ours.floor),
    );
    expect(upwards.map(({ from, target }) => `${from} imports ${target}`)).toEqual([]);
  });

  it('follow the order of the rooms inside base', () => {
    const order = (room: string) => BASE_ORDER.indexOf(room.slice('base/'.length));
    const backwards = imports.filter(
      ({ ours, theirs }) =>
        ours.floor === 'base' && theirs?.floor === 'base' && order(theirs.room) > order(ours.room),
    );
    expect(backwards.map(({ from, target }) => `${from} imports ${target}`)).toEqual([]);
  });

  it('never go sideways between rooms of another floor, save in bin, which wires', () => {
    const sideways = imports.filter(
      ({ ours, theirs }) =>
        ours.floor !== 'base' &&
        ours.room !== 'doors/bin' &&
        theirs?.floor === ours.floor &&
        theirs.room !== ours.room &&
        // Lies beside the rooms and belongs to none.
        theirs.room !== 'doors',
    );
    expect(sideways.map(({ from, target }) => `${from} imports ${target}`)).toEqual([]);
  });

  it('enter another room by its door only', () => {
    const past = imports.filter(
      ({ ours, theirs, target }) =>
        theirs !== null &&
        theirs.room !== ours.room &&
        theirs.room !== 'doors' &&
        target !== `src/${theirs.room}/index.ts` &&
        !SECOND_DOORS.includes(target),
    );
    expect(past.map(({ from, target }) => `${from} imports ${target}`)).toEqual([]);
  });

  it('of tests, scripts and the bench enter rooms by their doors too, save a test its own room', () => {
    const past = all
      .filter((source) => !production.includes(source))
      .flatMap((source) =>
        source.imports.flatMap(({ target }) => (target ? [[source.path, target]] : [])),
      )
      .filter(([from, target]) => {
        const theirs = placeOf(target!);
        return (
          theirs !== null &&
          theirs.room !== placeOf(from!)?.room &&
          // The roles of bin have no door of their own: processes and test installations start them.
          !['doors', 'doors/bin'].includes(theirs.room) &&
          target !== `src/${theirs.room}/index.ts` &&
          !SECOND_DOORS.includes(target!)
        );
      });
    expect(past.map(([from, target]) => `${from} imports ${target}`)).toEqual([]);
  });

  it('of what is compiled lead to what is compiled: scripts/prepare.mjs removes the rest from dist', () => {
    const isCompiled = (path: string) =>
      /^(src|bench)\/|^(scripts|test\/support|test\/proof)\/[^/]+$/.test(path) &&
      !/\.(test|fixture)\.ts$/.test(path);
    const past = all
      .filter(({ path }) => isCompiled(path))
      .flatMap(({ path, imports: some }) =>
        some.flatMap(({ target }) =>
          target !== null && !isCompiled(target) ? [[path, target]] : [],
        ),
      );
    expect(past.map(([from, target]) => `${from} imports ${target}`)).toEqual([]);
  });

  it('never lead round in a circle, types included', () => {
    expect(importCycles()).toEqual([]);
  });
});

describe('the signer', () => {
  const BASE = ['kernel', 'config', 'aws', 'db', 'effect'].map((room) => `base/${room}`);
  const ROOMS = ['hands/signer', ...BASE];
  const DOORS = [
    'src/books/audit/check.ts',
    'src/books/tx/read.ts',
    'src/books/approval/check.ts',
    'src/books/policy/check.ts',
  ];
  /** A second door may have its files in a folder of its name. */
  const isDoor = (path: string) =>
    DOORS.some((door) => path === door || path.startsWith(door.replace(/\.ts$/, '/')));
  const PACKAGES = [
    '@aws-sdk/client-kms',
    '@aws-sdk/client-secrets-manager',
    'canonicalize',
    'hash-wasm',
    'node',
    'pg',
    'secp256k1',
    'typebox',
    'viem',
    'yaml',
  ];

  it('reaches nothing but the base it needs, read-only doors and the key libraries', () => {
    const { files: reached, packages } = closureOf('src/hands/signer/index.ts');
    const strange = [...reached].filter(
      (path) => !ROOMS.includes(placeOf(path)?.room ?? '') && !isDoor(path),
    );
    expect(strange).toEqual([]);
    expect([...packages].filter((name) => !PACKAGES.includes(name))).toEqual([]);
  });

  it('loads an AWS client only where a key needs it', () => {
    const eager = production.filter(({ tree }) =>
      tree.statements.some(
        (statement) =>
          ts.isImportDeclaration(statement) &&
          (statement.moduleSpecifier as ts.StringLiteral).text.startsWith('@aws-sdk/') &&
          !statement.importClause?.isTypeOnly,
      ),
    );
    expect(eager.map(({ path }) => path)).toEqual([]);
  });

  it('is a process that loads no other hand, no road, no book but its pure doors, and no HTTP', () => {
    const { files: reached, packages } = closureOf('src/doors/bin/signer.ts');
    const strange = [...reached].filter((path) => {
      const room = placeOf(path)?.room ?? '';
      return !ROOMS.includes(room) && room !== 'doors/bin' && !isDoor(path);
    });
    expect(strange).toEqual([]);
    expect([...packages].filter((name) => ![...PACKAGES, 'pino'].includes(name))).toEqual([]);
  });
});

describe('exports', () => {
  const used = new Map<string, Set<string>>();
  for (const { path, imports } of all) {
    for (const { target, names } of imports) {
      if (target === null) continue;
      for (const name of names) {
        const key = `${target}#${name}`;
        used.set(key, (used.get(key) ?? new Set()).add(path));
      }
    }
  }
  const users = (path: string, name: string) => [
    ...(used.get(`${path}#${name}`) ?? []),
    ...(used.get(`${path}#*`) ?? []),
  ];

  it("of a room's door are used outside the room", () => {
    const dead = indexes.flatMap(({ path }) => {
      // What merchants take is used by them.
      if (path === 'src/doors/merchant/index.ts') return [];
      const inside = (user: string) => user.startsWith(`${dirname(path)}/`) && !isTest(user);
      return exportsOf(path)
        .filter((name) => users(path, name).every(inside))
        .map((name) => `${path} ${name}`);
    });
    expect(dead).toEqual([]);
  });

  it('of a file are used in another file', () => {
    const dead = all
      .filter((source) => !indexes.includes(source))
      .flatMap(({ path, exports }) =>
        exports
          .filter((name) => name !== 'default' && users(path, name).length === 0)
          .map((name) => `${path} ${name}`),
      );
    expect(dead).toEqual([]);
  });
});

describe('sizes', () => {
  /** Longer than 300 lines, each for a reason. */
  const LONG_FILES = new Map([
    ['src/base/chain/rpc.test.ts', 'one node that misbehaves in every way, and what is made of it'],
    ['src/base/chain/pool/chain-pool.test.ts', 'one pool of nodes that fail, lag and stray'],
    ['src/books/ledger/ledger.test.ts', 'every transfer kind and every law of the ledger'],
    ['src/books/tx/tx.test.ts', 'the rows of a transaction from open to final'],
    ['src/base/db/grants.test.ts', 'every right to write, one line each'],
    ['src/base/kernel/errors.ts', 'one list of every code'],
    ['src/doors/http/reach.test.ts', 'every route with who may call it, one line each'],
    ['test/support/fake-chain/fake-node.ts', 'one node with every method of the chain port'],
    ['src/base/db/machines.test.ts', 'every state and every move of every machine, by hand'],
    ['src/base/config/read.test.ts', 'two tables of faulty files, one line a fault'],
    ['src/books/policy/change/classify.test.ts', 'tables of every field of every rule'],
    ['src/books/policy/document/document.test.ts', 'tables of faulty documents, one line a fault'],
    ['src/doors/http/server.test.ts', 'one server, one test file'],
    [
      'src/hands/signer/handshake/handshake.test.ts',
      'crashes at each point of the handshake, and copies put back',
    ],
    ['src/hands/signer/check.test.ts', 'a table of every refusal'],
    ['test/verify/plants.ts', 'one violation for every law'],
    ['src/hands/signer/hostile/hostile.test.ts', 'one table of edits, one edit a line or three'],
    ['src/hands/signer/step.test.ts', 'crashes at each point of one step, in their order'],
    ['test/e2e/reorg.test.ts', 'one chain that changes its mind again and again, ever deeper'],
    ['test/e2e/deep-reorg.test.ts', 'every way in which a reorg takes back what was committed'],
    ['test/e2e/bad-input.test.ts', 'the table of bad input of the whole API'],
  ]);
  /** More than 12 sources, each for a reason. */
  const FULL_FOLDERS = new Map([
    ['bench', 'one program; its stages are files so that none is long'],
    ['src/books/access', 'keys by what is done to them; operators are a folder of their own'],
    ['src/doors/bin', 'a program and its role for each process'],
    ['src/doors/bin/supervise', 'one program; what it keeps alive are files of their own'],
    ['src/doors/cli', 'one group of commands, one file'],
    ['src/doors/http', 'the life of a request; its routes are a folder of their own'],
    ['src/roads/withdrawal', 'one verb, one file: the walk is read from their names'],
  ]);

  it('files have at most 300 lines', () => {
    const long = all.filter(({ path, lines }) => lines > 300 && !LONG_FILES.has(path));
    expect(long.map(({ path, lines }) => `${path}: ${lines}`)).toEqual([]);
  });

  it('folders have at most 12 sources beside their tests', () => {
    const counts = new Map<string, number>();
    for (const { path } of all.filter((source) => !isTest(source.path))) {
      counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
    }
    const full = [...counts].filter(([folder, count]) => count > 12 && !FULL_FOLDERS.has(folder));
    expect(full).toEqual([]);
  });

  it('have no exception that is no longer needed', () => {
    const short = [...LONG_FILES.keys()].filter((path) => (sources.get(path)?.lines ?? 0) <= 300);
    expect(short).toEqual([]);
  });
});

describe('rooms', () => {
  it('have a door that opens with at most 15 lines of what they own and promise', () => {
    const bad = indexes.filter(({ text }) => {
      const comment = /^\/\*\*\n( \*.*\n)+/.exec(text)?.[0];
      return comment === undefined || comment.split('\n').length - 1 > 15;
    });
    expect(bad.map(({ path }) => path)).toEqual([]);
  });

  it('have an index.ts, save bin, whose files are programs', () => {
    const rooms = new Set(production.map(({ path }) => placeOf(path)!.room));
    const without = [...rooms].filter(
      (room) => room.includes('/') && room !== 'doors/bin' && !sources.has(`src/${room}/index.ts`),
    );
    expect(without).toEqual([]);
  });
});

describe('what merchants take', () => {
  it('is exported, and reaches nothing of the server and no package', () => {
    const { exports } = JSON.parse(readText('package.json')) as { exports: unknown };
    const at = './dist/src/doors/merchant/index';
    expect(exports).toEqual({ './x402': { types: `${at}.d.ts`, default: `${at}.js` } });
    const { files, packages } = closureOf('src/doors/merchant/index.ts');
    expect([...files].filter((path) => !path.startsWith('src/doors/merchant/'))).toEqual([]);
    expect([...packages]).toEqual(['node']);
  });
});
