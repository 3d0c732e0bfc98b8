import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../src/base/db/index.ts';
import { type TestDatabases, testDatabases } from './support/postgres.ts';

/**
 * Finds every statement that is written in src as a string or a template, and lets the server prepare
 * it on the migrated schema: a renamed column or an ambiguous name is found without running the road.
 * Of `${a ? b : c}` both sides are tried; constants of the same file are put in.
 */
type Statement = { file: string; line: number; text: string };

const STATEMENT = /^\s*(SELECT|INSERT|UPDATE|DELETE|WITH|TRUNCATE)\s/;
/**
 * What PREPARE does not take, or what is put together at run time: every machine's test runs advance(), every
 * test of intake runs its one statement.
 */
const UNPREPARED = new Set([
  'src/base/db/advance.ts',
  'src/base/db/machine-sql.ts',
  'src/roads/withdrawal/intake/write.ts',
  // From the list of sealed tables; tests of the seal run each.
  'src/books/audit/check-blocks.ts',
  'src/books/audit/seal.ts',
  'src/books/audit/sealed.ts',
]);
const SIGNER = new Set([
  'src/roads/reconcile/journal.ts',
  'src/hands/signer/journal.ts',
  'src/hands/signer/limits/rows.ts',
  'src/hands/signer/audit/journal-roots.ts',
  'src/hands/signer/dry/promises.ts',
  'src/hands/signer/handshake/journal-head.ts',
]);

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/\.(test|fixture)\.ts$/.test(file))
    .map((file) => join(folder, file));
}

/** `(lane: string) => `SELECT … ${lane}``: a part of statements. */
function isPart(node: ts.Node): node is ts.ArrowFunction & { body: ts.TemplateExpression } {
  return (
    ts.isArrowFunction(node) && node.parameters.length > 0 && ts.isTemplateExpression(node.body)
  );
}

function statementsOf(root: string, path: string): Statement[] {
  const file = path.slice(root.length + 1);
  const source = ts.createSourceFile(
    path,
    readFileSync(path, 'utf8'),
    ts.ScriptTarget.ES2023,
    true,
  );
  const constants = new Map<string, ts.Expression>();
  const found: Statement[] = [];
  const textOf = (node: ts.Expression, side: boolean): string => {
    if (ts.isStringLiteralLike(node)) return node.text;
    if (ts.isTemplateExpression(node)) {
      const spans = node.templateSpans.map(
        (span) => textOf(span.expression, side) + span.literal.text,
      );
      return node.head.text + spans.join('');
    }
    if (ts.isConditionalExpression(node))
      return textOf(side ? node.whenTrue : node.whenFalse, side);
    if (ts.isParenthesizedExpression(node)) return textOf(node.expression, side);
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) {
      const called = constants.get(node.expression.text);
      if (called !== undefined && isPart(called)) {
        called.parameters.forEach(({ name }, index) => {
          constants.set(name.getText(), node.arguments[index]!);
        });
        return textOf(called.body, side);
      }
    }
    const named = ts.isIdentifier(node) ? constants.get(node.text) : undefined;
    return named === undefined ? 'unknown' : textOf(named, side);
  };
  const visit = (node: ts.Node, inside: boolean): void => {
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && node.initializer) {
      constants.set(node.name.text, node.initializer);
    }
    // What takes terms is a statement where it has them.
    if (isPart(node)) return;
    const literal = ts.isStringLiteralLike(node) || ts.isTemplateExpression(node);
    if (literal && !inside) {
      for (const side of [true, false]) {
        const text = textOf(node, side);
        const { line } = source.getLineAndCharacterOfPosition(node.getStart());
        if (STATEMENT.test(text) && !found.some((other) => other.text === text)) {
          found.push({ file, line: line + 1, text });
        }
      }
    }
    ts.forEachChild(node, (child) => visit(child, inside || literal));
  };
  // Twice: a constant may be declared below its use.
  visit(source, true);
  visit(source, false);
  return found;
}

describe('every statement of the program', () => {
  it('has a name of its own, where it has one: a connection keeps one text for each', () => {
    const root = projectRoot();
    const names = sources(join(root, 'src')).flatMap((path) =>
      [
        ...readFileSync(path, 'utf8').matchAll(
          /name: '(\w+)',\s*(?:\/\/[^\n]*\s*)*(?:types: \w+,\s*)?text:/g,
        ),
      ].map(([, name]) => name!),
    );
    expect(names.length).toBeGreaterThan(80);
    expect(names.filter((name, index) => names.indexOf(name) < index)).toEqual([]);
  });

  let databases: TestDatabases;
  const clients = { main: new pg.Client(), signer: new pg.Client() };
  beforeAll(async () => {
    databases = await testDatabases();
    clients.main = new pg.Client({ connectionString: databases.mainUrl });
    clients.signer = new pg.Client({ connectionString: databases.signerUrl });
    await Promise.all([clients.main.connect(), clients.signer.connect()]);
  });
  afterAll(async () => {
    await Promise.all([clients.main.end(), clients.signer.end()]);
    await databases.drop();
  });

  it('is understood by the server on the migrated schema', async () => {
    const root = projectRoot();
    const statements = sources(join(root, 'src'))
      .flatMap((path) => statementsOf(root, path))
      .filter(({ file }) => !UNPREPARED.has(file));
    expect(statements.length).toBeGreaterThan(80);
    const faults: string[] = [];
    for (const [index, { file, line, text }] of statements.entries()) {
      const client = SIGNER.has(file) ? clients.signer : clients.main;
      await client.query(`PREPARE s${index} AS ${text}`).catch((error: Error) => {
        faults.push(`${file}:${line}: ${error.message}`);
      });
    }
    expect(faults).toEqual([]);
  });
});
