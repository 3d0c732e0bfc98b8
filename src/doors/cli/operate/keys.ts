import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { ConfigurationError, messageOf, parseInstant } from '../../../base/kernel/index.ts';
import {
  type ApiKey,
  createKey,
  GRANTS,
  type KeyOrder,
  listKeys,
  type NewApiKey,
  readKey,
  revokeKey,
  rotateKey,
} from '../../../books/access/index.ts';
import type { Run } from '../context.ts';
import { orEnd, tenantNamed, withDatabase, withSources } from '../database-commands.ts';
import { printJson, printTable } from '../print.ts';
import type { SourceFlags } from '../sources.ts';

type Flags = SourceFlags & { json?: boolean };
type CreateFlags = Flags & {
  tenant: string;
  scopes: string[];
  name: string;
  expires?: string;
  networks?: string[];
  publicKey?: string;
  signature: boolean;
  rate?: number;
  burst?: number;
};

export function addKeyCommands(program: Command, run: Run): void {
  const key = program.command('key').description('API keys');
  addCreate(key, run);
  addRotate(key, run);
  withSources(key.command('revoke'))
    .description('end an API key for ever, within a second on every process')
    .argument('<key id>')
    .action((keyId: string, flags: Flags) =>
      withDatabase(run, flags, async (db) => {
        const revoked = orEnd(await revokeKey(db, { keyId: keyId.toLowerCase() }));
        if (flags.json) printJson(run.stdout, shownKey(revoked));
        else run.stdout.write(`key ${revoked.keyId} (${revoked.name}) is revoked\n`);
      }),
    );
  withSources(key.command('show'))
    .description('read an API key: rights, limits, last use')
    .argument('<key id>')
    .action((keyId: string, flags: Flags) =>
      withDatabase(run, flags, async (db) => {
        const found = shownKey(orEnd(await readKey(db, { keyId: keyId.toLowerCase() })));
        if (flags.json) return printJson(run.stdout, found);
        for (const [name, value] of Object.entries(found)) {
          run.stdout.write(
            `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}\n`,
          );
        }
      }),
    );
  withSources(key.command('list'))
    .description('list API keys, newest first')
    .option('--tenant <name>', 'of one tenant')
    .action((flags: Flags & { tenant?: string }) =>
      withDatabase(run, flags, async (db) => {
        const of =
          flags.tenant === undefined
            ? {}
            : { tenantId: (await tenantNamed(db, flags.tenant)).tenantId };
        const rows = (await listKeys(db, of)).map(shownKey);
        if (flags.json) return printJson(run.stdout, rows);
        printTable(
          run.stdout,
          rows.map(({ id, name, prefix, scopes, expiresAt, revokedAt, lastUsedAt, tenantId }) => ({
            ...{ id, name, prefix, scopes: scopes.join(',') },
            ...{ expiresAt, revokedAt, lastUsedAt, tenantId },
          })),
        );
      }),
    );
}

function addCreate(key: Command, run: Run): void {
  withSources(key.command('create'))
    .description('make an API key; it is shown this once')
    .requiredOption('--tenant <name>', 'whose key it is')
    .requiredOption('--scopes <list>', `comma list of ${GRANTS.join(', ')}`, readList)
    .option('--name <text>', 'what it is for', 'cli')
    .option('--expires <when>', 'a time (2027-01-31T00:00:00Z) or from now (90d, 12h)', readExpiry)
    .option('--networks <list>', 'from where alone: comma list of addresses and CIDR', readList)
    .option('--public-key <file>', 'Ed25519 in PEM; every request must be signed by its other half')
    .option('--no-signature', 'with --public-key: check signatures, but do not require them')
    .option('--rate <number>', 'requests a second, instead of http.rateLimits.key', readCount)
    .option(
      '--burst <number>',
      'requests at once, with --rate; as many as that unless told',
      readCount,
    )
    .action((flags: CreateFlags) =>
      withDatabase(run, flags, async (db) => {
        const { tenantId } = await tenantNamed(db, flags.tenant);
        printNew(run, flags, orEnd(await createKey(db, orderOf(run, tenantId, flags))), 'made');
      }),
    );
}

function addRotate(key: Command, run: Run): void {
  withSources(key.command('rotate'))
    .description('give an API key a new secret, shown this once; the old one is good for a while')
    .argument('<key id>')
    .option(
      '--overlap <span>',
      'how long the old one is good (12h, 7d; 0m: ends now)',
      readSpan,
      86_400_000,
    )
    .action((keyId: string, flags: Flags & { overlap: number }) =>
      withDatabase(run, flags, async (db) => {
        const wanted = { keyId: keyId.toLowerCase(), overlapMs: flags.overlap };
        printNew(run, flags, orEnd(await rotateKey(db, wanted)), 'rotated');
      }),
    );
}

function orderOf(run: Run, tenantId: string, flags: CreateFlags): KeyOrder {
  const { scopes, name, expires, networks, publicKey, rate, burst = rate } = flags;
  if (rate === undefined && burst !== undefined) {
    throw new ConfigurationError('--burst needs a --rate');
  }
  return {
    tenantId,
    name,
    scopes,
    ...(expires !== undefined && { expiresAt: expires }),
    ...(networks !== undefined && { allowedNetworks: networks }),
    ...(publicKey !== undefined && { publicKey: readText(resolve(run.cwd, publicKey)) }),
    ...(!flags.signature && { requireSignature: false }),
    ...(rate !== undefined && { rateLimit: { requestsPerSecond: rate, burst: burst! } }),
  };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigurationError(`the public key can not be read: ${messageOf(error)}`);
  }
}

function printNew(run: Run, flags: Flags, made: NewApiKey, done: string): void {
  if (flags.json) {
    printJson(run.stdout, { ...shownKey(made), key: made.key });
    return;
  }
  run.stdout.write(`${made.key}\n`);
  const until = made.previousValidUntil?.toISOString();
  const old = until === undefined ? '' : `; the old secret is good until ${until}`;
  run.stderr.write(`key ${made.keyId} ${done}; it is not shown again${old}\n`);
}

function shownKey(key: ApiKey) {
  const at = (time: Date | null) => time?.toISOString() ?? null;
  return {
    id: key.keyId,
    name: key.name,
    person: key.personId,
    prefix: `pk_${key.prefix}`,
    scopes: key.scopes,
    allowedNetworks: key.allowedNetworks,
    publicKey: key.publicKey,
    requireSignature: key.requireSignature,
    rateLimit: key.rateLimit,
    expiresAt: at(key.expiresAt),
    revokedAt: at(key.revokedAt),
    previousValidUntil: at(key.previousValidUntil),
    lastUsedAt: at(key.lastUsedAt),
    lastUsedFrom: key.lastUsedFrom,
    createdAt: at(key.createdAt),
    tenantId: key.tenantId,
  };
}

const readList = (text: string) => text.split(',').map((part) => part.trim());

function readCount(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a whole number above 0.');
}

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

function readSpan(text: string): number {
  const span = /^(\d{1,5})([mhd])$/.exec(text);
  if (span !== null) return Number(span[1]) * UNIT_MS[span[2] as keyof typeof UNIT_MS];
  throw new InvalidArgumentError('It is a span like 12h, 7d.');
}

/** Only that it is a time or a span: whether a time is to come is judged where keys are made. */
function readExpiry(text: string): string {
  if (/^\d{1,5}[mhd]$/.test(text)) return new Date(Date.now() + readSpan(text)).toISOString();
  if (parseInstant(text) !== undefined) return text;
  throw new InvalidArgumentError('It is a time like 2027-01-31T00:00:00Z or a span like 90d, 12h.');
}
