import type { FakeChain } from '../support/fake-chain/index.ts';
import { paymentsOn, recipient } from '../support/steps/payments.ts';
import { hastyCancel, looseHead } from '../support/steps/plants.ts';
import type { Processes } from '../support/steps/processes.ts';
import type { Road } from '../support/steps/road.ts';
import type { Race } from './race.ts';

const AN_HOUR_MS = 3_600_000;
type Orders = { count?: number; amount?: string; expires?: boolean };

/** Withdrawals to recipients of their own, accepted and taken through the first of these topics. */
export async function bring(
  road: Road,
  on: Processes,
  through: string[],
  orders: Orders,
): Promise<void> {
  const { count = 1, amount = '5', expires = false } = orders;
  const expiresAt = new Date(Date.now() + AN_HOUR_MS).toISOString();
  const requests = Array.from({ length: count }, (_, n) => ({
    idempotencyKey: `key-${n}`,
    correlationId: `correlation-${n}`,
    body: {
      ...{ account: 'alice', asset: 'USDC', amount, to: recipient(n) },
      ...(expires ? { expiresAt } : {}),
    },
  }));
  await on.service.submit(road.tenantId, requests);
  for (const topic of through) await on.job(topic);
}

export async function ids(road: Road): Promise<string[]> {
  const { rows } = await road.owner.query<{ id: string }>(
    'SELECT withdrawal_id AS id FROM withdrawal ORDER BY 1',
  );
  return rows.map(({ id }) => id);
}

const AGED = [
  `UPDATE withdrawal SET expires_at = now() - interval '1 second'`,
  `UPDATE tx SET expires_at = now() - interval '1 second'`,
];

/** Paid are those that are COMPLETED or RESETTLED, once each, and nobody else. */
export async function paidOnce(road: Road, atRest: boolean): Promise<string[]> {
  if (!atRest) return [];
  const { rows } = await road.owner.query<{ status: string; to: Buffer }>(
    'SELECT status, recipient AS to FROM withdrawal',
  );
  const paid = paymentsOn(road);
  return rows.flatMap(({ status, to }) => {
    const times = paid.get(`0x${to.toString('hex')}`)?.length ?? 0;
    const due = status === 'COMPLETED' || status === 'RESETTLED' ? 1 : 0;
    return times === due ? [] : [`${status}, and paid ${times} times`];
  });
}

/** A cancel, an expiry and the step that would carry the withdrawal on. `hasty`: the cancel looks before it acts. */
function ending(stage: 'validate' | 'prepare' | 'sign', hasty = false): Race {
  const through = { validate: 0, prepare: 1, sign: 2 }[stage];
  const step = {
    validate: (on: Processes) => on.job('withdrawal.requested'),
    prepare: (on: Processes) => on.job('tx.prepare'),
    sign: (on: Processes) => on.sign(),
  }[stage];
  return {
    name: `${stage}, cancel and expiry`,
    kills: 0.2,
    async prepare(road) {
      const topics = ['withdrawal.requested', 'tx.prepare'].slice(0, through);
      await bring(road, await road.start(), topics, { expires: true });
      await road.owner.query(
        `UPDATE job SET run_at = now() - interval '1 second' WHERE topic = 'withdrawal.expire'`,
      );
      return null;
    },
    async steps(road, random) {
      const on = await road.start();
      const [id] = await ids(road);
      const before = random.chance(0.5);
      if (before) for (const text of AGED) await road.owner.query(text);
      return [
        road.step(stage, on, step),
        road.step(
          'cancel',
          on,
          (processes) => processes.service.cancel(road.tenantId, id!),
          (wires) => (hasty ? hastyCancel(wires) : wires),
        ),
        road.step('expire', on, (processes) => processes.job('withdrawal.expire')),
        ...(before ? [] : [road.statements('time', AGED)]),
      ];
    },
    judge: paidOnce,
  };
}

