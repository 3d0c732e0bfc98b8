import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../../..');
/** A merchant's project with nothing installed but what the build makes of this. */
const project = mkdtempSync(join(tmpdir(), 'payonce-merchant-'));
afterAll(() => rmSync(project, { recursive: true, force: true }));

const messageOf = ({ messageText }: ts.Diagnostic) =>
  ts.flattenDiagnosticMessageText(messageText, '\n');

beforeAll(() => {
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => {} };
  const config = ts.getParsedCommandLineOfConfigFile(join(root, 'tsconfig.x402.json'), {}, host)!;
  const installed = join(project, 'node_modules/payonce');
  const options = { ...config.options, outDir: join(installed, 'dist'), incremental: false };
  delete options.tsBuildInfoFile;
  const { diagnostics, emitSkipped } = ts.createProgram(config.fileNames, options).emit();
  expect([diagnostics.map(messageOf), emitSkipped]).toEqual([[], false]);
  mkdirSync(installed, { recursive: true });
  cpSync(join(root, 'package.json'), join(installed, 'package.json'));
  writeFileSync(join(project, 'package.json'), '{"type":"module"}');
});

/** What the compiler says of a merchant's file; the declarations themselves are checked too. */
function compile(source: string): string[] {
  const file = join(project, 'merchant.ts');
  writeFileSync(file, source);
  const program = ts.createProgram([file], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
  });
  return ts.getPreEmitDiagnostics(program).map(messageOf);
}

it('a merchant compiles against what is exported, without types of Node or of the server', () => {
  expect(
    compile(`
      import { type AnswerStore, FacilitatorClient, FacilitatorFault, serveOnce, serveOnceFastify, serveOnceHono } from 'payonce/x402';
      const client = new FacilitatorClient({ url: 'https://pay.example/x402', apiKey: 'k', onFault: ({ code }: FacilitatorFault) => void code });
      export const paid: Promise<boolean> = client.settle({ payload: {} }, { network: 'eip155:1' }).then(({ success }) => success);
      const store: AnswerStore = { get: async () => undefined, set: async () => {} };
      export const hooks = [serveOnce({ store }), serveOnceHono({ maxBytes: 1 }), serveOnceFastify];
    `),
  ).toEqual([]);
});

it('and is told what does not fit', () => {
  const said = compile(`
    import { FacilitatorClient, serveOnce } from 'payonce/x402';
    new FacilitatorClient({ uri: 'https://pay.example/x402' });
    serveOnce({ maxBytes: '1' });
  `);
  expect(said).toHaveLength(2);
  expect(said[0]).toContain("'uri' does not exist");
});
