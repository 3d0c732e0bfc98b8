import { readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import {
  DEVELOPMENT_UPSTREAMS,
  describeSettings,
  developmentSettings,
  readSettings,
  type Settings,
} from '../../../base/config/index.ts';
import {
  type Address,
  ConfigurationError,
  formatAmount,
  type Hex,
} from '../../../base/kernel/index.ts';

export type DevelopmentLane = { address: Address; keyId: string; privateKey: string };

/**
 * The configuration file of the development installation, in the format of every other. Pure; its
 * meaning is developmentSettings, from which it is made, and an x402 merchant beside them.
 */
export function developmentConfig(options: {
  rpcUrl: string;
  token: Address;
  lanes: readonly DevelopmentLane[];
  http: { host: string; port: number };
  audit: { keyFile: string; publicKey: Hex; anchorFile: string };
}): string {
  // The URLs stay in the environment, as everywhere; these are placeholders that are not written.
  const { keyFile, publicKey, anchorFile } = options.audit;
  const settings = developmentSettings({
    ...options,
    databaseUrl: '',
    signerDatabaseUrl: '',
    audit: { key: '', publicKey, anchorFile },
  });
  const shown = describeSettings(settings) as {
    chains: { fees: { maxFeePerGasGwei: string; minPriorityFeePerGasGwei: string } }[];
    lanes: unknown[];
  };
  const file = {
    database: { url: { env: 'DATABASE_URL' }, poolSize: settings.database.poolSize },
    signer: {
      database: { url: { env: 'SIGNER_DATABASE_URL' } },
      keys: options.lanes.map(({ keyId, privateKey }) => ({
        id: keyId,
        development: { privateKey },
      })),
      audit: { key: { file: keyFile } },
    },
    audit: { publicKeys: [publicKey], anchor: { file: anchorFile } },
    http: options.http,
    chains: settings.chains.map(({ id, chainId, rpc, window, finality, ...chain }, index) => ({
      id,
      chainId,
      rpc,
      window,
      fees: shown.chains[index]!.fees,
      finality,
      resendAfterMs: chain.resendAfterMs,
      replaceAfterMs: chain.replaceAfterMs,
      pollMs: chain.pollMs,
    })),
    assets: settings.assets.map((asset) => ({
      id: asset.id,
      chain: asset.chain,
      ...(asset.address === null ? {} : { address: asset.address }),
      decimals: asset.decimals,
      ...(asset.eip712 === undefined ? {} : { eip712: asset.eip712 }),
      minimum: formatAmount(asset.minimum, asset.decimals),
      fee: formatAmount(asset.fee, asset.decimals),
      tiers: asset.tiers.map(({ name, upTo, commitAt }) => ({
        name,
        ...(upTo === null ? {} : { upTo: formatAmount(upTo, asset.decimals) }),
        commitAt,
      })),
    })),
    lanes: shown.lanes,
    // One whose money comes to a wallet of ours, so that it can give back.
    x402: {
      priceDelaySeconds: settings.x402.priceDelayMs / 1000,
      upstreamNetworks: [...DEVELOPMENT_UPSTREAMS],
      merchants: settings.lanes.slice(0, 1).map(({ tenant, address }) => ({
        ...{ tenant, name: 'shop', payTo: [address], replays: true },
        assets: settings.assets.filter(({ eip712 }) => eip712).map(({ id }) => ({ asset: id })),
      })),
    },
  };
  const head =
    '# Written by every `npm start`. Its keys are public and worth nothing outside this chain.\n';
  // Quoted, so that no version of YAML takes an address or an amount for a number.
  return (
    head +
    stringify(file, { lineWidth: 0, defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN' })
  );
}

/** Stands for a database that is to be started here; never connected to. */
const EMBEDDED = 'postgresql://embedded.invalid/';

/**
 * Whether databases are named by the environment or the file, or are to be started here. Throws
 * ConfigurationError for a file with faults, and when one of the two is named alone.
 */
export function judgeDatabases(
  env: NodeJS.ProcessEnv,
  config: string | null,
): { url: string; signerUrl: string } | null {
  const url = env['DATABASE_URL'] || `${EMBEDDED}main`;
  const signerUrl = env['SIGNER_DATABASE_URL'] || `${EMBEDDED}signer`;
  const filled = { ...env, DATABASE_URL: url, SIGNER_DATABASE_URL: signerUrl };
  const settings =
    config === null ? null : readSettings({ file: config, env: filled, need: { signer: true } });
  const main = settings?.database.url ?? url;
  const signer = settings?.signer?.databaseUrl ?? signerUrl;
  const embedded = [main, signer].map((each) => each.startsWith(EMBEDDED));
  if (embedded[0] && embedded[1]) return null;
  if (!embedded[0] && !embedded[1]) return { url: main, signerUrl: signer };
  const [set, missing] = embedded[0]
    ? ["the signer's database", 'DATABASE_URL']
    : ['the main database', 'SIGNER_DATABASE_URL'];
  throw new ConfigurationError(
    `${set} is named and ${missing} is not set: set both, or neither to have PostgreSQL started here`,
  );
}

/**
 * The environment of a process: ours, of which only the signer sees the variables that the file's signer section
 * names. Without a file there are none.
 */
export function roleEnvironment(
  role: string,
  env: NodeJS.ProcessEnv,
  configFile: string | null,
): NodeJS.ProcessEnv {
  if (role === 'signer') return { ...env };
  const file =
    configFile === null
      ? null
      : (parse(readFileSync(configFile, 'utf8')) as { signer?: unknown } | null);
  const hidden = new Set(['SIGNER_DATABASE_URL', ...envNamesOf(file?.signer)]);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !hidden.has(name)));
}

/** The databases that a role may use, as variables. */
export function databaseVariables(
  role: string,
  { url, signerUrl }: { url: string; signerUrl: string },
): Record<string, string> {
  return role === 'signer'
    ? { DATABASE_URL: url, SIGNER_DATABASE_URL: signerUrl }
    : { DATABASE_URL: url };
}

/** Every `env: NAME` of a section. */
function envNamesOf(section: unknown): string[] {
  if (typeof section !== 'object' || section === null) return [];
  return Object.entries(section).flatMap(([key, value]) =>
    key === 'env' && typeof value === 'string' ? [value] : envNamesOf(value),
  );
}

/** The settings of everything, as the supervisor needs them. */
export function readEverything(
  file: string,
  env: NodeJS.ProcessEnv,
  databases: { url: string; signerUrl: string },
): Settings {
  const { url, signerUrl } = databases;
  const filled = { ...env, DATABASE_URL: url, SIGNER_DATABASE_URL: signerUrl };
  return readSettings({ file, env: filled, need: { signer: true } });
}
