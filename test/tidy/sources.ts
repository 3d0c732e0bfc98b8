import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { projectRoot } from '../../src/base/db/index.ts';

export const root = projectRoot();

/** `names` are those of the imported file; `*` stands for all of them. */
type Import = { specifier: string; target: string | null; names: string[] };

type Source = {
  /** Relative to the project, with `/`. */
  path: string;
  text: string;
  lines: number;
  tree: ts.SourceFile;
  imports: Import[];
  /** Declared here or passed on by name; `export *` is resolved by exportsOf. */
  exports: string[];
  /** Files whose exports are passed on whole. */
  passesOn: string[];
};

const IGNORED = new Set(['.git', 'node_modules', 'dist', 'coverage', '.payonce']);

/** Every file of the project, sorted; what is installed, built or of a local run is none. */
function projectFiles(folder = root): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !IGNORED.has(entry.name))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory()
        ? projectFiles(path)
        : [relative(root, path).replaceAll('\\', '/')];
    })
    .sort();
}

export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

export const files = projectFiles();

export const sources: ReadonlyMap<string, Source> = new Map(
  files.filter((path) => path.endsWith('.ts')).map((path) => [path, readSource(path)]),
);

function readSource(path: string): Source {
  const text = readText(path);
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true, ts.ScriptKind.TS);
  const source: Source = {
    path,
    text,
    lines: text.split('\n').length - 1,
    tree,
    imports: [],
    exports: [],
    passesOn: [],
  };
  for (const statement of tree.statements) readStatement(source, statement);
  visit(tree, (node) => {
    const specifier = deferredImport(node);
    if (specifier !== null) addImport(source, specifier, ['*']);
  });
  return source;
}

export function visit(node: ts.Node, look: (node: ts.Node) => void): void {
  look(node);
  node.forEachChild((child) => visit(child, look));
}

/** `import('x')` as an expression or as a type. */
function deferredImport(node: ts.Node): string | null {
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [first] = node.arguments;
    return first !== undefined && ts.isStringLiteral(first) ? first.text : null;
  }
  if (!ts.isImportTypeNode(node) || !ts.isLiteralTypeNode(node.argument)) return null;
  return ts.isStringLiteral(node.argument.literal) ? node.argument.literal.text : null;
}

function readStatement(source: Source, statement: ts.Statement): void {
  if (ts.isImportDeclaration(statement)) {
    const specifier = (statement.moduleSpecifier as ts.StringLiteral).text;
    addImport(source, specifier, importedNames(statement.importClause));
  } else if (ts.isExportDeclaration(statement)) readExport(source, statement);
  else if (ts.isExportAssignment(statement)) source.exports.push('default');
  else source.exports.push(...declaredExports(statement));
}

/** The names that a declaration with `export` before it gives. */
function declaredExports(statement: ts.Statement): string[] {
  const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
  const has = (kind: ts.SyntaxKind) => modifiers.some((modifier) => modifier.kind === kind);
  if (!has(ts.SyntaxKind.ExportKeyword)) return [];
  if (has(ts.SyntaxKind.DefaultKeyword)) return ['default'];
  if (ts.isVariableStatement(statement)) {
    const { declarations } = statement.declarationList;
    return declarations.flatMap(({ name }) => (ts.isIdentifier(name) ? name.text : []));
  }
  const { name } = statement as ts.DeclarationStatement;
  return name !== undefined && ts.isIdentifier(name) ? [name.text] : [];
}

function importedNames(clause: ts.ImportClause | undefined): string[] {
  if (clause === undefined) return [];
  const names = clause.name === undefined ? [] : ['default'];
  const bindings = clause.namedBindings;
  if (bindings === undefined) return names;
  if (ts.isNamespaceImport(bindings)) return [...names, '*'];
  return [...names, ...bindings.elements.map((one) => (one.propertyName ?? one.name).text)];
}

function readExport(source: Source, statement: ts.ExportDeclaration): void {
  const from = statement.moduleSpecifier as ts.StringLiteral | undefined;
  const clause = statement.exportClause;
  if (clause !== undefined && ts.isNamedExports(clause)) {
    source.exports.push(...clause.elements.map((one) => one.name.text));
    const names = clause.elements.map((one) => (one.propertyName ?? one.name).text);
    if (from !== undefined) addImport(source, from.text, names);
  } else if (from !== undefined) {
    addImport(source, from.text, ['*']);
    const target = targetOf(source.path, from.text);
    if (clause === undefined && target !== null) source.passesOn.push(target);
  }
}

function addImport(source: Source, specifier: string, names: string[]): void {
  source.imports.push({ specifier, target: targetOf(source.path, specifier), names });
}

/** Null for a package or a built-in. */
function targetOf(path: string, specifier: string): string | null {
  if (!specifier.startsWith('.')) return null;
  const target = join(dirname(path), specifier).replaceAll('\\', '/');
  if (!existsSync(join(root, target))) throw new Error(`${path} imports ${specifier}: no file`);
  return target;
}

/** All names that a file gives, `export *` resolved. */
export function exportsOf(path: string): string[] {
  const source = sources.get(path);
  if (source === undefined) return [];
  return [...source.exports, ...source.passesOn.flatMap(exportsOf)];
}

/** Tests and what only tests use. */
export function isTest(path: string): boolean {
  return path.startsWith('test/') || /\.(test|fixture)\.ts$/.test(path);
}

type Place = { floor: string; room: string };

/** Floor and room of a file below src/; null for any other file. */
export function placeOf(path: string): Place | null {
  const [top, floor, room, rest] = path.split('/');
  if (top !== 'src' || floor === undefined || room === undefined) return null;
  return { floor, room: rest === undefined ? floor : `${floor}/${room}` };
}

/** Groups of files that import each other round in a circle (Tarjan's strongly connected components). */
export function importCycles(): string[][] {
  const order = new Map<string, { at: number; low: number; open: boolean }>();
  const stack: string[] = [];
  const cycles: string[][] = [];
  const connect = (path: string) => {
    const mark = { at: order.size, low: order.size, open: true };
    order.set(path, mark);
    stack.push(path);
    const targets = sources.get(path)!.imports.flatMap(({ target }) => target ?? []);
    for (const target of targets.filter((one) => sources.has(one))) {
      const seen = order.get(target) ?? connect(target);
      if (seen.open) mark.low = Math.min(mark.low, seen.low);
    }
    if (mark.low !== mark.at) return mark;
    const group = stack.splice(stack.indexOf(path));
    for (const one of group) order.get(one)!.open = false;
    if (group.length > 1 || targets.includes(path)) cycles.push(group.sort());
    return mark;
  };
  for (const path of sources.keys()) if (!order.has(path)) connect(path);
  return cycles;
}

/** Files and packages that a file's imports lead to, itself included. */
export function closureOf(path: string): { files: Set<string>; packages: Set<string> } {
  const reached = { files: new Set<string>(), packages: new Set<string>() };
  const walk = (at: string) => {
    if (reached.files.has(at)) return;
    reached.files.add(at);
    for (const { specifier, target } of sources.get(at)?.imports ?? []) {
      if (target === null) reached.packages.add(packageOf(specifier));
      else walk(target);
    }
  };
  walk(path);
  return reached;
}

/** `viem/utils` → viem, `@noble/curves/secp256k1` → @noble/curves, `node:fs` → node. */
function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return 'node';
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
