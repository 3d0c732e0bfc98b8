/** How fast the signer alone is: claim, checks, journal before and after, signature, hand-over. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Listener } from '../src/base/db/index.ts';
import { fund, microsEach } from './accept.ts';
import { checkPaidOnce } from './check.ts';
import { Child } from './child.ts';
import type { LoadOrder, LoadResult } from './load.ts';
import { ProcessMeter, type Spread, spreadOf } from './measure.ts';
import { beginStatements } from './profile.ts';
import { during, say } from './progress.ts';
import { type Server, Stage, WIDE_WINDOW } from './stage.ts';
import { type Progress, waitCompleted } from './stages.ts';
import { columns, number, spread } from './table.ts';

type SigningRun = {
  signatures: number;
  /** From the first claim to the last signature that can be collected. */
  perSecond: number;
  cpuMicros: Record<string, number>;
  othersCores: number;
};

export type SigningResult = { runs: SigningRun[] };

type Parts = { stage: Stage; load: Child<LoadOrder, LoadResult>; server: Server };

const LANES = 3;
const ACCOUNTS = 1_000;
const CONNECTIONS = 256;
/** Compiled and cached as in a process that has run for a minute. */
const WARM_UP = 2_000;
const WITHIN_MS = 120_000;
const UNTOLD_MS = 1_000;

/** No more than the windows of three lanes hold. */
export async function measureSigning(
  server: Server,
  { rounds, signatures }: { rounds: number; signatures: number },
  profileDir: string | null,
): Promise<SigningResult> {
  const runs: SigningRun[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const stage = await Stage.make(server, {
      ...{ name: `signing-${round}`, lanes: LANES, window: WIDE_WINDOW },
      ...{ chain: true, profileDir },
    });
    const load = new Child<LoadOrder, LoadResult>('./load.js');
    try {
      if (profileDir !== null) await beginStatements(stage.owner);
      const run = await measureOnce({ stage, load, server }, signatures);
      runs.push(run);
      say(`signing, round ${round}: ${run.perSecond.toFixed(0)}/s`);
    } finally {
      await load.stop();
      await stage.stop();
    }
  }
  return { runs };
}

/** The signer stands still while its orders pile up, and then has the machine with PostgreSQL. */
async function measureOnce(parts: Parts, signatures: number): Promise<SigningRun> {
  const { stage, load, server } = parts;
  const roles = (['api', 'worker', 'signer'] as const).map((role) => stage.startRole(role));
  await during('starting api, worker and signer', Promise.all(roles));
  await during('deposits', fund(stage, load, ACCOUNTS));
  await accept(parts, { tag: 'run-1', run: 1, count: WARM_UP });
  const progress: Progress = { text: 'accepting' };
  const warm = waitCompleted(stage, { tag: 'run-1', withdrawals: WARM_UP, progress });
  await during(`warm-up: ${WARM_UP} withdrawals`, warm, () => progress.text);
  const { pid } = stage.role('signer');
  process.kill(pid, 'SIGSTOP');
  try {
    await accept(parts, { tag: 'run-2', run: 2, count: signatures });
    const count = WARM_UP + signatures;
    const orders = { table: 'signature_request', channel: 'payonce_signature_request', count };
    const ordered = until(stage, orders);
    await during(`${signatures} orders`, ordered);
    await stage.role('worker').stop();
    const meter = new ProcessMeter({
      signer: { pid },
      postgres: { pid: server.postgres.pid, family: true },
    });
    meter.start();
    process.kill(pid, 'SIGCONT');
    const signed = until(stage, { table: 'signature', channel: 'payonce_signature', count });
    await during(`${signatures} signatures`, signed);
    const { rows } = await stage.owner.query<{ seconds: number }>(
      `SELECT extract(epoch FROM clock_timestamp() - min(claimed_at))::float8 AS seconds
       FROM signature_request WHERE created_at > (SELECT min(created_at) FROM withdrawal WHERE idempotency_key LIKE 'run-2-%')`,
    );
    const used = meter.stop();
    await stage.startRole('worker');
    const paid = waitCompleted(stage, { tag: 'run-2', withdrawals: signatures, progress });
    await during('paying them', paid, () => progress.text);
    await during('checking that everyone was paid once', checkPaidOnce(stage));
    return {
      signatures,
      perSecond: signatures / rows[0]!.seconds,
      cpuMicros: microsEach(used.cpuSeconds, signatures),
      othersCores: used.othersCores,
    };
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

async function accept(
  { stage, load }: Parts,
  { tag, run, count }: { tag: string; run: number; count: number },
): Promise<void> {
  const done = await load.ask({
    ...{ kind: 'withdrawal', ports: stage.apiPorts(), apiKey: stage.apiKey, batch: 1 },
    ...{ connections: CONNECTIONS, tag, run, accounts: ACCOUNTS, limit: { count } },
  });
  if (done.refused > 0) throw new Error(`${done.refused} requests refused: ${done.firstRefused}`);
}

/**
 * Resolves when the table has so many rows, counted when `channel` tells of more, as the collector is told: counting every
 * 20 ms took some 10 µs of PostgreSQL's CPU a signature.
 */
async function until(
  stage: Stage,
  { table, channel, count }: { table: string; channel: string; count: number },
): Promise<void> {
  let ring = () => {};
  const url = stage.databaseUrl;
  const listener = new Listener({ url, role: 'owner', name: 'payonce-bench' }).on(channel, () =>
    ring(),
  );
  await listener.start();
  const late = performance.now() + WITHIN_MS;
  try {
    for (;;) {
      const rung = new Promise<void>((resolve) => {
        ring = resolve;
      });
      const { rows } = await stage.owner.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM ${table}`,
      );
      if (rows[0]!.n >= count) return;
      if (performance.now() > late)
        throw new Error(`${rows[0]!.n} in ${table} after two minutes\n${stage.lastWords()}`);
      await Promise.race([rung, sleep(UNTOLD_MS)]);
    }
  } finally {
    await listener.stop();
  }
}

export function signaturesEach({ runs }: SigningResult): Spread {
  return spreadOf(runs.map((run) => run.perSecond));
}

export function signingTable(result: SigningResult): string[] {
  const of = (name: string) =>
    number(spreadOf(result.runs.map((run) => run.cpuMicros[name] ?? 0)).median);
  return columns([
    [
      'SIGNER (alone with PostgreSQL, its journal included)',
      'signatures/s',
      'CPU µs each',
      'of PostgreSQL',
    ],
    [
      `${number(result.runs[0]!.signatures)} orders, ${LANES} lanes`,
      spread(signaturesEach(result)),
      of('signer'),
      of('postgres'),
    ],
  ]);
}
