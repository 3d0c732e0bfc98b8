import type { Settings } from '../../../base/config/index.ts';
import type { Db } from '../../../base/db/index.ts';
import { isRefusal } from '../../../base/kernel/index.ts';
import {
  moveView,
  pauseLane,
  readProposals,
  readWallets,
  resumeLane,
  shownAmount,
  sweepLane,
} from '../../../hands/treasury/index.ts';
import type { Services } from '../../http/index.ts';
import { movesContext } from '../loops/checks.ts';

/** The wallets of a tenant for the API; another tenant's are not there. */
export function walletServices(db: Db, settings: Settings): Services['wallets'] {
  const find = async (tenantId: string, id: string) =>
    (await readWallets(db, settings, tenantId)).find((wallet) => wallet.id === id) ?? null;
  const change =
    (by: typeof pauseLane): Services['wallets']['pause'] =>
    async (tenantId, id, word) => {
      if ((await find(tenantId, id)) === null) return null;
      const changed = await by(db, { laneId: Number(id), ...word });
      return isRefusal(changed) ? changed : find(tenantId, id);
    };
  return {
    list: (tenantId) => readWallets(db, settings, tenantId),
    pause: change(pauseLane),
    resume: change(resumeLane),
    sweep: async (tenantId, id, by) => {
      if ((await find(tenantId, id)) === null) return null;
      const moves = await sweepLane(await movesContext(db, settings), Number(id), by);
      return moves === null || isRefusal(moves)
        ? moves
        : moves.map((move) => moveView(move, settings));
    },
    rebalancing: async (tenantId) => {
      const own = new Set((await readWallets(db, settings, tenantId)).map(({ id }) => id));
      const proposed = await readProposals(await movesContext(db, settings));
      return proposed
        .filter(({ from }) => own.has(String(from)))
        .map(({ from, to, ...amount }) => ({
          ...{ from: String(from), to: String(to), ...shownAmount(amount, settings) },
        }));
    },
  };
}
