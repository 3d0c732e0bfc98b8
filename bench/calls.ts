/** What a chain's node is asked while withdrawals are paid, against a program that polls for each transaction. */
import { setTimeout as sleep } from 'node:timers/promises';
import { privateKeyToAccount } from 'viem/accounts';
import { effectOf } from '../src/base/effect/index.ts';
import type { Address, Hex } from '../src/base/kernel/index.ts';
import {
  DEV_TOKEN_ADDRESS,
  fundLane,
  PUBLIC_DEVELOPMENT_KEYS,
  rpcCall,
} from '../src/doors/dev/index.ts';
import { RpcFaultProxy } from '../test/support/rpc-fault-proxy.ts';
import { sign } from '../test/support/sign.ts';
import { fund } from './accept.ts';
import { checkLedger, checkPaidOnce } from './check.ts';
import { Child } from './child.ts';
import type { LoadOrder, LoadResult } from './load.ts';
import { BLOCK_SECONDS } from './node.ts';
import { during, say } from './progress.ts';
import { type Server, Stage, WIDE_WINDOW } from './stage.ts';
import { type Progress, waitCompleted } from './stages.ts';

type CallsRun = {
  withdrawals: number;
  /** HTTP requests to the node from the first accept to the last COMPLETED, those of its health included. */
  requests: number;
  /** The calls in them, by method. */
  calls: Record<string, number>;
  ruler: { transactions: number; requests: number };
};

export type CallsResult = { runs: CallsRun[]; perSecond: number; lanes: number };

type CallsSize = { rounds: number; perSecond: number; seconds: number };

const LANES = 3;
const ACCOUNTS = 1_000;
const WARM_UP = 300;
/** No lane uses it. */
const RULER_KEY = PUBLIC_DEVELOPMENT_KEYS[9]!;
const RULER_TRANSACTIONS = 200;

export async function measureCalls(server: Server, size: CallsSize): Promise<CallsResult> {
  const runs: CallsRun[] = [];
  for (let round = 1; round <= size.rounds; round += 1) {
    const run = await measureOnce(server, size, `calls-${round}`);
    runs.push(run);
    say(
      `calls, round ${round}: ${(run.requests / run.withdrawals).toFixed(3)} requests a withdrawal, by polling ${(run.ruler.requests / run.ruler.transactions).toFixed(1)}`,
    );
  }
  return { runs, perSecond: size.perSecond, lanes: LANES };
}

/** The roles reach the node through a proxy that counts and changes nothing. */
async function measureOnce(server: Server, size: CallsSize, name: string): Promise<CallsRun> {
  let counter: RpcFaultProxy | null = null;
  const counted = async (url: string) => {
    counter = await RpcFaultProxy.start(url, { seed: 1 });
    return counter.url;
  };
  const stage = await during(
    `installation with ${LANES} lanes`,
    Stage.make(server, {
      ...{ name, lanes: LANES, window: WIDE_WINDOW, chain: true, profileDir: null },
      front: counted,
    }),
  );
  const load = new Child<LoadOrder, LoadResult>('./load.js');
  try {
    const roles = (['api', 'worker', 'signer'] as const).map((role) => stage.startRole(role));
    await during('starting api, worker and signer', Promise.all(roles));
    await during('deposits', fund(stage, load, ACCOUNTS));
    const parts = { stage, load, perSecond: size.perSecond };
    await pay(parts, { tag: 'warm-up', run: 1, withdrawals: WARM_UP });
    const withdrawals = size.perSecond * size.seconds;
    const before = counter!.counts();
    await pay(parts, { tag: 'paced', run: 2, withdrawals });
    const after = counter!.counts();
    await during('checking that everyone was paid once', checkPaidOnce(stage));
    await checkLedger(stage, { reserved: WARM_UP + withdrawals });
    await stage.stopRoles();
    const calls = Object.fromEntries(
      Object.entries(after.calls).map(([method, n]) => [method, n - (before.calls[method] ?? 0)]),
    );
    const ruler = await during('the same by polling', pollEach(stage.anvil!.url, size.perSecond));
    return { withdrawals, requests: after.requests - before.requests, calls, ruler };
  } finally {
    await load.stop();
    await stage.stop();
    await counter!.stop();
  }
}

async function pay(
  parts: { stage: Stage; load: Child<LoadOrder, LoadResult>; perSecond: number },
  { tag, run, withdrawals }: { tag: string; run: number; withdrawals: number },
): Promise<void> {
  const { stage, load, perSecond } = parts;
  const progress: Progress = { text: 'accepting' };
  const work = async () => {
    const done = await load.ask({
      kind: 'withdrawal',
      ...{ ports: stage.apiPorts(), apiKey: stage.apiKey, connections: 256, batch: 1 },
      ...{ tag, run, accounts: ACCOUNTS, limit: { count: withdrawals }, ratePerSecond: perSecond },
    });
    if (done.refused > 0) throw new Error(`${done.refused} requests refused: ${done.firstRefused}`);
    await waitCompleted(stage, { tag, withdrawals, progress });
  };
  await during(`${withdrawals} withdrawals at ${perSecond}/s`, work(), () => progress.text);
}

/**
 * The ruler: each transaction is sent by a request of its own, and its receipt asked for once a block until it is
 * there. It does not wait for finality, which would be more polls.
 */
async function pollEach(
  url: string,
  perSecond: number,
): Promise<{ transactions: number; requests: number }> {
  const wallet = privateKeyToAccount(RULER_KEY).address.toLowerCase() as Address;
  await fundLane(url, wallet, { nativeWei: 10n ** 21n, tokenAmount: 1_000_000n });
  let requests = 0;
  const ask = <Result>(method: string, params: readonly unknown[]) => {
    requests += 1;
    return rpcCall<Result>(url, method, params);
  };
  const one = async (n: number) => {
    await sleep((n * 1_000) / perSecond);
    const effect = effectOf({ token: DEV_TOKEN_ADDRESS, recipient: wallet, amount: 1n });
    const { bytes, hash } = sign(RULER_KEY, { nonce: BigInt(n), ...effect });
    await ask<Hex>('eth_sendRawTransaction', [`0x${bytes.toString('hex')}`]);
    do await sleep(BLOCK_SECONDS * 1_000);
    while ((await ask('eth_getTransactionReceipt', [hash])) === null);
  };
  await Promise.all(Array.from({ length: RULER_TRANSACTIONS }, (_, n) => one(n)));
  return { transactions: RULER_TRANSACTIONS, requests };
}
