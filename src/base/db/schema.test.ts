import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SCHEMA_FILE, schemaPicture } from '../../../scripts/schema-picture.ts';
import { testDatabases } from '../../../test/support/postgres.ts';
import { projectRoot } from './index.ts';

it('the checked-in picture of the schema is what the migrations make (npm run generate writes it)', async () => {
  const databases = await testDatabases();
  const picture = await schemaPicture({ main: databases.mainUrl, signer: databases.signerUrl });
  await databases.drop();
  expect(picture).toBe(readFileSync(join(projectRoot(), SCHEMA_FILE), 'utf8'));
});
