import { describe, expect, it } from 'vitest';
import { testDatabases } from '../../support/postgres.ts';
import { blindToPayments, type Plant, toldToAll } from '../../support/steps/plants.ts';
import { Road } from '../../support/steps/road.ts';
import { openShop, PURSE } from '../../support/x402/paying.ts';
import { livePayments } from './life.ts';
import type { Action, Script } from './script.ts';

const settle: Action = { do: 'ask', ask: { question: 'settle', n: 0, delivered: true } };
const SCRIPT: Script = {
  ...{ seed: 1, ruled: false },
  orders: [{ payer: 0, amount: PURSE, custodial: true, again: null }],
  actions: [settle, { do: 'work', passes: 5 }, { do: 'mine', blocks: 1 }, settle, settle],
};
const PLANTED: [string, Plant, string | null][] = [
  ['well', (wires) => wires, null],
  ['with a payment told as refused that is paid', blindToPayments, 'and it is paid'],
  ['with a success told to two', toldToAll, 'was consumed 2 times'],
];

describe('the simulation of payments', () => {
  it.each(PLANTED)('finds a life that goes %s', { timeout: 120_000 }, async (_, bend, fault) => {
    const databases = await testDatabases();
    const road = await Road.open(databases, { warm: true, endings: 'roll back', bend });
    try {
      const broken = await livePayments(road, await openShop(road), SCRIPT);
      if (fault === null) expect(broken).toEqual([]);
      else expect(broken.join('\n')).toContain(fault);
    } finally {
      await road.close();
      await databases.drop();
    }
  });

  it('gives back what a payment took from the windows that ran out of time', {
    timeout: 120_000,
  }, async () => {
    const databases = await testDatabases();
    const road = await Road.open(databases, { warm: true, endings: 'roll back' });
    try {
      const actions: Action[] = [settle, { do: 'expire' }, { do: 'work', passes: 3 }];
      const script = { ...SCRIPT, ruled: true, actions };
      expect(await livePayments(road, await openShop(road), script)).toEqual([]);
      const { rows } = await road.owner.query(
        `SELECT p.status, c.released_at IS NOT NULL AS released FROM payment p
         JOIN policy_charge c ON c.subject_id = p.payment_id`,
      );
      expect(rows).toEqual([{ status: 'EXPIRED', released: true }]);
    } finally {
      await road.close();
      await databases.drop();
    }
  });
});
