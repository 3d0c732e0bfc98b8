import type { Processes } from '../support/steps/processes.ts';
import type { Race } from './race.ts';
import { bring, ids, paidOnce, toChain, walk } from './races.ts';

const GWEI = 10n ** 9n;

/**
 * A transaction that blocks have passed over: two processes let it bid more, its client cancels it or wants it
 * quicker, its filler is ordered, and the chain takes what is in the pool while the tracker looks and gas is booked.
 */
function replacing(asked: 'cancel' | 'speed-up'): Race {
  return {
    name: `two bid more, a ${asked}, and a block`,
    kills: 0.2,
    async prepare(road) {
      const on = await road.start();
      await bring(road, on, ['withdrawal.requested', 'tx.prepare'], {});
      await on.sign();
      await on.collect();
      const replay = await toChain(road, 0);
      road.chain.setBaseFee(9n * GWEI);
      await road.clock.elapse(31_000);
      road.chain.mine(1);
      await on.leases.renew();
      await walk(on);
      return (chain) => {
        replay(chain);
        chain.setBaseFee(9n * GWEI);
        chain.mine(1);
      };
    },
    async steps(road, random) {
      const one = await road.start();
      const [id] = await ids(road);
      const wish = { idempotencyKey: 'faster', body: {}, correlationId: 'faster' };
      const ask = (on: Processes) =>
        asked === 'cancel'
          ? on.service.cancel(road.tenantId, id!)
          : on.service.speedUp(road.tenantId, id!, wish);
      // Fees fall, and the block takes what is there: the first bid, or whatever came after it.
      const block = () => {
        road.chain.setBaseFee(GWEI);
        road.chain.mine(random.pick([1, 7]));
      };
      return [
        road.step('replace', one, (on) => on.replace()),
        road.step('replace too', one, (on) => on.replace()),
        road.step(asked, one, ask),
        road.step('fill', one, (on) => on.job('tx.fill')),
        road.event('chain', 'mine', block),
        road.step('observe', one, walk),
        road.step('gas', one, (on) => on.job('tx.gas')),
      ];
    },
    judge: paidOnce,
  };
}

export const REPLACING: readonly Race[] = [replacing('cancel'), replacing('speed-up')];
