import { inTransaction } from '../../base/db/index.ts';
import { caip19 } from '../../base/kernel/index.ts';
import { type Handler, Loop } from '../../base/queue/index.ts';
import {
  collectSignatures,
  enqueueResends,
  readLanes,
  resumeLanes,
  TX_TOPICS,
} from '../../books/tx/index.ts';
import type { BroadcasterContext } from './context.ts';
import { fillStep } from './fill.ts';
import { roomToPrepare } from './observe.ts';
import { prepareStep } from './prepare.ts';
import { sendFresh, sendStep } from './send.ts';

const BATCH = 1_000;
/** Network troubles: seconds; what is unknown is sent again for a day before a person is asked. */
const SCALE = { baseMs: 1_000, capMs: 15_000, limit: 12_000 };

export function broadcasterHandlers(context: BroadcasterContext): Handler[] {
  return [
    {
      topic: TX_TOPICS.prepare,
      batch: async () => Math.min(BATCH, await roomToPrepare(context)),
      backoff: { baseMs: 500, capMs: 5_000, limit: 1_000 },
      run: (claimed) => prepareStep(context, claimed),
    },
    {
      topic: TX_TOPICS.fill,
      batch: BATCH,
      backoff: SCALE,
      run: (claimed) => fillStep(context, claimed),
    },
    {
      topic: TX_TOPICS.send,
      batch: BATCH,
      backoff: SCALE,
      run: (claimed) => sendStep(context, claimed),
    },
  ];
}

/** Takes in what the signer gave, and sends it; woken by its notification, polling behind it. */
export function collectLoop(context: BroadcasterContext): Loop {
  return new Loop({
    name: 'collect',
    idleMs: 3_000,
    clock: context.clock,
    log: context.log,
    round: async () => {
      const { taken, attempts } = await inTransaction(context.db, (sql) =>
        collectSignatures(sql, BATCH),
      );
      await sendFresh(context, attempts);
      return taken > 0;
    },
  });
}

/** Longer than it takes to send what was just collected. */
const UNSENT_MS = 3_000;

/**
 * Sends again what the chain has not taken, and opens lanes that were short of funds and have them again. The first
 * round takes all that was never sent: a worker that died had it in hand.
 */
export function resendLoop(context: BroadcasterContext): Loop {
  let unsentMs = 0;
  return new Loop({
    name: 'resend',
    idleMs: 2_000,
    clock: context.clock,
    log: context.log,
    round: async () => {
      let again = 0;
      for (const [chainId, { settings }] of context.chains) {
        const due = { olderThanMs: settings.resendAfterMs, unsentMs };
        again += await inTransaction(context.db, (sql) => enqueueResends(sql, chainId, due, BATCH));
      }
      if (again < BATCH && context.chains.size > 0) unsentMs = UNSENT_MS;
      if (again > 0) context.log.info({ attempts: again }, 'sending the same bytes again');
      await reopenFunded(context);
      return again >= BATCH;
    },
  });
}

/** A node refused a send for lack of funds; once the chain shows more than the gas of one transfer, go on. */
async function reopenFunded(context: BroadcasterContext): Promise<void> {
  const paused = (await readLanes(context.db)).filter((lane) => lane.pausedReason === 'funds');
  for (const lane of paused) {
    const chain = context.chains.get(lane.chainId);
    if (chain === undefined) continue;
    const [balance] = await chain.port.balances([lane.address], 'latest');
    const enough = chain.settings.fees.maxFeePerGas * 100_000n;
    if ((balance ?? 0n) < enough) continue;
    await resumeLanes(context.db, [lane.laneId], ['funds']);
    context.log.info(
      { lane: lane.laneId, asset: caip19(lane.chainId, null) },
      'the lane has funds again',
    );
  }
}
