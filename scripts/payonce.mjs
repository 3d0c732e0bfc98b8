#!/usr/bin/env node
// The `payonce` command; compiles first when the sources have changed.
import { prepare, runCompiled } from './prepare.mjs';

await prepare();
await runCompiled('src/doors/bin/payonce.ts', process.argv.slice(2));
