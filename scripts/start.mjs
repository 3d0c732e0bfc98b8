// `npm start`: from a fresh clone to a running installation. The supervisor runs in this process, so
// that a signal, or its death, needs no passing on.
import { prepare, runCompiled } from './prepare.mjs';

await prepare();
await runCompiled('src/doors/bin/start.ts', process.argv.slice(2));
