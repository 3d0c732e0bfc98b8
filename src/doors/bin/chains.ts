import {
  type ChainPool,
  type ChainPort,
  type Dispute,
  openChainPool,
} from '../../base/chain/index.ts';
import { Assets, type ChainSettings, quorumOf, type Settings } from '../../base/config/index.ts';
import { type Db, openPool } from '../../base/db/index.ts';
import { ConfigurationError, type Log, silentLog, systemClock } from '../../base/kernel/index.ts';
import { findTenant } from '../../books/access/index.ts';
import { Ledger } from '../../books/ledger/index.ts';
import { beginChain } from '../../hands/tracker/index.ts';
import { adoptLane } from '../../hands/treasury/index.ts';

export function portOf(
  chain: ChainSettings,
  log: Log = silentLog,
  disputed: (dispute: Dispute) => void = () => {},
): ChainPool {
  return openChainPool({ chain, clock: systemClock, log, disputed });
}

/** How many nodes an end rests on, for the log of a start. */
export function tellQuorum(chain: ChainSettings): string {
  const { needed, voters } = quorumOf(chain);
  return voters.length === 1
    ? "1 of 1: what is completed rests on one node's word"
    : `${needed} of ${voters.length} nodes must agree`;
}

/**
 * Holds a chain's configuration against the chain itself. Throws ConfigurationError on another chain id, a
 * token without code or with other decimals; Transient when the node can not be asked.
 */
async function verifyChain(
  settings: Settings,
  chain: ChainSettings,
  port: ChainPort,
): Promise<void> {
  const chainId = await port.chainId();
  if (chainId !== chain.chainId) {
    throw new ConfigurationError(
      `chain ${chain.id}: the node is on chain id ${chainId}, the configuration says ${chain.chainId}`,
    );
  }
  for (const asset of settings.assets) {
    if (asset.chainId !== chain.chainId || asset.address === null) continue;
    if ((await port.code(asset.address, 'latest')) === '0x') {
      throw new ConfigurationError(
        `asset ${asset.id}: there is no contract at ${asset.address} on chain ${chain.id}`,
      );
    }
    const decimals = await port.tokenDecimals(asset.address);
    if (decimals !== asset.decimals) {
      throw new ConfigurationError(
        `asset ${asset.id}: the token has ${decimals} decimals, the configuration says ${asset.decimals}`,
      );
    }
  }
}

/**
 * Begins the walk of a chain and takes its configured lanes into the books; a line for each one taken. `waiting`: a
 * wallet has transactions that are not final, and is to be tried again.
 */
export async function openChain(
  context: { db: Db; ledger: Ledger; settings: Settings },
  chain: ChainSettings,
  port: ChainPort,
): Promise<{ told: string[]; waiting: boolean }> {
  const { db, ledger, settings } = context;
  await verifyChain(settings, chain, port);
  await beginChain({ db, chainId: chain.chainId, settings: chain, port });
  const told: string[] = [];
  let waiting = false;
  for (const lane of settings.lanes.filter((candidate) => candidate.chainId === chain.chainId)) {
    const tenant = await findTenant(db, { name: lane.tenant });
    if (tenant === null) {
      throw new ConfigurationError(
        `lane ${lane.address}: there is no tenant ${lane.tenant}; make it with \`payonce tenant create ${lane.tenant}\``,
      );
    }
    const adopting = {
      db,
      ledger,
      assets: new Assets(settings.assets),
      port,
    };
    const laneId = await adoptLane(adopting, tenant.tenantId, lane);
    if (laneId === 'waiting') waiting = true;
    else if (laneId !== null)
      told.push(`lane ${lane.address} on ${chain.id}: in the books as lane ${laneId}`);
  }
  return { told, waiting };
}

/** Each in its turn, whatever becomes of those before it; then throws what the first of them threw. */
export async function eachChain(
  chains: readonly ChainSettings[],
  work: (chain: ChainSettings) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  for (const chain of chains) {
    await work(chain).catch((error) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}

/** All chains and lanes of the settings, for a start that waits for them. */
export async function adoptConfiguredLanes(settings: Settings): Promise<string[]> {
  const db = openPool({
    url: settings.database.url,
    role: 'payonce_app',
    name: 'payonce-adopt',
    max: 2,
  });
  try {
    const ledger = new Ledger(db);
    const told: string[] = [];
    await eachChain(settings.chains, async (chain) => {
      told.push(...(await openChain({ db, ledger, settings }, chain, portOf(chain).agreed)).told);
    });
    return told;
  } finally {
    await db.end();
  }
}
