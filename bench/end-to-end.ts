import { privateKeyToAccount } from 'viem/accounts';
import type { Address } from '../src/base/kernel/index.ts';
import { DEV_TOKEN_ADDRESS, fundLane, PUBLIC_DEVELOPMENT_KEYS } from '../src/doors/dev/index.ts';
import { fund, microsEach } from './accept.ts';
import { checkLedger, checkPaidOnce } from './check.ts';
import { Child } from './child.ts';
import type { LoadOrder, LoadResult } from './load.ts';
import { ProcessMeter } from './measure.ts';
import { beginStatements } from './profile.ts';
import { during, say } from './progress.ts';
import type { RulerOrder, RulerResult } from './rulers.ts';
import { DEFAULT_WINDOW, type Server, Stage, WIDE_WINDOW } from './stage.ts';
import { type Progress, readStages, type Stages, waitCompleted } from './stages.ts';
import { walMeter } from './wal.ts';

type Setting = { lanes: number; window: number };
type EndToEndCase = Setting & {
  name: string;
  withdrawals: number;
  ratePerSecond: number | null;
};

export type EndToEndRun = Stages & {
  withdrawals: number;
  /** From the first accept to the last COMPLETED, by the database's clock. */
  perSecond: number;
  acceptPerSecond: number;
  cpuMicros: Record<string, number>;
  peakMiB: Record<string, number>;
  othersCores: number;
  walBytes: number;
  fullPageImages: number;
};

export type EndToEndResult = {
  cases: { case: EndToEndCase; runs: EndToEndRun[] }[];
  /** Sends and awaits each hash on the same chain, after the run. */
  ruler: { runs: RulerResult[] };
  /** The same loop, which awaits each receipt before it sends the next. */
  awaited: { runs: RulerResult[] };
};

type EndToEndSize = {
  rounds: number;
  withdrawals: number;
  /** Numbers of lanes to measure with; the last one also at a steady rate. */
  lanes: readonly number[];
  pacedPerSecond: number;
  pacedSeconds: number;
  rulerSeconds: number;
};

const ACCOUNTS = 1_000;
/** Windows of 64 give at most 64 a block and lane: more withdrawals only take longer. */
const NARROW_LANES = [1, 3];
const NARROW_MOST = 1_500;
const CONNECTIONS = 256;
/** Compiled and cached as in a process that has run for a minute. */
const WARM_UP = 300;
/** No lane uses it. */
const RULER_KEY = PUBLIC_DEVELOPMENT_KEYS[9];

export async function measureEndToEnd(
  server: Server,
  size: EndToEndSize,
  profileDir: string | null,
): Promise<EndToEndResult> {
  const paced = size.pacedPerSecond;
  const plural = (lanes: number) => (lanes === 1 ? '1 lane' : `${lanes} lanes`);
  const wide = size.lanes.map((lanes): Setting => ({ lanes, window: WIDE_WINDOW }));
  const narrow = NARROW_LANES.map((lanes): Setting => ({ lanes, window: DEFAULT_WINDOW }));
  const burst = (setting: Setting, withdrawals: number): EndToEndCase => ({
    ...setting,
    ...{ name: `burst, ${plural(setting.lanes)}`, withdrawals, ratePerSecond: null },
  });
  const most = wide.at(-1)!;
  const cases: { case: EndToEndCase; runs: EndToEndRun[] }[] = [
    ...wide.map((setting) => burst(setting, size.withdrawals)),
    {
      ...most,
      name: `paced ${paced}/s, ${plural(most.lanes)}`,
      withdrawals: paced * size.pacedSeconds,
      ratePerSecond: paced,
    },
    ...narrow.map((setting) => burst(setting, Math.min(size.withdrawals, NARROW_MOST))),
  ].map((item) => ({ case: item, runs: [] }));
  const ruler: RulerResult[] = [];
  const awaited: RulerResult[] = [];
  for (let round = 1; round <= size.rounds; round += 1) {
    for (const setting of [...wide, ...narrow]) {
      const here = cases.filter(
        ({ case: item }) => item.lanes === setting.lanes && item.window === setting.window,
      );
      const done = await onStage(server, { round, ...setting, profileDir, size }, here);
      ruler.push(done.hash);
      awaited.push(done.receipt);
    }
  }
  return { cases, ruler: { runs: ruler }, awaited: { runs: awaited } };
}

