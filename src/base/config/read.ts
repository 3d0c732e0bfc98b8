import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { messageOf, parseNetwork } from '../kernel/index.ts';
import { policyVersionOf, readAssets } from './assets.ts';
import { readChains } from './chains.ts';
import { Faults, shown } from './faults.ts';
import { readAudit, readAuditKey } from './guard/audit.ts';
import { readGuard } from './guard/read.ts';
import { readKeys, readWallets } from './lanes.ts';
import { NETWORK, PUBLIC_URL } from './schema/parts.ts';
import { rateLimitOf } from './schema/rate-limit.ts';
import { type ConfigFile, ConfigSchema } from './schema/schema.ts';
import { readScreening } from './screening/read.ts';
import { type SecretSource, Secrets } from './secrets.ts';
import type { Settings } from './settings.ts';
import { fitShape, isFaulty, type Loose } from './shape.ts';
import { readX402 } from './x402/read.ts';

type ReadSettingsOptions = {
  /** The configuration file; paths inside it are relative to its folder. */
  file?: string;
  /** Its text, when it was read already. */
  text?: string;
  env: NodeJS.ProcessEnv;
  /** Without the need, the signer's secrets are not even looked at and `signer` is null. */
  need: { signer: boolean };
};

/** Beside the configuration file. */
const DEFAULT_WITNESS_FILE = 'payonce.witness';

type Section<Name extends keyof ConfigFile> = Loose<NonNullable<ConfigFile[Name]>>;

/**
 * Reads and checks the configuration file. Throws ConfigurationError whose message has one line per
 * fault, all of them at once: key path, what was found, what is allowed; never a secret.
 */
export function readSettings(options: ReadSettingsOptions): Settings {
  const faults = new Faults();
  const value = parseFile(options, faults);
  // Text that is not YAML has no keys to judge.
  faults.throwIfAny();
  const file = fitShape<ConfigFile>(ConfigSchema, value, faults) ?? {};

  const folder = options.file === undefined ? process.cwd() : dirname(resolve(options.file));
  const secrets = new Secrets(options.env, folder, faults);
  const database = readDatabase(
    'database.url',
    file.database?.url,
    'DATABASE_URL',
    secrets,
    faults,
  );
  const signer = options.need.signer ? readSigner(file.signer ?? {}, secrets, faults) : null;
  const http = readHttp(file.http ?? {}, faults);
  const audit = file.audit === undefined ? null : readAudit(file.audit, secrets, faults);
  const chains = readChains(file.chains ?? [], secrets, faults);
  const assets = readAssets(file.assets ?? [], chains, faults);
  const { lanes, treasury } = readWallets(file, { chains, assets }, faults);
  const guard = readGuard(file.signer ?? {}, { chains, assets, lanes }, faults);
  const screening = readScreening(file.screening, secrets, faults);
  const x402 = readX402(file.x402 ?? {}, assets, faults);
  faults.throwIfAny();

  return {
    policyVersion: policyVersionOf(assets),
    database: { url: database, poolSize: file.database?.poolSize ?? 10 },
    signer,
    audit,
    http,
    chains,
    assets,
    lanes,
    treasury,
    guard,
    x402,
    policy: { looseningDelayMs: (file.policy?.looseningDelaySeconds ?? 86_400) * 1000 },
    screening,
    checks: readChecks(file.checks ?? {}),
  };
}

function readChecks(section: Section<'checks'>): Settings['checks'] {
  return {
    everyMs: (section.everySeconds ?? 300) * 1000,
    stuckAfterMs: (section.stuckAfterSeconds ?? 900) * 1000,
    reconcileEveryMs: (section.reconcileEverySeconds ?? 86_400) * 1000,
  };
}

