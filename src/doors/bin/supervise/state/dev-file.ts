import type { Settings } from '../../../../base/config/index.ts';
import type { DevFile } from '../../../dev/index.ts';
import type { LocalKeys } from '../access.ts';
import type { Databases } from '../database/databases.ts';

/** dev.json of what runs. Pure. */
export function devFileOf(running: {
  apiUrl: string;
  consoleUrl: string | null;
  keys: Pick<LocalKeys, 'apiKey' | 'adminApiKey'>;
  databases: Databases;
  settings: Settings;
  configFile: string;
  pids: DevFile['pids'];
}): DevFile {
  const { apiUrl, consoleUrl, keys, databases, settings, configFile, pids } = running;
  return {
    apiUrl,
    apiKey: keys.apiKey,
    adminApiKey: keys.adminApiKey,
    consoleUrl,
    metricsUrl: null,
    configFile,
    databaseUrl: databases.url,
    signerDatabaseUrl: databases.signerUrl,
    chains: settings.chains.map(({ id, chainId, rpc }) => ({
      id,
      chainId,
      rpcUrls: rpc.map(({ url }) => url),
    })),
    assets: settings.assets.map(({ id, chain, address, decimals }) => ({
      id,
      chain,
      address,
      decimals,
    })),
    wallets: settings.lanes.map(({ chain, address }) => ({ chain, address })),
    merchantPayTo: settings.x402.merchants[0]?.payTo[0] ?? null,
    pids,
  };
}

/** Where a client on this machine reaches a server that listens on `host`. */
export function localUrl(host: string, port: number): string {
  const reached = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}`;
}
