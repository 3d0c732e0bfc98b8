import pg from 'pg';
import { expect, test } from 'vitest';
import { testDatabases } from './postgres.ts';

test('each test file gets migrated databases of its own', async () => {
  const [one, two] = await Promise.all([testDatabases(), testDatabases()]);
  expect(one.mainUrl).not.toBe(two.mainUrl);
  for (const url of [one.mainUrl, one.signerUrl]) {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const tables = await client.query(
      `SELECT count(*)::int AS n FROM pg_tables WHERE schemaname = 'public'`,
    );
    await client.end();
    expect(tables.rows[0].n).toBeGreaterThan(0);
  }
  await Promise.all([one.drop(), two.drop()]);
});