/** A fresh database and a fresh chain for each round; the cases of the same lanes follow each other on it. */
async function onStage(
  server: Server,
  at: Setting & { round: number; profileDir: string | null; size: EndToEndSize },
  cases: readonly { case: EndToEndCase; runs: EndToEndRun[] }[],
): Promise<Record<'hash' | 'receipt', RulerResult>> {
  const { round, lanes, window, profileDir, size } = at;
  const name = `e2e-${round}-${lanes}-${window}`;
  const stage = await during(
    `installation with ${lanes} lanes`,
    Stage.make(server, { name, lanes, window, chain: true, profileDir }),
  );
  const load = new Child<LoadOrder, LoadResult>('./load.js');
  try {
    const roles = (['api', 'worker', 'signer'] as const).map((role) => stage.startRole(role));
    await during('starting api, worker and signer', Promise.all(roles));
    await during('deposits', fund(stage, load, ACCOUNTS));
    if (profileDir !== null) await beginStatements(stage.owner);
    const parts = { stage, load, server, size };
    let accepted = WARM_UP;
    const warmUp = { name: 'warm-up', lanes, window, withdrawals: WARM_UP, ratePerSecond: null };
    await measureCase(parts, { item: warmUp, run: 1 });
    for (const [index, { case: item, runs }] of cases.entries()) {
      const one = await measureCase(parts, { item, run: index + 2 });
      accepted += item.withdrawals;
      runs.push(one);
      say(
        `${item.name}, round ${round}: ${one.perSecond.toFixed(0)}/s, accepted to broadcast p99 ${one.broadcastMs.p99.toFixed(0)} ms`,
      );
    }
    await during('checking that everyone was paid once', checkPaidOnce(stage));
    await during('checking the ledger', checkLedger(stage, { reserved: accepted }));
    await stage.stopRoles();
    return await during('rulers on the chain', measureRulers(stage, size.rulerSeconds));
  } finally {
    await load.stop();
    await stage.stop();
  }
}

async function measureCase(
  parts: {
    stage: Stage;
    load: Child<LoadOrder, LoadResult>;
    server: Server;
    size: EndToEndSize;
  },
  order: { item: EndToEndCase; run: number },
): Promise<EndToEndRun> {
  const { stage, load, server } = parts;
  const { item, run } = order;
  const { withdrawals } = item;
  const tag = `run-${run}`;
  await stage.owner.query('CHECKPOINT');
  const meter = new ProcessMeter({
    api: { pid: stage.role('api').pid },
    worker: { pid: stage.role('worker').pid },
    signer: { pid: stage.role('signer').pid },
    postgres: { pid: server.postgres.pid, family: true },
    anvil: { pid: stage.anvil!.pid },
    load: { pid: load.pid },
  });
  const wal = await walMeter(stage.owner);
  meter.start();
  const progress: Progress = { text: 'accepting' };
  const work = async () => {
    const accepted = load.ask({
      kind: 'withdrawal',
      ports: stage.apiPorts(),
      apiKey: stage.apiKey,
      connections: CONNECTIONS,
      batch: 1,
      tag,
      run,
      accounts: ACCOUNTS,
      limit: { count: withdrawals },
      ...(item.ratePerSecond === null ? {} : { ratePerSecond: item.ratePerSecond }),
    });
    const done = await accepted;
    if (done.refused > 0) throw new Error(`${done.refused} requests refused: ${done.firstRefused}`);
    await waitCompleted(stage, { tag, withdrawals, progress });
    return done;
  };
  const done = await during(
    `${item.name}: ${withdrawals} withdrawals`,
    work(),
    () => progress.text,
  );
  const used = meter.stop();
  const written = await wal();
  const stages = await readStages(stage.owner, tag);
  return {
    ...stages,
    withdrawals,
    perSecond: withdrawals / stages.seconds,
    acceptPerSecond: done.perSecond,
    cpuMicros: microsEach(used.cpuSeconds, withdrawals),
    peakMiB: used.peakMiB,
    othersCores: used.othersCores,
    walBytes: written.bytes / withdrawals,
    fullPageImages: written.fullPageImages / withdrawals,
  };
}

async function measureRulers(
  stage: Stage,
  seconds: number,
): Promise<Record<'hash' | 'receipt', RulerResult>> {
  const { url } = stage.anvil!;
  const wallet = privateKeyToAccount(RULER_KEY).address.toLowerCase() as Address;
  await fundLane(url, wallet, { nativeWei: 10n ** 21n, tokenAmount: 1_000_000n });
  const ruler = new Child<RulerOrder, RulerResult>('./rulers.js');
  const run = (until: 'hash' | 'receipt', firstNonce: number) =>
    ruler.ask({
      kind: 'transfers',
      rpcUrl: url,
      privateKey: RULER_KEY,
      token: DEV_TOKEN_ADDRESS,
      until,
      firstNonce,
      durationMs: seconds * 1_000,
    });
  try {
    const receipt = await run('receipt', 0);
    return { receipt, hash: await run('hash', receipt.done) };
  } finally {
    await ruler.stop();
  }
}
