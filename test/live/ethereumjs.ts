import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Address, Hex } from '../../src/base/kernel/index.ts';
import { rpcCall } from '../../src/doors/dev/index.ts';

const ZERO: Hex = `0x${'00'.repeat(32)}`;
const NOBODY: Address = `0x${'00'.repeat(20)}`;
const FORKS = [
  ...['homestead', 'eip150', 'eip155', 'eip158', 'byzantium', 'constantinople'],
  ...['petersburg', 'istanbul', 'berlin', 'london', 'mergeFork'],
];

/**
 * The client makes blocks without peers only when a consensus client asks it to, so we are that client: its own
 * sealing (clique) leaves every transaction out. Hence a chain of Shanghai, the first whose payloads are V2.
 */
export function writeGenesis(
  folder: string,
  accounts: readonly { address: Address; code: Hex }[],
): string {
  const file = join(folder, 'payonce.json');
  const balance = `0x${(10n ** 22n).toString(16)}`;
  const genesis = {
    config: {
      chainId: 31337,
      ...Object.fromEntries(FORKS.map((fork) => [`${fork}Block`, 0])),
      terminalTotalDifficulty: 0,
      terminalTotalDifficultyPassed: true,
      shanghaiTime: 0,
    },
    nonce: '0x0',
    timestamp: '0x0',
    gasLimit: '0x1c9c380',
    difficulty: '0x0',
    mixHash: ZERO,
    coinbase: NOBODY,
    extraData: '0x',
    baseFeePerGas: '0x3b9aca00',
    alloc: Object.fromEntries(accounts.map(({ address, code }) => [address, { balance, code }])),
  };
  writeFileSync(file, JSON.stringify(genesis));
  return file;
}

export function ethereumjsFlags(of: {
  folder: string;
  genesis: string;
  port: number;
  enginePort: number;
}): string[] {
  return [
    ...['--gethGenesis', of.genesis, '--isSingleNode', '--dataDir', of.folder, '--logFile=false'],
    ...['--rpc', '--rpcAddr', '127.0.0.1', '--rpcPort', `${of.port}`],
    ...['--rpcEngine', '--rpcEngineAddr', '127.0.0.1', '--rpcEnginePort', `${of.enginePort}`],
    ...['--rpcEngineAuth=false', '--port', '0', '--discDns=false', '--discV4=false'],
  ];
}

/** Lets the node build a block on its head, gives it back as a consensus client would, and makes it the head. */
export async function mineByEngine(url: string, engineUrl: string): Promise<void> {
  const engine = <Result>(method: string, ...params: unknown[]) =>
    rpcCall<Result>(engineUrl, `engine_${method}`, params);
  const head = await rpcCall<{ hash: Hex; timestamp: Hex }>(url, 'eth_getBlockByNumber', [
    'latest',
    false,
  ]);
  const state = { headBlockHash: head.hash, safeBlockHash: ZERO, finalizedBlockHash: ZERO };
  const { payloadId } = await engine<{ payloadId: Hex }>('forkchoiceUpdatedV2', state, {
    timestamp: `0x${(Number(head.timestamp) + 12).toString(16)}`,
    prevRandao: ZERO,
    suggestedFeeRecipient: NOBODY,
    withdrawals: [],
  });
  const { executionPayload } = await engine<{ executionPayload: { blockHash: Hex } }>(
    'getPayloadV2',
    payloadId,
  );
  await engine('newPayloadV2', executionPayload);
  await engine(
    'forkchoiceUpdatedV2',
    { ...state, headBlockHash: executionPayload.blockHash },
    null,
  );
}
