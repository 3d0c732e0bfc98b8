import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { readSettings, type Settings } from '../../base/config/index.ts';
import { ConfigurationError } from '../../base/kernel/index.ts';
import { ApiClient } from './api-client.ts';
import type { CliContext, DevSources } from './context.ts';

export type SourceFlags = { config?: string; stateDir?: string };
export type ClientFlags = { url?: string; apiKey?: string; stateDir?: string };

type DatabaseUrls = {
  url: string;
  /** Null when it was not asked for. */
  signerUrl: string | null;
  /** For messages. */
  from: string;
};

/** The folder that --state-dir names, or `.payonce` in the working folder; also `.payonce` in the former. */
export function findDevFile(context: CliContext, stateDir: string | undefined): DevSources | null {
  const { readDevFile } = context.doors;
  if (stateDir === undefined) return readDevFile(join(context.cwd, '.payonce'));
  const folder = resolve(context.cwd, stateDir);
  return readDevFile(folder) ?? readDevFile(join(folder, '.payonce'));
}

/**
 * The databases: the --config file, DATABASE_URL and SIGNER_DATABASE_URL, dev.json, in this order.
 * Throws ConfigurationError that names all three when there is none.
 */
export function findDatabases(
  context: CliContext,
  flags: SourceFlags,
  need: { signer: boolean },
): DatabaseUrls {
  if (flags.config !== undefined) {
    const settings = readSettings({
      file: resolve(context.cwd, flags.config),
      env: context.env,
      need,
    });
    return {
      url: settings.database.url,
      signerUrl: settings.signer?.databaseUrl ?? null,
      from: flags.config,
    };
  }
  const url = context.env['DATABASE_URL'] || null;
  const signerUrl = context.env['SIGNER_DATABASE_URL'] || null;
  if (url !== null || (need.signer && signerUrl !== null)) {
    if (url === null)
      throw new ConfigurationError('SIGNER_DATABASE_URL is set and DATABASE_URL is not: set both');
    if (need.signer && signerUrl === null) {
      throw new ConfigurationError(
        'DATABASE_URL is set and SIGNER_DATABASE_URL is not: set both, or migrate one database alone with --database',
      );
    }
    return { url, signerUrl, from: 'DATABASE_URL' };
  }
  const dev = findDevFile(context, flags.stateDir);
  if (dev === null) {
    throw new ConfigurationError(
      'no database is named: give --config FILE, set DATABASE_URL and SIGNER_DATABASE_URL, or run `npm start` (its .payonce/dev.json is looked for in the working folder or --state-dir)',
    );
  }
  return { url: dev.databaseUrl, signerUrl: dev.signerDatabaseUrl, from: 'dev.json' };
}

/**
 * The configuration: the --config file, or that of a running `npm start` together with its database. Throws
 * ConfigurationError when there is neither.
 */
export function findSettings(context: CliContext, flags: SourceFlags): Settings {
  const need = { signer: false };
  if (flags.config !== undefined) {
    return readSettings({ file: resolve(context.cwd, flags.config), env: context.env, need });
  }
  const dev = findDevFile(context, flags.stateDir);
  if (dev?.configFile === undefined) {
    throw new ConfigurationError(
      'no configuration is named: give --config FILE, or run `npm start` (its .payonce/dev.json is looked for in the working folder or --state-dir)',
    );
  }
  const env = { ...context.env, DATABASE_URL: dev.databaseUrl };
  return readSettings({ file: dev.configFile, env, need });
}

/** The flags that findApi reads, and --json. */
export function withApi(command: Command): Command {
  return command
    .option('--url <url>', "the API (or PAYONCE_URL, or dev.json's)")
    .option('--api-key <key>', "its key (or PAYONCE_API_KEY, or dev.json's)")
    .option('--state-dir <dir>', 'folder of dev.json (default: .payonce here)')
    .option('--json', 'print JSON');
}

/** The API and its key: flags, PAYONCE_URL and PAYONCE_API_KEY, dev.json, each for itself in this order. */
export function findApi(
  context: CliContext,
  flags: ClientFlags,
  need: { admin: boolean } = { admin: false },
): ApiClient {
  const url = flags.url ?? (context.env['PAYONCE_URL'] || undefined);
  const apiKey = flags.apiKey ?? (context.env['PAYONCE_API_KEY'] || undefined);
  if (url !== undefined && apiKey !== undefined)
    return new ApiClient({ url: checkUrl(url), apiKey });
  const dev = findDevFile(context, flags.stateDir);
  // The local key is for the local API: it must not be sent to another one.
  if (url !== undefined && url !== dev?.apiUrl) {
    throw new ConfigurationError(
      `no API key for ${checkUrl(url)}: give --api-key or set PAYONCE_API_KEY`,
    );
  }
  if (dev === null) {
    throw new ConfigurationError(
      'no API is named: give --url and --api-key, set PAYONCE_URL and PAYONCE_API_KEY, or run `npm start` (its .payonce/dev.json is looked for in the working folder or --state-dir)',
    );
  }
  const local = need.admin ? (dev.adminApiKey ?? dev.apiKey) : dev.apiKey;
  return new ApiClient({ url: dev.apiUrl, apiKey: apiKey ?? local });
}

function checkUrl(text: string): string {
  const protocol = URL.canParse(text) ? new URL(text).protocol : '';
  if (protocol === 'http:' || protocol === 'https:') return text;
  throw new ConfigurationError(
    `the API's URL is ${JSON.stringify(text)}: give one of http or https`,
  );
}
