// node scripts/run.mjs FILE.ts [args]: runs a TypeScript file of this project from its compiled form.
import { relative, resolve } from 'node:path';
import { fail, prepare, root, runCompiled } from './prepare.mjs';

const [file, ...args] = process.argv.slice(2);
if (file === undefined) fail('usage: node scripts/run.mjs FILE.ts [args]');
await prepare();
await runCompiled(relative(root, resolve(file)), args);
