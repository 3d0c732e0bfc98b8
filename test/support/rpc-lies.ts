import { anotherHash, type RpcRule } from './rpc-fault-proxy.ts';

/** The heights that a node's three tags stand for. */
export type Heads = { latest: number; safe: number; finalized: number };

type Fields = Record<string, unknown>;
type Lie = Extract<RpcRule['fault'], { kind: 'lie' }>;

/** Rules for RpcFaultProxy that let one node say what is not so. The first rule that fits a call is the one it meets. */
function lie(methods: readonly string[], how: Omit<Lie, 'kind'>): RpcRule[] {
  return methods.map((method) => ({ method, probability: 1, fault: { kind: 'lie', ...how } }));
}

const RECEIPTS = ['eth_getTransactionReceipt', 'eth_getBlockReceipts'];
const LOGS = [...RECEIPTS, 'eth_getLogs'];
const BLOCKS = ['eth_getBlockByNumber', 'eth_getBlockByHash'];
const STATE = ['eth_getTransactionCount', 'eth_getBalance', 'eth_call', 'eth_getCode'];
const WITH_HEIGHT = [...BLOCKS, ...LOGS, 'eth_getTransactionByHash'];

/** Success of what reverted, and a revert of what succeeded. */
export function flippedReceipts(): RpcRule[] {
  const flip = (receipt: Fields) => ({
    ...receipt,
    status: receipt['status'] === '0x1' ? '0x0' : '0x1',
  });
  return lie(RECEIPTS, { tell: each(flip) });
}

/** Every log speaks of one unit more. */
export function forgedLogs(): RpcRule[] {
  const more = (data: unknown) =>
    `0x${(BigInt(data as string) + 1n).toString(16).padStart(64, '0')}`;
  const forge = (log: Fields): Fields =>
    /^0x[0-9a-f]{64}$/i.test(String(log['data'])) ? { ...log, data: more(log['data']) } : log;
  return [
    ...lie(['eth_getLogs'], { tell: each(forge) }),
    ...lie(RECEIPTS, {
      tell: each((receipt) => ({ ...receipt, logs: logsOf(receipt).map(forge) })),
    }),
  ];
}

/** Every new block is safe and finalized at once. */
export function hastyTags(): RpcRule[] {
  return lie(['eth_getBlockByNumber'], { ask: asking({ safe: 'latest', finalized: 'latest' }) });
}

export function wrongChainId(chainId: number): RpcRule[] {
  return lie(['eth_chainId'], { tell: () => hex(chainId) });
}

/** Nothing is known of blocks above these heads, as if the node had been cut off there; sends still reach it. */
export function staleAt(heads: Heads): RpcRule[] {
  const tags = {
    latest: hex(heads.latest),
    pending: hex(heads.latest),
    safe: hex(heads.safe),
    finalized: hex(heads.finalized),
  };
  const known = (item: Fields) => heightOf(item) <= heads.latest;
  const unmined = (transaction: Fields) =>
    known(transaction) ? transaction : { ...transaction, blockNumber: null, blockHash: null };
  const tell = (result: unknown) => {
    if (Array.isArray(result)) return result.filter(known);
    return isRecord(result) && !known(result) ? null : result;
  };
  return [
    ...lie(['eth_blockNumber'], { tell: () => tags.latest }),
    ...lie(['eth_getTransactionByHash'], { tell: each(unmined) }),
    ...lie([...BLOCKS, ...LOGS], { ask: asking(tags), tell }),
    ...lie([...STATE, 'eth_estimateGas', 'eth_feeHistory'], { ask: asking(tags) }),
  ];
}

/** Blocks from this height on have other hashes, linked among themselves: a chain of the node's own. */
export function forkedAt(height: number): RpcRule[] {
  const fork = (item: Fields): Fields => {
    const at = heightOf(item);
    if (at < height) return item;
    const told = { ...item };
    if ('number' in item) told['hash'] = anotherHash(item['hash']);
    if ('blockHash' in item && item['blockHash'] !== null) {
      told['blockHash'] = anotherHash(item['blockHash']);
    }
    if (at > height && 'parentHash' in item) told['parentHash'] = anotherHash(item['parentHash']);
    if ('logs' in item) told['logs'] = logsOf(item).map(fork);
    return told;
  };
  return lie(WITH_HEIGHT, { tell: each(fork) });
}

function each(change: (item: Fields) => Fields): (result: unknown) => unknown {
  return (result) => {
    if (Array.isArray(result)) return result.map(change);
    return isRecord(result) ? change(result) : result;
  };
}

/** Other tags in the place of these, wherever a call names one. */
function asking(tags: Readonly<Record<string, string>>): NonNullable<Lie['ask']> {
  return (params) =>
    params.map((param) => (typeof param === 'string' ? (tags[param] ?? param) : param));
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

/** Of a block, a transaction, a receipt or a log; -1 while it is in no block. */
function heightOf(item: Fields): number {
  const height = item['number'] ?? item['blockNumber'] ?? null;
  return height === null ? -1 : Number(height);
}

function logsOf(receipt: Fields): Fields[] {
  return receipt['logs'] as Fields[];
}

function hex(height: number): string {
  return `0x${height.toString(16)}`;
}
