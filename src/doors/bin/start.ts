import { runCommand } from './command.ts';

await runCommand(['start', ...process.argv.slice(2)]);
