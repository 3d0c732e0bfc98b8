import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { configSchema } from './schema/schema.ts';

it('docs/config.schema.json is up to date', () => {
  const committed = readFileSync(
    new URL('../../../docs/config.schema.json', import.meta.url),
    'utf8',
  );
  expect(committed).toBe(`${JSON.stringify(configSchema(), null, 2)}\n`);
});
