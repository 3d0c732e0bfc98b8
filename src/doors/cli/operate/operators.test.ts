import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestDatabases, testDatabases } from '../../../../test/support/postgres.ts';
import { run } from '../cli.fixture.ts';

let databases: TestDatabases;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  databases = await testDatabases();
  env = { DATABASE_URL: databases.mainUrl };
  await run(['tenant', 'create', 'acme'], { env });
});
afterAll(() => databases.drop());

const operators = (...argv: string[]) => run(['operators', ...argv], { env });
const URL_FLAG = ['--url', 'https://pay.example'];

test('an operator is invited by a link that is shown once, listed, suspended and resumed', async () => {
  const invited = await operators('invite', 'ann@acme', '--tenant', 'acme', ...URL_FLAG);
  expect(invited).toMatchObject({
    code: 0,
    out: expect.stringMatching(
      /^https:\/\/pay\.example\/console\/access#invitation=oi_[A-Za-z0-9_-]{43}\n$/,
    ),
    err: expect.stringMatching(/^ann@acme \(security-admin\) opens the link by /),
  });
  const again = await operators('invite', 'ann@acme', '--tenant', 'acme', ...URL_FLAG);
  expect(again.code).toBe(0);
  expect(again.out).not.toBe(invited.out);
  const list = await operators('list', '--tenant', 'acme', '--json');
  expect(JSON.parse(list.out)).toMatchObject([
    { name: 'ann@acme', roles: ['security-admin'], state: 'invited', grantedBy: null },
  ]);
  expect(list.out).not.toContain('oi_');
  const change = (verb: string) => operators(verb, 'ann@acme', '--tenant', 'acme');
  expect((await change('suspend')).out).toBe('ann@acme is suspended in acme\n');
  expect((await change('resume')).out).toBe('ann@acme is invited in acme\n');
  expect(await change('activate')).toMatchObject({
    code: 2,
    err: expect.stringMatching(/is active/),
  });
  expect((await operators('list')).out).toMatch(/ann@acme/);
});

test('what can not be is refused by one line', async () => {
  const invite = (name: string, ...more: string[]) => operators('invite', name, ...more);
  const at = ['--tenant', 'acme'];
  const refusals = [
    [await invite('ann b', ...at, ...URL_FLAG), /a-z 0-9/],
    [await invite('bob', ...at, ...URL_FLAG, '--roles', 'viewer,root'), /roles are not usable/],
    [await invite('bob', '--tenant', 'nobody', ...URL_FLAG), /no tenant "nobody"/],
    [await invite('bob', ...at), /--url or --config/],
    [await operators('suspend', 'nobody', ...at), /no operator "nobody" in acme/],
  ] as const;
  for (const [{ code, err }, words] of refusals) {
    expect([code, err]).toEqual([2, expect.stringMatching(words)]);
    expect(err.trim().split('\n')).toHaveLength(1);
  }
});
