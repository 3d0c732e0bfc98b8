import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ConfigurationError, Transient, UnknownOutcome } from '../../base/kernel/index.ts';
import { DOORS, run } from './cli.fixture.ts';
import type { CliDoors, StartFlags } from './context.ts';

const folder = mkdtempSync(join(tmpdir(), 'payonce-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const COMMANDS = [
  ['start'],
  ['migrate'],
  ['config', 'check'],
  ['tenant', 'create'],
  ['tenant', 'list'],
  ['key', 'create'],
  ['key', 'revoke'],
  ['key', 'list'],
  ['operators', 'list'],
  ['operators', 'invite'],
  ['operators', 'activate'],
  ['operators', 'suspend'],
  ['operators', 'resume'],
  ['lanes', 'list'],
  ['lanes', 'show'],
  ['lanes', 'pause'],
  ['lanes', 'resume'],
  ['lanes', 'adopt'],
  ['lanes', 'proposals'],
  ['cron', 'status-check'],
  ['cron', 'verify-sent'],
  ['cron', 'reconcile'],
  ['cron', 'funds'],
  ['cron', 'sweep'],
  ['policy', 'check'],
  ['withdraw'],
  ['status'],
  ['deposit'],
  ['balance'],
  ['cancel'],
];

const doors = (part: Partial<CliDoors>): { doors: CliDoors } => ({
  doors: { ...DOORS, ...part },
});

describe('usage', () => {
  test.each(COMMANDS)('%s %s has help and a version', async (...path) => {
    const command = path.filter((word) => word !== undefined);
    const help = await run([...command, '--help']);
    expect(help).toMatchObject({ code: 0, err: '' });
    expect(help.out).toContain(`Usage: payonce ${command.join(' ')}`);
    expect(await run([...command, '--version'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });

  test.each([
    [[], 2],
    [['key'], 2],
  ])('%j alone prints help and is a fault of usage', async (argv, code) => {
    const { code: ended, err } = await run(argv);
    expect(ended).toBe(code);
    expect(err).toContain('Usage: payonce');
  });

  test.each([
    [['fly'], /unknown command 'fly'.*; usage: payonce /],
    [['start', '--prot', '1'], /unknown option '--prot'.*--port.*; usage: payonce start/],
    [['start', '--port', '70000'], /--port.*from 0.*to 65535/],
    [['start', '--port', '80a'], /whole number/],
    [['start', '--roles', 'api,pilot'], /no role "pilot"/],
    [['start', 'now'], /too many arguments/],
    [['status'], /missing required argument 'id'/],
    [['withdraw', '--account', 'a'], /required option '--asset <id>' not specified/],
    [['status', 'x', '--timeout', '0'], /whole number of seconds above 0/],
    [['migrate', '--database', 'other'], /Allowed choices are main, signer/],
    [
      ['key', 'create', '--tenant', 'a', '--scopes', 'admin', '--expires', 'soon'],
      /a span like 90d/,
    ],
  ])('%j is one line and exit code 2', async (argv, told) => {
    const { code, out, err } = await run(argv);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toMatch(told);
    expect(err).toMatch(/^payonce: .*\n$/);
  });
});

describe('errors', () => {
  test.each([
    [new ConfigurationError('line one\nline two'), 2, 'payonce: line one\npayonce: line two\n'],
    [new Transient('not now'), 3, 'payonce: not now\n'],
    [new UnknownOutcome('who\nknows'), 3, 'payonce: who knows\n'],
    [new Error('boom'), 3, 'payonce: boom\n'],
    [Object.assign(new Error('no table'), { code: '42P01' }), 2, /run payonce migrate/],
    [Object.assign(new Error('bad password'), { code: '28P01' }), 2, /mend its URL/],
    [new AggregateError([], ''), 3, 'payonce: it said nothing\n'],
    [Object.assign(new AggregateError([], ''), { code: 'ECONNREFUSED' }), 3, /is it running/],
  ])('%s ends with its code and its lines', async (error, code, err) => {
    const failing = doors({ start: () => Promise.reject(error) });
    const ran = await run(['start'], failing);
    expect(ran.code).toBe(code);
    expect(ran.err).toEqual(err instanceof RegExp ? expect.stringMatching(err) : err);
  });
});

describe('start and bench', () => {
  test('start hands its flags on and ends with its code', async () => {
    const seen: StartFlags[] = [];
    const start = async (flags: StartFlags) => {
      seen.push(flags);
      return 3;
    };
    expect((await run(['start'], doors({ start }))).code).toBe(3);
    const typed = ['--port', '0', '--host', '::1', '--state-dir', 's', '--fresh', '--no-demo'];
    const more = ['--roles', 'signer,api', '--config', 'c.yaml'];
    await run(['start', ...typed, ...more], doors({ start }));
    expect(seen).toEqual([
      {
        port: null,
        host: null,
        stateDir: null,
        fresh: false,
        demo: true,
        roles: ['api', 'worker', 'signer'],
        config: null,
      },
      {
        port: 0,
        host: '::1',
        stateDir: 's',
        fresh: true,
        demo: false,
        roles: ['api', 'signer'],
        config: 'c.yaml',
      },
    ]);
  });

  test('bench gets its arguments as they are', async () => {
    let seen: readonly string[] = [];
    const bench = async (args: readonly string[]) => {
      seen = args;
      return 1;
    };
    const { code } = await run(['bench', '--quick', 'accept', '-n', '3'], doors({ bench }));
    expect(code).toBe(1);
    expect(seen).toEqual(['--quick', 'accept', '-n', '3']);
  });
});

describe('config check', () => {
  const good = `
chains: [{ id: local, chainId: 31337, rpc: [{ url: "http://127.0.0.1:8545" }], fees: { maxFeePerGasGwei: "50" } }]
assets: [{ id: ETH, chain: local, decimals: 18, tiers: [{ name: low, commitAt: safe }] }]
signer: { keys: [{ id: k, development: { privateKey: "0x${'11'.repeat(32)}" } }] }
`;
  const urls = {
    DATABASE_URL: 'postgresql://a:secret@h/main',
    SIGNER_DATABASE_URL: 'postgresql://a:secret@h/signer',
  };

  test('says what a good file means, without its secrets', async () => {
    writeFileSync(join(folder, 'good.yaml'), good);
    const plain = await run(['config', 'check', 'good.yaml'], { cwd: folder, env: urls });
    expect(plain).toMatchObject({ code: 0, err: '' });
    expect(plain.out).toMatch(/^good\.yaml is well: chains local; assets ETH; 0 lanes/);
    const json = await run(['config', 'check', 'good.yaml', '--json'], { cwd: folder, env: urls });
    expect(JSON.parse(json.out)).toMatchObject({ database: { host: 'postgresql://h' } });
    expect(json.out).not.toMatch(/secret|1111/);
  });

  test('needs no secret of the signer without it', async () => {
    const env = { DATABASE_URL: urls.DATABASE_URL };
    const argv = ['config', 'check', 'good.yaml'];
    expect((await run(argv, { cwd: folder, env })).code).toBe(2);
    expect((await run([...argv, '--no-signer'], { cwd: folder, env })).code).toBe(0);
  });

  test('lists every fault of a bad file', async () => {
    writeFileSync(join(folder, 'bad.yaml'), 'colour: red\nchains: []\nassets: []\n');
    const { code, out, err } = await run(['config', 'check', 'bad.yaml'], {
      cwd: folder,
      env: urls,
    });
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err.split('\n').filter(Boolean).length).toBeGreaterThan(2);
    expect(err).toMatch(/^payonce: colour: found .*; allowed: /m);
  });

  test('a file that is not there is one line', async () => {
    const { code, err } = await run(['config', 'check', 'none.yaml'], { cwd: folder, env: urls });
    expect(code).toBe(2);
    expect(err).toMatch(/none\.yaml: found no readable file \(ENOENT\)/);
  });
});
