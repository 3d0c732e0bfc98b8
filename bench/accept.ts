import { checkLedger } from './check.ts';
import { Child } from './child.ts';
import type { LoadOrder, LoadResult } from './load.ts';
import { type Latency, ProcessMeter } from './measure.ts';
import { beginStatements } from './profile.ts';
import { during, say } from './progress.ts';
import type { RulerOrder, RulerResult } from './rulers.ts';
import { type Server, Stage, WIDE_WINDOW } from './stage.ts';
import { walMeter } from './wal.ts';

type AcceptCase = {
  name: string;
  connections: number;
  batch: number;
  ratePerSecond?: number;
};

export type AcceptRun = {
  perSecond: number;
  withdrawals: number;
  seconds: number;
  latency: Latency;
  /** By process; the load's own cost beside what it measures. */
  cpuMicros: Record<string, number>;
  peakMiB: Record<string, number>;
  othersCores: number;
  walBytes: number;
};

export type AcceptResult = {
  cases: { case: AcceptCase; runs: AcceptRun[] }[];
  /** One transaction per withdrawal, over this many connections. */
  ruler: { connections: number; runs: RulerResult[] };
  accounts: number;
  rows: number;
  /** Processes of the api role. */
  apis: number;
};

type Size = { rounds: number; seconds: number; openRate: number; apis: number };

const ACCOUNTS = 1_000;
const RULER_CONNECTIONS = 8;

export async function measureAccept(
  server: Server,
  size: Size,
  profileDir: string | null,
): Promise<AcceptResult> {
  const stage = await Stage.make(server, {
    name: 'accept',
    lanes: 1,
    window: WIDE_WINDOW,
    chain: false,
    profileDir,
  });
  const load = new Child<LoadOrder, LoadResult>('./load.js');
  try {
    await during('starting the api', stage.startApis(size.apis));
    await during('deposits', fund(stage, load, ACCOUNTS));
    const cases = casesOf(size).map((item) => ({ case: item, runs: [] as AcceptRun[] }));
    const ruler: RulerResult[] = [];
    const run = acceptRunner({ stage, load, server, durationMs: size.seconds * 1_000 });
    if (profileDir !== null) await beginStatements(stage.owner);
    await during('warming up', run({ name: 'warm-up', connections: 64, batch: 1 }));
    let expected = run.accepted();
    for (let round = 1; round <= size.rounds; round += 1) {
      for (const item of cases) {
        const one = await during(`${item.case.name}, round ${round}`, run(item.case));
        say(
          `${item.case.name}, round ${round}: ${one.perSecond.toFixed(0)}/s, p99 ${one.latency.p99.toFixed(1)} ms`,
        );
        item.runs.push(one);
      }
      const one = await during(`ruler, round ${round}`, measureRuler(stage, round, size));
      say(`ruler of one transaction each, round ${round}: ${one.perSecond.toFixed(0)}/s`);
      ruler.push(one);
      expected = run.accepted() + ruler.reduce((sum, { done }) => sum + done, 0);
    }
    await during('checking the ledger', checkLedger(stage, { reserved: expected }));
    return {
      cases,
      ruler: { connections: RULER_CONNECTIONS, runs: ruler },
      accounts: ACCOUNTS,
      rows: expected,
      apis: size.apis,
    };
  } finally {
    await load.stop();
    await stage.stop();
  }
}

function casesOf({ openRate }: Size): AcceptCase[] {
  return [
    ...[8, 64, 256, 512].map((connections) => ({
      name: `single, ${connections} connections`,
      connections,
      batch: 1,
    })),
    {
      name: `single, open loop ${openRate}/s`,
      connections: 256,
      batch: 1,
      ratePerSecond: openRate,
    },
    { name: 'batches of 100', connections: 16, batch: 100 },
    { name: 'batches of 1,000', connections: 4, batch: 1_000 },
  ];
}

/** One deposit for each account, over HTTP as the deposit system makes them. */
export async function fund(
  stage: Stage,
  load: Child<LoadOrder, LoadResult>,
  accounts: number,
): Promise<void> {
  const done = await load.ask({
    kind: 'deposit',
    ports: stage.apiPorts(),
    apiKey: stage.apiKey,
    connections: 16,
    batch: 1,
    tag: 'deposit',
    run: 0,
    accounts,
    limit: { count: accounts },
  });
  if (done.withdrawals !== accounts) throw new Error(`deposits failed: ${done.firstRefused}`);
}

function acceptRunner(parts: {
  stage: Stage;
  load: Child<LoadOrder, LoadResult>;
  server: Server;
  durationMs: number;
}) {
  const { stage, load, server, durationMs } = parts;
  let number = 0;
  let accepted = 0;
  const run = async (item: AcceptCase): Promise<AcceptRun> => {
    number += 1;
    // So that no run pays for the checkpoint of the one before.
    await stage.owner.query('CHECKPOINT');
    const meter = new ProcessMeter({
      ...stage.apiMeters(),
      postgres: { pid: server.postgres.pid, family: true },
      load: { pid: load.pid },
    });
    const wal = await walMeter(stage.owner);
    meter.start();
    const { connections, batch, ratePerSecond } = item;
    const done = await load.ask({
      kind: 'withdrawal',
      ports: stage.apiPorts(),
      apiKey: stage.apiKey,
      connections,
      batch,
      tag: `run-${number}`,
      run: number,
      accounts: ACCOUNTS,
      limit: { durationMs },
      ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
    });
    const used = meter.stop();
    if (done.refused > 0) throw new Error(`${done.refused} requests refused: ${done.firstRefused}`);
    accepted += done.withdrawals;
    return {
      perSecond: done.perSecond,
      withdrawals: done.withdrawals,
      seconds: done.seconds,
      latency: done.latency,
      cpuMicros: microsEach(oneApi(used.cpuSeconds), done.withdrawals),
      peakMiB: used.peakMiB,
      othersCores: used.othersCores,
      walBytes: (await wal()).bytes / done.withdrawals,
    };
  };
  return Object.assign(run, { accepted: () => accepted });
}

/** The processes of the api as one. */
function oneApi(seconds: Record<string, number>): Record<string, number> {
  const { api = 0, ...others } = seconds;
  const more = Object.keys(others).filter((name) => name.startsWith('api '));
  let all = api;
  for (const name of more) {
    all += others[name]!;
    delete others[name];
  }
  return { api: all, ...others };
}

export function microsEach(seconds: Record<string, number>, count: number): Record<string, number> {
  return Object.fromEntries(
    Object.entries(seconds).map(([name, value]) => [name, (value * 1e6) / count]),
  );
}

async function measureRuler(stage: Stage, round: number, size: Size): Promise<RulerResult> {
  await stage.owner.query('CHECKPOINT');
  const { rows } = await stage.owner.query<{ asset: string }>(
    `SELECT DISTINCT asset FROM ledger_account WHERE kind = 'available'`,
  );
  const ruler = new Child<RulerOrder, RulerResult>('./rulers.js');
  try {
    return await ruler.ask({
      kind: 'rows',
      databaseUrl: stage.databaseUrl,
      tenantId: stage.tenantId,
      asset: rows[0]!.asset,
      tag: `ruler-${round}`,
      accounts: ACCOUNTS,
      connections: RULER_CONNECTIONS,
      durationMs: size.seconds * 1_000,
    });
  } finally {
    await ruler.stop();
  }
}
