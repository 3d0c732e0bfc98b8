import { afterAll, beforeAll, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import { arrayLiteral } from './arrays.ts';

let at: MainDatabase;
beforeAll(async () => {
  at = await MainDatabase.start();
});
afterAll(() => at.stop());

const TEXTS = [
  'plain',
  '',
  'null',
  'NULL',
  '{}',
  'a,b',
  '"quoted"',
  'back\\slash',
  ' space ',
  'ü€𝒳',
  "it's",
  '\n',
  null,
];

it('text arrives as it was sent', async () => {
  const { rows } = await at.app.query<{ got: unknown }>('SELECT $1::text[] AS got', [TEXTS]);
  expect(rows[0]!.got).toEqual(TEXTS);
});

it.each<[string, string, unknown[], unknown[]]>([
  [
    'numeric',
    'numbers and base units',
    [1n, 2n ** 256n - 1n, 0n, null],
    [1n, 2n ** 256n - 1n, 0n, null],
  ],
  ['int', 'small numbers', [1, -2, null], [1, -2, null]],
  ['bool', 'booleans', [true, false, null], [true, false, null]],
  [
    'bytea',
    'bytes',
    [Buffer.from([0, 92, 34, 255]), Buffer.alloc(0), null],
    [Buffer.from([0, 92, 34, 255]), Buffer.alloc(0), null],
  ],
  ['bytea', 'bytes without a null', [Buffer.from('aé')], [Buffer.from('aé')]],
  ['bytea', 'nulls where bytes may be', [null, null], [null, null]],
  ['bytea', 'no bytes at all', [], []],
  [
    'timestamptz',
    'times',
    [new Date(1_700_000_000_123), null],
    [new Date(1_700_000_000_123), null],
  ],
  ['jsonb', 'documents', ['{"a":"\\"\\\\"}', null], [{ a: '"\\' }, null]],
])('%s: %s arrive as they were sent', async (type, _, sent, got) => {
  const { rows } = await at.app.query<{ value: unknown }>(
    `SELECT value FROM unnest($1::${type}[]) WITH ORDINALITY AS u(value, n) ORDER BY n`,
    [sent],
  );
  expect(rows.map((row) => row.value)).toEqual(got);
});

it('an empty array is one', () => {
  expect(arrayLiteral([])).toBe('{}');
});
