import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  emptyDatabase,
  type TestDatabases,
  testDatabases,
} from '../../../test/support/postgres.ts';
import { run } from './cli.fixture.ts';

let databases: TestDatabases;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  databases = await testDatabases();
  env = { DATABASE_URL: databases.mainUrl, SIGNER_DATABASE_URL: databases.signerUrl };
});
afterAll(() => databases.drop());

test('migrate applies what is missing, says so, and is well when nothing is', async () => {
  const [main, signer] = await Promise.all([emptyDatabase(), emptyDatabase()]);
  const both = { DATABASE_URL: main.url, SIGNER_DATABASE_URL: signer.url };
  const first = await run(['migrate'], { env: both });
  expect(first).toMatchObject({ code: 0, err: '' });
  expect(first.out).toMatch(/^main: applied 0001_.*\.sql$/m);
  expect(first.out).toMatch(/^signer: applied 0001_.*\.sql$/m);
  const second = await run(['migrate'], { env: both });
  expect(second).toEqual({
    code: 0,
    err: '',
    out: 'main: nothing to apply\nsigner: nothing to apply\n',
  });
  const json = await run(['migrate', '--database', 'main', '--json'], { env: both });
  expect(JSON.parse(json.out)).toEqual({ main: [] });
  await Promise.all([main.drop(), signer.drop()]);
});

test('a database that is not there is one line, by why it is not', async () => {
  const away = { DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/x' };
  const refused = await run(['tenant', 'list'], { env: away });
  expect(refused.code).toBe(3);
  expect(refused.err).toMatch(/^payonce: the database did not answer .*\n$/);
  const unknown = new URL(databases.mainUrl);
  unknown.pathname = '/there_is_none';
  const missing = await run(['tenant', 'list'], { env: { DATABASE_URL: unknown.href } });
  expect(missing.code).toBe(2);
  expect(missing.err).toMatch(/there_is_none.*mend its URL/);
});

test('tenants are made and listed', async () => {
  expect(await run(['tenant', 'list'], { env })).toMatchObject({ code: 0, out: 'none\n' });
  const made = await run(['tenant', 'create', 'acme', '--json'], { env });
  expect(JSON.parse(made.out)).toMatchObject({ name: 'acme' });
  expect((await run(['tenant', 'create', 'beta'], { env })).out).toMatch(/^tenant beta made, id /);
  expect((await run(['tenant', 'list'], { env })).out).toMatch(/^id +name +createdAt\n.*acme/);
  const taken = await run(['tenant', 'create', 'acme'], { env });
  expect(taken).toMatchObject({
    code: 2,
    out: '',
    err: expect.stringMatching(/a tenant acme already/),
  });
  const bad = await run(['tenant', 'create', 'No Good'], { env });
  expect(bad).toMatchObject({
    code: 2,
    err: expect.stringMatching(/"No Good", expected 1 to 63 characters/),
  });
});
