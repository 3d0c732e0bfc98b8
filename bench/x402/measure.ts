/** x402 payments by our facilitator and by the packages' own, one after the other on one chain. */
import { privateKeyToAccount } from 'viem/accounts';
import { openPool } from '../../src/base/db/index.ts';
import { type Address, caip19 } from '../../src/base/kernel/index.ts';
import { createMerchantKey, putMerchants } from '../../src/doors/bin/services/merchants.ts';
import { DEV_TOKEN_ADDRESS, fundLane, PUBLIC_DEVELOPMENT_KEYS } from '../../src/doors/dev/index.ts';
import { RpcFaultProxy } from '../../test/support/rpc-fault-proxy.ts';
import { CheckFailed } from '../check.ts';
import { Child } from '../child.ts';
import { ProcessMeter } from '../measure.ts';
import { beginStatements } from '../profile.ts';
import { during, say } from '../progress.ts';
import { type Server, Stage, WIDE_WINDOW } from '../stage.ts';
import {
  type Facilitator,
  PAY_TO,
  PAYER_KEY,
  type PayRun,
  payAll,
  signPayments,
  verifyAll,
} from './pay.ts';
import type { StockOrder, StockReady } from './stock.ts';

type Node = { requests: number; calls: number };
export type Level = PayRun & {
  /** To the node from the first verify to the last success, whatever they were for. */
  node: Node;
  cpuMicros: Record<string, number>;
};
type X402Round = {
  ours: Level[];
  stock: Level[];
  /** Whole answers of /verify; of the api's CPU alone how many a core could give. */
  verify: { perSecond: number; perCore: number };
  othersCores: number;
};
export type X402Result = { rounds: X402Round[]; lanes: number };

type Size = { rounds: number; levels: readonly number[]; each: number; verifies: number };

const CHAIN_ID = 31337;
const LANES = 3;
const WARM_UP = 40;
/** No lane uses it. */
const STOCK_KEY = PUBLIC_DEVELOPMENT_KEYS[8]!;
const PURSE = 1_000_000_000_000n;

export async function measureX402(
  server: Server,
  size: Size,
  profileDir: string | null,
): Promise<X402Result> {
  const rounds: X402Round[] = [];
  for (let round = 1; round <= size.rounds; round += 1) {
    rounds.push(await measureRound(server, size, { name: `x402-${round}`, profileDir }));
  }
  return { rounds, lanes: LANES };
}

async function measureRound(
  server: Server,
  size: Size,
  of: { name: string; profileDir: string | null },
): Promise<X402Round> {
  let counter: RpcFaultProxy | null = null;
  const stage = await during(
    `installation with ${LANES} lanes`,
    Stage.make(server, {
      ...{ ...of, lanes: LANES, window: WIDE_WINDOW, chain: true },
      front: async (url) => {
        counter = await RpcFaultProxy.start(url, { seed: 1 });
        return counter.url;
      },
    }),
  );
  const stock = new Child<StockOrder, StockReady>('./x402/stock.js');
  const stockCounter = await RpcFaultProxy.start(stage.anvil!.url, { seed: 1 });
  try {
    const payer = privateKeyToAccount(PAYER_KEY).address.toLowerCase() as Address;
    const wallet = privateKeyToAccount(STOCK_KEY).address.toLowerCase() as Address;
    await fundLane(stage.anvil!.url, payer, { nativeWei: 1n, tokenAmount: PURSE });
    await fundLane(stage.anvil!.url, wallet, { nativeWei: 10n ** 21n, tokenAmount: 1n });
    const roles = (['api', 'worker', 'signer'] as const).map((role) => stage.startRole(role));
    await during('starting api, worker and signer', Promise.all(roles));
    if (of.profileDir !== null) await beginStatements(stage.owner);
    const { port: stockPort } = await stock.ask({
      ...{ rpcUrl: stockCounter.url, privateKey: STOCK_KEY, chainId: CHAIN_ID },
    });
    const ours = { port: stage.apiPorts()[0]!, path: '/x402', key: await keyOf(stage) };
    const theirs = { port: stockPort, path: '', key: null };
    const own = Object.fromEntries(
      (['api', 'worker', 'signer'] as const).map((role) => [role, { pid: stage.role(role).pid }]),
    );
    const postgres = { pid: server.postgres.pid, family: true };
    // What both sides have beside them: the node, and the load with the proxies that count.
    const beside = { anvil: { pid: stage.anvil!.pid }, load: { pid: process.pid } };
    const packages = { stock: { pid: stock.pid } };
    const meter = new ProcessMeter({ ...own, ...packages, ...beside, postgres });
    meter.start();
    const run = (
      at: Facilitator,
      node: RpcFaultProxy,
      pids: Parameters<typeof levels>[1]['pids'],
    ) => levels(at, { node, pids, size, name: at === ours ? 'ours' : 'stock' });
    const round = {
      ours: await run(ours, counter!, { ...own, ...beside, postgres }),
      stock: await run(theirs, stockCounter, { ...packages, ...beside }),
      verify: await verifyRate(ours, own['api']!.pid, size.verifies),
    };
    return { ...round, othersCores: meter.stop().othersCores };
  } finally {
    await stock.stop();
    await stage.stop();
    await stockCounter.stop();
    await counter!.stop();
  }
}