/** What the chain went through until now: the bytes that were sent, and blocks. */
export async function toChain(road: Road, blocks: number): Promise<(chain: FakeChain) => void> {
  const { rows } = await road.owner.query<{ raw: Buffer }>(
    'SELECT raw FROM signature ORDER BY signature_request_id',
  );
  return (chain) => {
    for (const { raw } of rows) chain.take(raw);
    chain.mine(blocks);
  };
}

export const walk = async (on: Processes) => {
  while (await on.observe());
};

const walkAndReverse = async (on: Processes) => {
  await walk(on);
  await on.job('withdrawal.orphaned');
};

/**
 * A settle and the reorg of the block that it settles on. `depth`: blocks that are taken back. Nothing is
 * COMPLETED but at a moment when its block is canonical at its level and the chain is not halted; and once
 * the tracker has seen a reorg and its reversals are done, what is COMPLETED is paid on the node's chain, or
 * the chain is halted: a reorg below finalized is not followed.
 */
function settling(tier: 'safe' | 'finalized', depth: number, careless = false): Race {
  const blocks = tier === 'safe' ? 4 : 7;
  const topic = tier === 'safe' ? 'withdrawal.settle' : 'withdrawal.final';
  return {
    name: `settle at ${tier} and a reorg of ${depth}`,
    ...(careless ? { stretches: 1 } : { kills: 0.1 }),
    async prepare(road) {
      const on = await road.start();
      const amount = tier === 'safe' ? '5' : '2000';
      await bring(road, on, ['withdrawal.requested', 'tx.prepare'], { amount });
      await on.sign();
      await on.collect();
      road.chain.mine(blocks);
      await walk(on);
      return toChain(road, blocks);
    },
    async steps(road, random) {
      const on = await road.start();
      const reorg = () => road.chain.reorg(depth, { toPool: false, blocks: depth + 1 });
      // It has happened, or it happens among the steps, of which most have looked by then.
      const before = careless || random.chance(0.6);
      if (before) reorg();
      return [
        road.step(
          'settle',
          on,
          (processes) => processes.job(topic),
          (wires) => (careless ? looseHead(wires) : wires),
        ),
        ...(before ? [] : [road.event('chain', 'reorg', reorg)]),
        road.step('observe', on, walkAndReverse),
        // A whole reversal has to fall between two statements of a careless settle: the fewer meet, the sooner.
        ...(careless ? [] : [road.step('look again', on, walkAndReverse)]),
      ];
    },
    watch(road) {
      let halted = false;
      let completed = 0n;
      return async (found) => {
        const now = await completedAndHalted(road);
        if (halted && now.completed > completed) found.push('COMPLETED on a halted chain');
        ({ halted, completed } = now);
      };
    },
    async judge(road, atRest) {
      if (atRest) return paidOnce(road, atRest);
      // By now whoever walked the chain has lost its lease, and another sees what it did not.
      await road.clock.elapse(20_000);
      const on = await road.start();
      await walkAndReverse(on);
      const { completed, halted } = await completedAndHalted(road);
      const paid = BigInt(paymentsOn(road).size);
      return completed > paid && !halted
        ? [`${completed} COMPLETED, ${paid} paid on the chain, and it is not halted`]
        : [];
    },
  };
}

async function completedAndHalted(road: Road): Promise<{ completed: bigint; halted: boolean }> {
  const { rows } = await road.owner.query<{ completed: bigint; halted: boolean }>({
    name: 'completed and halted',
    text: `SELECT (SELECT count(*) FROM withdrawal WHERE status = 'COMPLETED') AS completed,
      (SELECT halted_reason IS NOT NULL FROM chain_head) AS halted`,
  });
  return rows[0]!;
}

/** Leases of jobs run out under those who hold them. */
const JOBS_FREE = [`UPDATE job SET lease_until = now() - interval '1 second'`];

