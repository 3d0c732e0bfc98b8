import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ChainPort } from '../../../base/chain/index.ts';
import { NodeChain } from '../../../base/chain/index.ts';
import {
  type Clock,
  ConfigurationError,
  messageOf,
  Transient,
} from '../../../base/kernel/index.ts';
import { ensureDatabase } from '../../dev/index.ts';
import type { StartOptions } from '../supervise/index.ts';
import {
  configurationOf,
  type FacilitatorSettings,
  readEnvironment,
  rpcVariables,
} from './environment.ts';

/** How long a first start waits for its node and its database. */
const PATIENCE_MS = 60_000;

/**
 * Makes ready what `payonce facilitator` starts: the configuration file in its data folder, and the signer's database
 * beside a named one. May be repeated at any time; a crash in between is made good by the next start.
 */
export async function prepareFacilitator(
  env: NodeJS.ProcessEnv,
  { clock, say }: { clock: Clock; say(line: string): void },
): Promise<{ options: StartOptions; env: NodeJS.ProcessEnv }> {
  const settings = readEnvironment(env);
  const patiently = <T>(what: string, work: () => Promise<T>) => wait(what, work, { clock, say });
  if (settings.databases !== null) {
    const { signerUrl } = settings.databases;
    const server = new URL(signerUrl);
    const name = decodeURIComponent(server.pathname.slice(1));
    server.pathname = new URL(settings.databases.url).pathname;
    await patiently('the database', () => ensureDatabase(server.href, name));
  }
  const decimals = await patiently('the chain', () => readDecimals(settings));
  const stateDir = resolve(settings.dataDir);
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const config = join(stateDir, 'facilitator.yaml');
  writeFileSync(config, configurationOf(settings, decimals), { mode: 0o600 });
  return {
    options: {
      stateDir,
      config,
      port: settings.port,
      host: settings.host,
      fresh: false,
      demo: false,
      roles: ['api', 'worker', 'signer'],
    },
    env: {
      ...env,
      ...rpcVariables(settings),
      ...(settings.databases === null
        ? {}
        : {
            DATABASE_URL: settings.databases.url,
            SIGNER_DATABASE_URL: settings.databases.signerUrl,
          }),
    },
  };
}

/** Also that the node is of the chain. Throws ConfigurationError for another chain, and for what is no token. */
async function readDecimals({ rpcUrls, chainId, tokens }: FacilitatorSettings): Promise<number[]> {
  const port: ChainPort = new NodeChain({ url: rpcUrls[0]! });
  const shown = await port.chainId();
  if (shown !== chainId) {
    throw new ConfigurationError(`CHAIN_ID: found ${chainId}; expected ${shown}, the node's chain`);
  }
  const codes = await Promise.all(tokens.map(({ address }) => port.code(address, 'latest')));
  const missing = tokens.find((_, index) => codes[index] === '0x');
  if (missing !== undefined) {
    throw new ConfigurationError(
      `TOKEN_ADDRESS: found ${missing.address}, where there is no contract on chain ${chainId}; expected an ERC-3009 token`,
    );
  }
  return Promise.all(tokens.map(({ address }) => port.tokenDecimals(address)));
}

async function wait<T>(
  what: string,
  work: () => Promise<T>,
  { clock, say }: { clock: Clock; say(line: string): void },
): Promise<T> {
  const deadline = clock.monotonic() + PATIENCE_MS;
  for (let told = false; ; told = true) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ConfigurationError) throw error;
      if (clock.monotonic() > deadline) {
        throw new Transient(`${what} does not answer: ${messageOf(error)}`);
      }
      if (!told) say(`waiting for ${what}: ${messageOf(error)}`);
      await clock.sleep(500);
    }
  }
}
