import { systemClock } from '../../src/base/kernel/index.ts';
import { inFlight, readStages, STAGES } from '../support/killer.ts';
import { type LocalInstallation, memoryOf, onInstallation } from '../support/processes.ts';
import type { Proof, ProofContext, ProofResult, Target } from './proof.ts';
import { Traffic } from './traffic.ts';
import { judge, untilSettled } from './verdict.ts';

type Size = { open: number; settleMs: number; ageClaims: boolean };

const ROLES = ['api', 'worker', 'signer'] as const;
const EVERYTHING = ['supervisor', 'api', 'worker', 'signer', 'postgres', 'anvil'] as const;
const RESUMED_WITHIN_MS = 120_000;
const TARGET_RESUME_S = 5;
const TARGET_BYTES = 300 * 2 ** 20;

type Moments = { ready: number; slot: number; sent: number };

/** Everything dies with so many open, while the chain stands still, and starts again. */
async function prove(context: ProofContext, size: Size): Promise<ProofResult> {
  const { say, signal } = context;
  return onInstallation(async (on) => {
    const traffic = new Traffic(on, context);
    await traffic.fund(size.open * 2);
    const idle = memories(on);
    await fill(on, traffic, size.open, say);
    const stages = await readStages(on.db);
    say(`${inFlight(stages)} are open: ${STAGES.map((s) => `${s} ${stages[s]}`).join(', ')}`);
    for (const component of EVERYTHING) on.signal(component, 'SIGKILL');
    const before = on.terminal().length;
    const moments = await resume(on, signal);
    const steps = on
      .terminal()
      .slice(before)
      .split('\n')
      .filter((line) => line.startsWith('  ✓'));
    say(
      `ready after ${told(moments.ready)}, first slot ${told(moments.slot)}, first send ${told(moments.sent)}`,
    );
    say(steps.map((line) => line.slice(4)).join(' · '));
    const watched = watchPeaks(on);
    await untilSettled(on, { ms: size.settleMs, say, signal, ageClaims: size.ageClaims });
    const peaks = watched.stop();
    const judged = await judge(on, traffic);
    return {
      ...judged,
      done: `everything killed with ${inFlight(stages)} withdrawals open, and started again`,
      faults: { 'kill everything': 1 },
      targets: targetsOf(moments, peaks),
      notes: [
        ...judged.notes,
        `ready ${told(moments.ready)}, first slot ${told(moments.slot)}, first send ${told(moments.sent)} after the start`,
        ...steps.map((line) => line.trim()),
        ...ROLES.map(
          (role) =>
            `${role}: ${mib(idle[role])} idle, ${mib(peaks[role])} at most from restart to rest`,
        ),
      ],
    };
  });
}

/** The first thousands go their way until the chain stands still; then requests are only accepted. */
async function fill(
  on: LocalInstallation,
  traffic: Traffic,
  open: number,
  say: (line: string) => void,
): Promise<void> {
  await traffic.submit(Math.min(open, 1_000), 1_000);
  on.signal('anvil', 'SIGSTOP');
  let last = systemClock.monotonic();
  for (;;) {
    const missing = open - inFlight(await readStages(on.db));
    if (missing <= 0) return;
    await traffic.submit(Math.min(missing, 5_000), 1_000);
    if (systemClock.monotonic() - last < 2_000) continue;
    last = systemClock.monotonic();
    say(`${traffic.payments.length} accepted`);
  }
}

/** Ms from the start command to each first: all ready, a slot given, bytes sent. */
async function resume(on: LocalInstallation, signal: AbortSignal): Promise<Moments> {
  const begun = systemClock.monotonic();
  const since = () => systemClock.monotonic() - begun;
  const moments: Moments = { ready: 0, slot: 0, sent: 0 };
  const starting = on.startAgain().then(() => {
    moments.ready = since();
  });
  starting.catch(() => {});
  let before: Progress | null = null;
  while (since() < RESUMED_WITHIN_MS) {
    signal.throwIfAborted();
    const now = await progressOf(on);
    // The first answer is of the moment after the database's own recovery: nothing has moved yet.
    before ??= now;
    if (before !== null && now !== null) {
      if (moments.slot === 0 && now.slots > before.slots) moments.slot = since();
      if (moments.sent === 0 && now.sends > before.sends) moments.sent = since();
    }
    if (moments.slot > 0 && moments.sent > 0) break;
    // A session that a recovering server refuses costs it 20 ms of its recovery.
    await systemClock.sleep(now === null ? 200 : 20);
  }
  await starting;
  return moments;
}

type Progress = { slots: bigint; sends: bigint };

async function progressOf(on: LocalInstallation): Promise<Progress | null> {
  return on.db
    .query<Progress>(
      `SELECT (SELECT sum(next_nonce - first_nonce) FROM lane) AS slots,
         (SELECT coalesce(sum(sends), 0) FROM attempt) AS sends`,
    )
    .then(({ rows }) => rows[0]!)
    .catch(() => null);
}

type Memories = Record<(typeof ROLES)[number], number>;

function memories(on: LocalInstallation): Memories {
  const of = (role: (typeof ROLES)[number]) => {
    const identity = on.identityOf(role);
    return identity === null ? 0 : memoryOf(identity.pid).peak;
  };
  return { api: of('api'), worker: of('worker'), signer: of('signer') };
}

function watchPeaks(on: LocalInstallation): { stop(): Memories } {
  const peaks: Memories = { api: 0, worker: 0, signer: 0 };
  const look = () => {
    const now = memories(on);
    for (const role of ROLES) peaks[role] = Math.max(peaks[role], now[role]);
  };
  const timer = setInterval(look, 500);
  return {
    stop: () => {
      clearInterval(timer);
      look();
      return peaks;
    },
  };
}

function targetsOf(moments: Moments, peaks: Memories): Target[] {
  const resumed = Math.max(moments.slot === 0 ? Number.POSITIVE_INFINITY : moments.slot);
  const first = moments.sent === 0 ? resumed : Math.min(resumed, moments.sent);
  return [
    {
      what: 'first progress after the start of everything',
      wanted: `≤ ${TARGET_RESUME_S} s`,
      found: told(first),
      met: first <= TARGET_RESUME_S * 1_000,
    },
    ...ROLES.map((role) => ({
      what: `memory of ${role}`,
      wanted: `< ${mib(TARGET_BYTES)}`,
      found: mib(peaks[role]),
      met: peaks[role] < TARGET_BYTES,
    })),
  ];
}

const told = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;

export const resumption: Proof = {
  name: 'resume',
  sentence:
    'after the death of everything with 100,000 withdrawals open it goes on by itself, with bounded memory (time and memory are targets of the full run)',
  short: (context) => prove(context, { open: 3_000, settleMs: 120_000, ageClaims: true }),
  full: (context) => prove(context, { open: 100_000, settleMs: 900_000, ageClaims: false }),
};
