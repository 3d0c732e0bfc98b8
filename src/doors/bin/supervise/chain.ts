import { DEVELOPMENT_CHAIN_ID } from '../../../base/config/index.ts';
import { openPool } from '../../../base/db/index.ts';
import {
  type Address,
  type Clock,
  ConfigurationError,
  type Hex,
  toHex,
} from '../../../base/kernel/index.ts';
import {
  type AnvilNode,
  BlockMaker,
  DEV_TOKEN_ADDRESS,
  deployToken,
  developmentAddress,
  fundLane,
  PUBLIC_DEVELOPMENT_KEYS,
  removeAnvil,
  rpcCall,
  startAnvil,
  untilSaved,
} from '../../dev/index.ts';
import type { DevelopmentLane } from './configuration.ts';
import { onKnownPort } from './database/databases.ts';
import { readState, writeState } from './state/state-files.ts';

const LANES = 2;
const SLOTS_IN_EPOCH = 4;
const LANE_NATIVE_WEI = 1_000n * 10n ** 18n;
const LANE_TOKENS = 10_000_000n * 10n ** 6n;

/** Account 0 deploys and pays. */
export const DEVELOPMENT_LANES: readonly DevelopmentLane[] = PUBLIC_DEVELOPMENT_KEYS.slice(
  1,
  1 + LANES,
).map((privateKey, index) => ({
  address: developmentAddress(privateKey),
  keyId: `development-${index + 1}`,
  privateKey,
}));

/** Blocks of a node started here come from nothing else. */
export function makeBlocks(node: AnvilNode, clock: Clock): BlockMaker {
  return new BlockMaker({ url: node.url, clock, finalAfter: 2 * SLOTS_IN_EPOCH }).start();
}

/** The chain that the books speak of is gone: going on would pay without the proof that it was paid. */
export class ChainLost extends ConfigurationError {}

/** On the port of the last start where that is free; with a port, on that or not at all. */
export async function startChain(stateDir: string, port?: number): Promise<AnvilNode> {
  const options = {
    stateDir,
    noMining: true,
    slotsInEpoch: SLOTS_IN_EPOCH,
    gasLimit: 1_000_000_000,
  };
  if (port !== undefined) return startAnvil({ ...options, port });
  const node = await onKnownPort(readState(stateDir, 'ports')?.anvil, (known) =>
    startAnvil({ ...options, ...known }),
  );
  writeState(stateDir, 'ports', { ...readState(stateDir, 'ports'), anvil: node.port });
  return node;
}

/**
 * Compares a development chain that was started with what the database has seen of it. Returns one
 * line when it came back behind, null when all is well. Throws ChainLost, having ended the node
 * and deleted an empty chain's state, so that the next start sees the same.
 */
export async function checkChain(
  node: AnvilNode,
  databaseUrl: string,
  stateDir: string,
): Promise<string | null> {
  const seen = await readSeen(databaseUrl);
  if (seen === null) return null;
  const head = Number(await rpcCall<Hex>(node.url, 'eth_blockNumber', []));
  const lost = await isAnother(node, seen, head);
  if (lost) {
    await node.stop();
    if (node.state === 'empty') removeAnvil(stateDir, node.chainId);
    throw new ChainLost(
      `the development chain was lost: the database has seen block ${seen.latest} of it, and this one ${node.state === 'empty' ? 'is empty' : 'has another history'}; what the books say can not be proved on it: begin anew with npm start -- --fresh`,
    );
  }
  if (head >= seen.latest) return null;
  return `the chain came back at block ${head}, ${seen.latest - head} behind the database: what it forgot is sent again as the same bytes`;
}

/** The genesis of a young chain may be made anew when its node starts, so it is no sign. */
type Seen = { latest: number; oldest: { height: number; hash: Hex } | null };

async function readSeen(databaseUrl: string): Promise<Seen | null> {
  const db = openPool({ url: databaseUrl, role: 'payonce_app', name: 'payonce-start', max: 1 });
  try {
    const { rows } = await db.query<{ latest: bigint; height: bigint | null; hash: Buffer | null }>(
      `SELECT h.latest, b.height, b.hash FROM chain_head h
       LEFT JOIN LATERAL (SELECT height, hash FROM block WHERE chain_id = h.chain_id AND height > 0 ORDER BY height LIMIT 1) b ON true
       WHERE h.chain_id = $1`,
      [DEVELOPMENT_CHAIN_ID],
    );
    const [row] = rows;
    if (row === undefined) return null;
    const { height, hash } = row;
    const oldest =
      height === null || hash === null ? null : { height: Number(height), hash: toHex(hash) };
    return { latest: Number(row.latest), oldest };
  } finally {
    await db.end();
  }
}

async function isAnother(node: AnvilNode, seen: Seen, head: number): Promise<boolean> {
  if (node.state === 'empty') return true;
  const code = await rpcCall<Hex>(node.url, 'eth_getCode', [DEV_TOKEN_ADDRESS, 'latest']);
  if (code === '0x') return true;
  if (seen.oldest === null || seen.oldest.height > head) return false;
  const height = `0x${seen.oldest.height.toString(16)}`;
  const block = await rpcCall<{ hash: Hex } | null>(node.url, 'eth_getBlockByNumber', [
    height,
    false,
  ]);
  return block !== null && block.hash !== seen.oldest.hash;
}

/**
 * The token and the lanes' funds. A lane that has sent something is left as it is: money that comes
 * later would not be in the books. Returns the token.
 */
export async function prepareChain(node: AnvilNode, stateDir: string): Promise<Address> {
  const { url: rpcUrl } = node;
  const token = await deployToken(rpcUrl);
  const targets = { nativeWei: LANE_NATIVE_WEI, tokenAmount: LANE_TOKENS };
  let funded = false;
  for (const { address } of DEVELOPMENT_LANES) {
    const sent = await rpcCall<Hex>(rpcUrl, 'eth_getTransactionCount', [address, 'latest']);
    if (Number(sent) === 0) funded = (await fundLane(rpcUrl, address, targets)) || funded;
  }
  if (funded) {
    // Wallets are taken into the books as of what is final, and that must not be lost by a kill.
    await rpcCall(rpcUrl, 'anvil_mine', [`0x${(2 * SLOTS_IN_EPOCH).toString(16)}`, '0x0']);
    await untilSaved(node, stateDir);
  }
  return token;
}
