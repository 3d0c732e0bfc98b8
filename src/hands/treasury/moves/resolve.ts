import { type Db, inTransaction, type Sql } from '../../../base/db/index.ts';
import { isRefusal, type Refusal, refuse, Transient } from '../../../base/kernel/index.ts';
import type { Ledger } from '../../../books/ledger/index.ts';
import { lockHeads, readSettled, readTxsOfOwners, setWaiting } from '../../../books/tx/index.ts';
import { endMoves, readOpenMoves } from './rows.ts';
import { type Ending, transfersOf } from './settle.ts';

const OUTCOMES = { commit: 'arrived', release: 'unpaid' } as const;

/**
 * What two persons may decide about a top-up or sweep whose transaction is final on the chain and not what was wanted:
 * commit (it counts as arrived), release (it never left). What came of it otherwise is found by adopting the
 * wallets again. While its end is not final the chain decides.
 */
export class MoveResolver {
  readonly #context: { db: Db; ledger: Ledger };

  constructor(context: { db: Db; ledger: Ledger }) {
    this.#context = context;
  }

  /** Why it can not be decided so now; null: it can. */
  async judge(id: string, decision: string): Promise<Refusal | null> {
    const plan = await this.#plan(id, decision);
    return isRefusal(plan) ? plan : judgeChain(this.#context.db, plan);
  }

  /** Decides, in one transaction of which `finish` is the last part; a crash leaves everything or nothing. */
  async resolve(
    id: string,
    decision: string,
    finish: (sql: Sql, transferIds: string[]) => Promise<void>,
  ): Promise<Refusal | null> {
    const { db, ledger } = this.#context;
    const plan = await this.#plan(id, decision);
    if (isRefusal(plan)) return plan;
    const { tx, outcome, transfers } = plan;
    await ledger.open(transfers);
    return inTransaction(db, async (sql) => {
      await ledger.lock(sql, transfers);
      await lockHeads(sql, [tx.chainId], 'share');
      const refusal = await judgeChain(sql, plan);
      if (refusal !== null) return refusal;
      const ended = await endMoves(sql, [{ moveId: id, outcome }]);
      if (!ended.has(id)) throw new Transient(`move ${id} ended while it was decided about`);
      await setWaiting(sql, [{ txId: tx.txId, reason: null, detail: null }]);
      await finish(sql, await ledger.post(sql, transfers));
      return null;
    });
  }

  async isUnderWay(sql: Sql, id: string): Promise<boolean> {
    return (await readOpenMoves(sql, [id])).length > 0;
  }

  async #plan(id: string, decision: string): Promise<Ending | Refusal> {
    const [move] = await readOpenMoves(this.#context.db, [id]);
    const tx = (await readTxsOfOwners(this.#context.db, [id])).get(id);
    if (decision !== 'commit' && decision !== 'release') {
      return no('What was decided about funds between wallets is not taken back.');
    }
    if (move === undefined || tx === undefined) return no('It has ended.');
    const outcome = OUTCOMES[decision];
    return { move, tx, outcome, transfers: transfersOf(move, tx, outcome) };
  }
}

async function judgeChain(sql: Sql, { tx }: Ending): Promise<Refusal | null> {
  const settled = await readSettled(sql, [tx.txId]);
  const shown = settled.levels.get(tx.txId);
  if (settled.halted.size > 0)
    return no('The chain is halted: what it shows is not to be trusted.');
  if (shown?.level !== 'finalized') return no('Its transaction is not final on the chain now.');
  return shown.paid ? no('The chain shows that it arrived: it settles by itself.') : null;
}

const no = (detail: string) => refuse('break_not_resolvable', detail);