/** Two workers give slots on the same lanes; of the lease of the one the time is over, or it has lost it. */
function preparing(lease: 'shared' | 'lost'): Race {
  return {
    name: `two workers prepare, the lease is ${lease}`,
    kills: 0.2,
    async prepare(road) {
      await bring(road, await road.start(), ['withdrawal.requested'], { count: 3 });
      return null;
    },
    async steps(road, random) {
      // Who starts second has taken the lanes over, and the first one does not know.
      const first = await road.start();
      if (lease === 'lost') await road.owner.query('UPDATE lane SET lease_until = now()');
      const second = lease === 'lost' ? await road.start() : first;
      // One of them is due only later, so that both may have some.
      await road.owner.query(
        `UPDATE job SET run_at = now() + interval '1 hour' WHERE subject_id IN (SELECT max(subject_id::text)::uuid FROM job)`,
      );
      const due = `UPDATE job SET run_at = now() - interval '1 second'`;
      const prepare = (on: Processes) => on.job('tx.prepare');
      return [
        road.step('first', first, prepare),
        road.step('second', second, prepare),
        road.statements('time', random.chance(0.7) ? [due] : [due, ...JOBS_FREE]),
      ];
    },
    async judge(road, atRest) {
      const { rows } = await road.owner.query<{ tx_id: string }>(
        `SELECT tx_id FROM signature_request WHERE kind = 'effect' GROUP BY tx_id HAVING count(*) > 1`,
      );
      const twice = rows.map(({ tx_id }) => `tx ${tx_id} has two slots`);
      return [...twice, ...(await paidOnce(road, atRest))];
    },
  };
}

/** Two signers, one of which takes over what the other has claimed, and two that collect. */
function signing(): Race {
  return {
    name: 'two sign and two collect',
    kills: 0.3,
    async prepare(road) {
      await bring(road, await road.start(), ['withdrawal.requested', 'tx.prepare'], { count: 2 });
      return null;
    },
    async steps(road) {
      const [one, other] = [await road.start(), await road.start()];
      return [
        road.step('sign', one, (on) => on.sign()),
        road.step('take over', other, async (on) => {
          await on.takeOver();
          await on.takeOver();
        }),
        road.statements('time', [
          `UPDATE signature_request SET claimed_at = claimed_at - interval '31 seconds'`,
        ]),
        road.step('collect', one, (on) => on.collect()),
        road.step('collect too', other, (on) => on.collect()),
      ];
    },
    judge: paidOnce,
  };
}

/** Two workers send the same bytes, while the chain takes them into a block and the tracker sees it. */
function sending(): Race {
  return {
    name: 'two send, and the tracker sees it',
    kills: 0.2,
    async prepare(road) {
      const on = await road.start();
      await bring(road, on, ['withdrawal.requested', 'tx.prepare'], { count: 2 });
      await on.sign();
      return null;
    },
    async steps(road) {
      const [one, other] = [await road.start(), await road.start()];
      // What one has stored and not sent, another that begins meanwhile takes for a dead worker's.
      const sendAgain = async (on: Processes) => {
        await on.resend();
        await on.job('tx.send');
      };
      return [
        road.step('collect', one, (on) => on.collect()),
        road.step('send too', other, sendAgain),
        road.statements('time', JOBS_FREE),
        road.event('chain', 'mine', () => road.chain.mine(1)),
        road.step('observe', one, walk),
      ];
    },
    judge: paidOnce,
  };
}

export const ENDINGS: readonly Race[] = [ending('validate'), ending('prepare'), ending('sign')];
export const SETTLINGS: readonly Race[] = [
  ...[settling('safe', 4), settling('safe', 3), settling('finalized', 7), settling('finalized', 4)],
];
export const WORKERS: readonly Race[] = [
  ...[preparing('shared'), preparing('lost'), signing(), sending()],
];
/** With a fault planted: these must be found broken. */
export const PLANTED: readonly Race[] = [ending('sign', true), settling('safe', 4, true)];
