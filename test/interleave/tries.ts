import { finish } from '../support/steps/finish.ts';
import { brokenLaws } from '../support/steps/laws.ts';
import { paymentsOn } from '../support/steps/payments.ts';
import type { Verdict } from '../support/steps/points/actor.ts';
import type { Processes } from '../support/steps/processes.ts';
import type { Road } from '../support/steps/road.ts';
import { AMOUNT, PAYEE, REQUEST, type Scenario, type Tried } from './scenarios.ts';

/** The n-th step of a scenario and the point in it. */
type Place = { act: number; step: string; index: number; what: string };
export type Tries = { places: Place[]; tries: number; broken: string[] };

/**
 * Goes a scenario's road once to see its points, and then once for each point and verdict: there the step meets
 * it, and the installation is started anew and left to finish. The withdrawal must have ended well, be
 * paid once or never, and all laws hold.
 */
export async function tryEverywhere(
  road: Road,
  scenario: Scenario,
  verdictsOf: (place: Place) => readonly Verdict[],
): Promise<Tries> {
  const { passed: places, rest } = await walk(road, scenario, null, 'go');
  const tries: Tries = {
    places,
    tries: 0,
    broken: await judge(road, scenario, { where: 'undisturbed', verdict: 'go', rest }),
  };
  for (const place of places) {
    for (const verdict of verdictsOf(place)) {
      const { rest } = await walk(road, scenario, place, verdict);
      const where = `${scenario.name}: ${verdict} at ${place.step}#${place.index} ${place.what}`;
      tries.tries += 1;
      tries.broken.push(...(await judge(road, scenario, { where, verdict, rest })));
    }
  }
  return tries;
}

/** Up to and with the disturbed step; returns the points that were passed. */
async function walk(
  road: Road,
  { acts, next }: Scenario,
  at: Place | null,
  verdict: Verdict,
): Promise<{ passed: Place[]; rest: string[] }> {
  await road.reset();
  let on = await road.start();
  const passed: Place[] = [];
  for (const [act, step] of acts.entries()) {
    if ('given' in step) {
      await step.given(on, road);
      continue;
    }
    const places = await runTried(road, on, step, act, at?.act === act ? at : null, verdict);
    passed.push(...places);
    if (at?.act !== act) continue;
    const met = places.at(at.index - 1);
    if (met?.what !== at.what) throw new Error(`${step.step} came to ${met?.what}, not ${at.what}`);
    // What died is started anew once its leases are over; what only failed goes on as it is.
    if (verdict === 'kill') on = await restart(road);
    if (step.again) await step.run(on);
    break;
  }
  const rest = await finish(road, on);
  if (next === undefined) return { passed, rest };
  await next(on, road);
  return { passed, rest: [...rest, ...(await finish(road, on))] };
}

async function runTried(
  road: Road,
  on: Processes,
  step: Tried,
  act: number,
  at: Place | null,
  verdict: Verdict,
): Promise<Place[]> {
  const places: Place[] = [];
  await road.scheduler.run([road.step(step.step, on, step.run)], ([gate]) => {
    const { index, what } = gate!;
    places.push({ act, step: step.step, index, what });
    return { gate: gate!, verdict: index === at?.index ? verdict : 'go' };
  });
  return places;
}

async function restart(road: Road): Promise<Processes> {
  await road.clock.elapse(35_000);
  return road.start();
}

async function judge(
  road: Road,
  { ends, endsLate = [] }: Scenario,
  { where, verdict, rest }: { where: string; verdict: Verdict; rest: readonly string[] },
): Promise<string[]> {
  const broken = [...rest, ...(await brokenLaws(road, true))];
  if (typeof ends === 'function') broken.push(...(await ends(road)));
  else if (ends === 'arrived') broken.push(...(await judgeMoves(road)));
  else {
    const late = verdict === 'fail' || verdict === 'lose' ? endsLate : [];
    broken.push(...(await judgePayment(road, [...ends, ...late])));
  }
  return broken.map((line) => `${where}: ${line}`);
}

/** Of the one withdrawal that was tried; one that came after it is only there to find what was left. */
async function judgePayment(road: Road, ends: readonly string[]): Promise<string[]> {
  const broken: string[] = [];
  const { rows } = await road.owner.query<{ status: string }>(
    'SELECT status FROM withdrawal WHERE idempotency_key = $1',
    [REQUEST.idempotencyKey],
  );
  const [status] = rows.map((row) => row.status);
  if (rows.length !== 1) broken.push(`there are ${rows.length} withdrawals`);
  if (!ends.includes(status ?? '')) broken.push(`it ended ${status}`);
  const paid = paymentsOn(road).get(PAYEE) ?? [];
  const due = status === 'COMPLETED' || status === 'RESETTLED' ? [AMOUNT] : [];
  if (paid.join() !== due.join()) broken.push(`it is ${status} and [${paid}] arrived`);
  return broken;
}

/** Each was asked for once and came to its wallet once. */
async function judgeMoves(road: Road): Promise<string[]> {
  const { rows } = await road.owner.query<{ wanted: string; outcome: string | null }>(
    `SELECT m.outcome, m.generation || ' of ' || m.amount || ' to ' || encode(l.address, 'hex') AS wanted
     FROM treasury_move m JOIN lane l ON l.lane_id = m.to_lane ORDER BY wanted`,
  );
  const came = [...paymentsOn(road)].flatMap(([to, amounts]) =>
    amounts.map((amount) => `1 of ${amount} to ${to.slice(2)}`),
  );
  const wanted = rows.map((row) => row.wanted);
  return [
    ...rows.flatMap(({ outcome }) => (outcome === 'arrived' ? [] : [`a move ended ${outcome}`])),
    ...(wanted.length > 0 && came.sort().join() === wanted.join()
      ? []
      : [`wanted [${wanted}], and there came [${came}]`]),
  ];
}