function parseFile({ file, text }: ReadSettingsOptions, faults: Faults): unknown {
  const lineCounter = new LineCounter();
  try {
    const source = text ?? (file === undefined ? '' : readFileSync(file, 'utf8'));
    // prettyErrors would quote the source, secrets included.
    const document = parseDocument(source, { prettyErrors: false, lineCounter });
    for (const { message, pos } of [...document.errors, ...document.warnings]) {
      const { line, col } = lineCounter.linePos(pos[0]);
      const what = message.replace(/:\s.*$/s, '').replace(/\.$/, '');
      faults.add(`line ${line}, column ${col}`, `not YAML (${what})`, 'YAML 1.2');
    }
    return faults.count > 0 ? undefined : document.toJS();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const found =
      code === undefined ? `not YAML (${messageOf(error)})` : `no readable file (${code})`;
    faults.add(file ?? '(the file)', found, 'a YAML file as docs/config.schema.json describes');
    return undefined;
  }
}

function readDatabase(
  path: string,
  source: SecretSource | undefined,
  variable: string,
  secrets: Secrets,
  faults: Faults,
): string {
  const url = secrets.read(path, source ?? { env: variable }) ?? '';
  const protocol = URL.canParse(url) ? new URL(url).protocol : '';
  if (url !== '' && protocol !== 'postgres:' && protocol !== 'postgresql:') {
    faults.add(
      path,
      'no PostgreSQL URL (not shown)',
      'postgres://user:password@host:port/database',
    );
  }
  return url;
}

function readSigner(
  section: Section<'signer'>,
  secrets: Secrets,
  faults: Faults,
): NonNullable<Settings['signer']> {
  const path = 'signer.database.url';
  const source = section.database?.url;
  const databaseUrl = readDatabase(path, source, 'SIGNER_DATABASE_URL', secrets, faults);
  const sections = section.keys ?? [];
  if (sections.length === 0 && !isFaulty(section, 'keys')) {
    faults.add('signer.keys', 'no key', 'at least one key, where this process signs');
  }
  const witnessFile = secrets.pathOf(section.witness?.file ?? DEFAULT_WITNESS_FILE);
  const begins = section.witness?.begins ? ({ witnessBegins: true } as const) : {};
  const auditKey =
    section.audit === undefined ? null : readAuditKey(section.audit, secrets, faults);
  const keys = readKeys(sections, secrets, faults);
  return { databaseUrl, keys, witnessFile, auditKey, ...begins };
}

const KIB = 1024;
const MIB = KIB * KIB;

function readHttp(section: Section<'http'>, faults: Faults): Settings['http'] {
  const limit = section.bodyLimit ?? MIB;
  const bytes = typeof limit === 'number' ? limit : bytesOf(limit);
  if (bytes < KIB || bytes > 64 * MIB) {
    faults.add('http.bodyLimit', shown(limit), 'a size from 1KiB to 64MiB');
  }
  const trustedProxies = section.trustedProxies ?? [];
  trustedProxies.forEach((text, index) => {
    if (text === undefined || parseNetwork(text) !== null) return;
    faults.add(`http.trustedProxies[${index}]`, shown(text), NETWORK);
  });
  const { key, tenant } = section.rateLimits ?? {};
  return {
    host: section.host ?? '127.0.0.1',
    port: section.port ?? 8080,
    bodyLimitBytes: bytes,
    publicUrl: readPublicUrl(section.publicUrl, faults),
    trustedProxies: trustedProxies.flatMap((text) => text ?? []),
    rateLimits: { key: rateLimitOf(key), tenant: rateLimitOf(tenant) },
  };
}

/** A passkey is bound to a name, which an address is not, and browsers show it to secure pages alone. */
function readPublicUrl(text: string | undefined, faults: Faults): string | null {
  if (text === undefined) return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  const secure =
    url?.protocol === 'https:' || (url?.protocol === 'http:' && url.hostname === 'localhost');
  const bare = url !== null && (text === url.origin || text === `${url.origin}/`);
  const named =
    url !== null && !url.hostname.startsWith('[') && parseNetwork(url.hostname) === null;
  if (secure && bare && named) return url.origin;
  faults.add('http.publicUrl', shown(text), PUBLIC_URL);
  return null;
}

function bytesOf(size: string): number {
  const unit = size.endsWith('MiB') ? MIB : size.endsWith('KiB') ? KIB : 1;
  return Number.parseInt(size, 10) * unit;
}
