import { type Kill, killAll, STAGES } from '../support/killer.ts';
import { type Component, onInstallation } from '../support/processes.ts';
import type { Proof, ProofContext, ProofResult } from './proof.ts';
import { Traffic } from './traffic.ts';
import { judge, untilSettled } from './verdict.ts';

const VICTIMS: readonly Component[] = ['api', 'worker', 'signer', 'supervisor', 'postgres'];

type Size = {
  kills: number;
  inFlight: number;
  restMs: number;
  settleMs: number;
  ageClaims: boolean;
};

async function prove(context: ProofContext, size: Size): Promise<ProofResult> {
  const { random, say, signal } = context;
  return onInstallation(async (on) => {
    const traffic = new Traffic(on, context);
    await traffic.fund(1_000_000);
    const enough = new AbortController();
    const flowing = traffic.keep(size.inFlight, enough.signal);
    flowing.catch(() => {});
    const killing = killAll({
      installation: on,
      random,
      components: VICTIMS,
      kills: size.kills,
      atLeast: 100,
      restMs: size.restMs,
      told: (kill) => say(tell(kill)),
      signal,
    });
    const kills = await Promise.race([killing, flowing.then(() => killing)]);
    enough.abort();
    await flowing;
    await untilSettled(on, { ms: size.settleMs, say, signal, ageClaims: size.ageClaims });
    const judged = await judge(on, traffic);
    return {
      ...judged,
      done: `${size.inFlight} withdrawals in flight, kill -9 ${size.kills} times`,
      faults: countKinds(kills),
      broken: [...judged.broken, ...neverBusy(kills)],
      targets: [],
      notes: [...judged.notes, `${traffic.repeats} requests repeated`, ...kills.map(tell)],
    };
  });
}

function countKinds(kills: readonly Kill[]): Record<string, number> {
  return Object.fromEntries(
    VICTIMS.map((component) => [
      `kill ${component}`,
      kills.filter((kill) => kill.component === component).length,
    ]),
  );
}

function neverBusy(kills: readonly Kill[]): string[] {
  return VICTIMS.filter(
    (component) => !kills.some((kill) => kill.component === component && kill.inFlight >= 100),
  ).map((component) => `${component} was never killed while busy`);
}

function tell({ component, seconds, inFlight, stages }: Kill): string {
  const by = STAGES.map((stage) => `${stage} ${stages[stage]}`).join(', ');
  return `kill -9 ${component} at ${seconds.toFixed(1)} s, ${inFlight} in flight: ${by}`;
}

export const kills: Proof = {
  name: 'kills',
  sentence:
    'kill -9 of api, worker, signer, supervisor and PostgreSQL in full flight pays every recipient exactly once',
  short: (context) =>
    prove(context, { kills: 5, inFlight: 300, restMs: 400, settleMs: 90_000, ageClaims: true }),
  full: (context) =>
    prove(context, {
      kills: 20,
      inFlight: 1_000,
      restMs: 1_500,
      settleMs: 300_000,
      ageClaims: false,
    }),
};
