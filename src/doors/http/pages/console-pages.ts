import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { projectRoot } from '../../../base/db/index.ts';
import type { App } from '../routes/context.ts';

/** Nothing but our own files runs, is shown or is spoken to, and no page of others frames these. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-cache',
} as const;

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** /console/access: the files of that folder, read once, and no others. */
export function addConsolePages(app: App): void {
  const folder = join(projectRoot(), 'console', 'access');
  for (const name of readdirSync(folder).sort()) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const content = readFileSync(join(folder, name), 'utf8');
    const url = name === 'index.html' ? '/console/access' : `/console/access/${name}`;
    app.get(url, { schema: { hide: true } }, (_request, reply) =>
      reply.headers(HEADERS).type(type).send(content),
    );
  }
}
