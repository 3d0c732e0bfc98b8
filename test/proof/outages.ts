import { createServer, type Server } from 'node:net';
import { systemClock } from '../../src/base/kernel/index.ts';
import { type LocalInstallation, onInstallation } from '../support/processes.ts';
import { until } from '../support/until.ts';
import type { Proof, ProofContext, ProofResult } from './proof.ts';
import { Traffic } from './traffic.ts';
import { judge, untilSettled } from './verdict.ts';

type Size = { awayMs: number; inFlight: number };

/** PostgreSQL gone, the chain suspended, the chain killed: each in a burst, one after the other. */
async function prove(context: ProofContext, size: Size): Promise<ProofResult> {
  const { say, signal } = context;
  return onInstallation(async (on) => {
    const traffic = new Traffic(on, context);
    await traffic.fund(1_000_000);
    const enough = new AbortController();
    const flowing = traffic.keep(size.inFlight, enough.signal);
    flowing.catch(() => {});
    const broken: string[] = [];
    const steps = async () => {
      say(`PostgreSQL is gone for ${size.awayMs / 1_000} s`);
      broken.push(...(await withoutPostgres(on, size.awayMs, signal)));
      await flows(on, 'after the outage of PostgreSQL');
      say(`the chain is suspended for ${size.awayMs / 1_000} s`);
      broken.push(...(await withoutChain(on, size.awayMs, signal)));
      await flows(on, 'after the outage of the chain');
      say('the chain is killed');
      const told = on.terminal().length;
      on.signal('anvil', 'SIGKILL');
      await until(
        'the supervisor to tell of the chain',
        async () => /! the chain .* was started again/.test(on.terminal().slice(told)),
        60_000,
      );
      await flows(on, 'after the death of the chain');
    };
    await Promise.race([
      steps(),
      flowing.then(() => Promise.reject(new Error('the traffic ended early'))),
    ]);
    enough.abort();
    await flowing;
    await untilSettled(on, { ms: 180_000, say, signal, ageClaims: true });
    const judged = await judge(on, traffic);
    const seconds = size.awayMs / 1_000;
    return {
      ...judged,
      done: `PostgreSQL gone for ${seconds} s, the chain suspended for ${seconds} s and killed, in a burst`,
      faults: { 'PostgreSQL gone': 1, 'SIGSTOP chain': 1, 'kill chain': 1 },
      broken: [...judged.broken, ...broken],
      targets: [],
      notes: [...judged.notes, `${traffic.repeats} requests repeated`],
    };
  });
}

/** Killed, and its port held by us, so that nobody can start it before the time is over. */
async function withoutPostgres(
  on: LocalInstallation,
  awayMs: number,
  signal: AbortSignal,
): Promise<string[]> {
  const told = on.terminal().length;
  const port = portOf(on.dev.databaseUrl);
  const begun = systemClock.monotonic();
  const holder = await takePort(on, port);
  const broken: string[] = [];
  try {
    const ready = await until(
      '/readyz to tell that the database is away',
      async () => {
        const answer = await readiness(on);
        return answer.status === 503 && answer;
      },
      60_000,
    ).catch(() => null);
    if (ready === null) broken.push('/readyz did not tell that the database is away');
    await systemClock.sleep(awayMs - (systemClock.monotonic() - begun), signal);
    if (!/! PostgreSQL .* does not start again/.test(on.terminal().slice(told))) {
      broken.push('the terminal did not tell that PostgreSQL is away');
    }
  } finally {
    await new Promise((done) => holder.close(done));
  }
  await until('/readyz to be well again', async () => (await readiness(on)).status === 200, 90_000);
  return broken;
}

/** Of a URL over TCP or over a Unix socket. */
function portOf(databaseUrl: string): number {
  const url = new URL(databaseUrl);
  return Number(url.searchParams.get('port') ?? url.port);
}

async function takePort(on: LocalInstallation, port: number): Promise<Server> {
  return until(
    'the port of PostgreSQL',
    async () => {
      on.signal('postgres', 'SIGKILL');
      return listenOn(port);
    },
    30_000,
  );
}

function listenOn(port: number): Promise<Server | null> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(null));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

async function withoutChain(
  on: LocalInstallation,
  awayMs: number,
  signal: AbortSignal,
): Promise<string[]> {
  const logged = on.log('worker').length;
  on.signal('anvil', 'SIGSTOP');
  const broken: string[] = [];
  try {
    const answer = await readiness(on);
    if (answer.status !== 200) broken.push('a chain that is away turned the API unready');
    await systemClock.sleep(awayMs, signal);
    // A question to a node is given up after 10 s; before that there is nothing to tell.
    if (awayMs > 12_000 && !/no answer within/.test(on.log('worker').slice(logged))) {
      broken.push("the worker's log did not tell that the chain is away");
    }
  } finally {
    on.signal('anvil', 'SIGCONT');
  }
  return broken;
}

async function readiness(on: LocalInstallation): Promise<{ status: number }> {
  try {
    const { status } = await fetch(`http://127.0.0.1:${on.port}/readyz`, {
      signal: AbortSignal.timeout(10_000),
    });
    return { status };
  } catch {
    return { status: 0 };
  }
}

/** Payments reach blocks again. */
async function flows(on: LocalInstallation, when: string): Promise<void> {
  const before = await inclusions(on);
  await until(
    `payments to flow ${when}`,
    async () => {
      const now = await inclusions(on);
      return before !== null && now !== null && now >= before + 100;
    },
    120_000,
  );
}

async function inclusions(on: LocalInstallation): Promise<number | null> {
  return on.db
    .query<{ n: number }>('SELECT count(*)::int AS n FROM inclusion')
    .then(({ rows }) => rows[0]!.n)
    .catch(() => null);
}

export const outages: Proof = {
  name: 'outages',
  sentence:
    'PostgreSQL or the chain away in a burst is told, leaves nothing half done, and it goes on by itself',
  short: (context) => prove(context, { awayMs: 5_000, inFlight: 300 }),
  full: (context) => prove(context, { awayMs: 30_000, inFlight: 1_000 }),
};
