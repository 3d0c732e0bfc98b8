import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestDatabases, testDatabases } from '../../../../../test/support/postgres.ts';
import { openPool } from '../../../../base/db/index.ts';
import { migrateBoth } from './databases.ts';

let databases: TestDatabases;
beforeAll(async () => {
  databases = await testDatabases();
  const owner = openPool({ url: databases.mainUrl, role: 'owner', name: 'test', max: 1 });
  await owner.query(`UPDATE schema_migration SET checksum = 'of an older clone' WHERE version = 3`);
  await owner.end();
});
afterAll(() => databases?.drop());

it.each([
  ['of this start', true, 'or begin anew with --fresh, which deletes them'],
  ['that somebody named', false, 'or name other databases'],
])(
  'databases %s that another version made are told in one line, with what to do',
  async (_, own, what) => {
    const { mainUrl: url, signerUrl } = databases;
    const started = migrateBoth({ url, signerUrl }, own);
    await expect(started).rejects.toThrow(
      new RegExp(
        `^the databases are another version's: migration 0003_\\S+ was applied in another form, .*${what}$`,
      ),
    );
  },
);
