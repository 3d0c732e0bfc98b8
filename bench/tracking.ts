/**
 * What the tracker's round of one block costs with very many transactions in flight, beside a small and a large
 * history. The chain is a stub in this process: a node's own work would hide what is measured.
 */

import { openPool } from '../src/base/db/index.ts';
import { silentLog, systemClock } from '../src/base/kernel/index.ts';
import { trackRound } from '../src/hands/tracker/index.ts';
import { ProcessMeter } from './measure.ts';
import { during, say } from './progress.ts';
import { type Server, Stage, WIDE_WINDOW } from './stage.ts';
import { type Books, fillBooks, StubChain } from './stub-chain.ts';

type TrackingCase = { inFlight: number; final: number };

export type TrackingRun = {
  /** CPU ms a block: of the tracker's process, and of PostgreSQL. */
  workerMs: number;
  postgresMs: number;
  othersCores: number;
};

export type TrackingResult = {
  cases: { case: TrackingCase; runs: TrackingRun[] }[];
  blocks: number;
  /** Of ours in each block, and of others beside them. */
  ours: number;
  others: number;
};

type TrackingSize = { rounds: number; inFlight: number; final: readonly number[]; blocks: number };

const OURS = 500;
const OTHERS = 500;
/** Statements planned, pages read. */
const WARM_UP = 10;

export async function measureTracking(server: Server, size: TrackingSize): Promise<TrackingResult> {
  const cases: TrackingResult['cases'] = [];
  for (const final of size.final) {
    const item = { inFlight: size.inFlight, final };
    const runs = await measureCase(server, size, item);
    cases.push({ case: item, runs });
  }
  return { cases, blocks: size.blocks, ours: OURS, others: OTHERS };
}

/** One database for all rounds: each takes further blocks of it. */
async function measureCase(
  server: Server,
  { rounds, blocks }: TrackingSize,
  item: TrackingCase,
): Promise<TrackingRun[]> {
  const name = `tracking-${item.final}`;
  const stage = await Stage.make(server, {
    ...{ name, lanes: 3, window: WIDE_WINDOW, chain: false, profileDir: null },
  });
  const books: Books = { ...item, perBlock: OURS, lanes: stage.lanes, tenantId: stage.tenantId };
  const db = openPool({ url: stage.databaseUrl, role: 'payonce_app', name: 'tracker', max: 4 });
  try {
    await during(
      `${item.final} final and ${item.inFlight} in flight`,
      fillBooks(stage.owner, books),
    );
    const chain = new StubChain(books, OTHERS);
    const context = {
      ...{ db, owner: 'bench', chainId: 31337, port: chain.port, tokens: [chain.token] },
      settings: stage.settings().chains[0]!,
      ...{ clock: systemClock, log: silentLog },
    };
    const track = async (count: number) => {
      for (let n = 0; n < count; n += 1) {
        chain.mine();
        while (await trackRound(context));
      }
    };
    await during('warm-up', track(WARM_UP));
    const runs: TrackingRun[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const run = await measureRound(server, () => track(blocks), blocks);
      runs.push(run);
      say(
        `tracking, ${item.final} final, round ${round}: ${(run.workerMs + run.postgresMs).toFixed(1)} ms of CPU a block`,
      );
    }
    await expectTracked(stage, item, OURS * (WARM_UP + rounds * blocks));
    return runs;
  } finally {
    await db.end();
    await stage.stop();
  }
}

async function measureRound(
  server: Server,
  work: () => Promise<void>,
  blocks: number,
): Promise<TrackingRun> {
  const { pid } = server.postgres;
  const meter = new ProcessMeter({ bench: { pid: process.pid }, postgres: { pid, family: true } });
  meter.start();
  const before = process.cpuUsage();
  await work();
  const used = process.cpuUsage(before);
  const { cpuSeconds, othersCores } = meter.stop();
  return {
    workerMs: (used.user + used.system) / 1_000 / blocks,
    postgresMs: (cpuSeconds['postgres']! * 1_000) / blocks,
    othersCores,
  };
}

/** A figure of work that was not done is worth nothing. */
async function expectTracked(stage: Stage, item: TrackingCase, tracked: number): Promise<void> {
  const { rows } = await stage.owner.query<{ seen: bigint; open: bigint }>(
    `SELECT (SELECT count(*) FROM inclusion) AS seen,
       (SELECT count(*) FROM tx WHERE status = 'BROADCASTED') AS open`,
  );
  const [wanted, left] = [item.final + tracked, item.inFlight - tracked];
  if (Number(rows[0]!.seen) !== wanted || Number(rows[0]!.open) !== left) {
    throw new Error(
      `expected ${wanted} inclusions and ${left} open transactions, found ${rows[0]!.seen} and ${rows[0]!.open}`,
    );
  }
}