async function levels(
  at: Facilitator,
  of: {
    node: RpcFaultProxy;
    pids: Record<string, { pid: number; family?: boolean }>;
    size: Size;
    name: string;
  },
): Promise<Level[]> {
  const { node, pids, size, name } = of;
  await payAll(at, signPayments(CHAIN_ID, WARM_UP), 8);
  const found: Level[] = [];
  for (const inFlight of size.levels) {
    const payments = signPayments(CHAIN_ID, inFlight * size.each);
    const meter = new ProcessMeter(pids);
    const before = countsOf(node);
    meter.start();
    const run = await during(
      `${name}: ${payments.length} payments, ${inFlight} at a time`,
      payAll(at, payments, inFlight),
    );
    const { cpuSeconds } = meter.stop();
    const after = countsOf(node);
    const cpuMicros = Object.fromEntries(
      Object.entries(cpuSeconds).map(([role, s]) => [role, (s * 1e6) / payments.length]),
    );
    const asked = { requests: after.requests - before.requests, calls: after.calls - before.calls };
    found.push({ ...run, node: asked, cpuMicros });
    if (name === 'ours' && run.settled < run.payments) {
      throw new CheckFailed(
        `of ${run.payments} payments ${run.settled} settled: ${run.firstFailure}`,
      );
    }
    say(
      `${name}, ${inFlight} at a time: ${run.perSecond.toFixed(1)}/s, ${run.settled} of ${run.payments}`,
    );
  }
  return found;
}

function countsOf(node: RpcFaultProxy): Node {
  const { requests, calls } = node.counts();
  return { requests, calls: Object.values(calls).reduce((sum, n) => sum + n, 0) };
}

async function verifyRate(at: Facilitator, pid: number, count: number) {
  const payments = signPayments(CHAIN_ID, count);
  const meter = new ProcessMeter({ api: { pid } });
  meter.start();
  const perSecond = await during(`${count} verifies`, verifyAll(at, payments, 100));
  const { cpuSeconds } = meter.stop();
  return { perSecond, perCore: count / (cpuSeconds['api'] ?? Number.NaN) };
}

/** A merchant whose payee is not ours, and its key. */
async function keyOf(stage: Stage): Promise<string> {
  const pool = openPool({ url: stage.databaseUrl, role: 'payonce_app', name: 'bench', max: 1 });
  try {
    const [merchant] = await putMerchants(pool, [
      {
        ...{ tenant: 'bench', name: 'shop', payTo: [PAY_TO], offers: [], replays: false },
        assets: [{ asset: caip19(CHAIN_ID, DEV_TOKEN_ADDRESS), maxAmount: null }],
      },
    ]);
    return await createMerchantKey(pool, merchant!);
  } finally {
    await pool.end();
  }
}
