import { advance, inTransaction, type Sql } from '../../../base/db/index.ts';
import {
  ERRORS,
  type ErrorCode,
  isRefusal,
  type Refusal,
  refuse,
  Transient,
  WITHDRAWAL,
  type WithdrawalState,
} from '../../../base/kernel/index.ts';
import { commitTransfer, reverseTransfer, type Transfer } from '../../../books/ledger/index.ts';
import { holdWindows } from '../../../books/policy/index.ts';
import {
  endForeignPayment,
  lockHeads,
  readForeignPayment,
  readSettled,
  readTxsOfOwners,
  replacedBy,
  setWaiting,
  type TxRow,
  type UsedSlot,
} from '../../../books/tx/index.ts';
import type { WithdrawalContext } from '../context.ts';
import { ledgerOrderOf, readSteps, type StepRow } from '../rows.ts';
import { givenBack } from '../transfers.ts';

type Decision = 'commit' | 'release' | 'reverse';

const MOVES: Record<Decision, Partial<Record<WithdrawalState, WithdrawalState>>> = {
  commit: { EXECUTING: 'COMPLETED', REVERSED: 'RESETTLED' },
  release: { EXECUTING: 'FAILED', REVERSED: 'FAILED' },
  reverse: { COMPLETED: 'REVERSED', RESETTLED: 'REVERSED' },
};

type Plan = {
  row: StepRow;
  tx: TxRow;
  /** What used its nonce for good and is not ours, where that seems to have paid it. */
  foreign: UsedSlot | null;
  to: WithdrawalState;
  transfers: Transfer[];
};

/**
 * What two persons may decide about a withdrawal whose transaction is final on the chain and not what was wanted, or
 * whose nonce a transaction used for good that is not ours and seems to pay it: commit (it counts as paid), release
 * (the customer was not paid), reverse (a commit of the first was wrong). While the end is not final, or is what was
 * wanted, nobody decides but the chain.
 */
export class WithdrawalResolver {
  readonly #context: Pick<WithdrawalContext, 'db' | 'ledger'>;

  constructor(context: Pick<WithdrawalContext, 'db' | 'ledger'>) {
    this.#context = context;
  }

  /** Why it can not be decided so now; null: it can. */
  async judge(id: string, decision: Decision): Promise<Refusal | null> {
    const plan = await this.#plan(id, decision);
    return isRefusal(plan) ? plan : this.#judgeChain(this.#context.db, plan);
  }

  /**
   * Decides, in one transaction of which `finish` is the last part. A refusal changes nothing; Transient when
   * it moved meanwhile. A crash leaves everything or nothing.
   */
  async resolve(
    id: string,
    decision: Decision,
    finish: (sql: Sql, transferIds: string[]) => Promise<void>,
  ): Promise<Refusal | null> {
    const { db, ledger } = this.#context;
    const plan = await this.#plan(id, decision);
    if (isRefusal(plan)) return plan;
    const { row, tx, foreign, to, transfers } = plan;
    await ledger.open(transfers);
    return inTransaction(db, async (sql) => {
      const windows = await holdWindows(sql, to === 'FAILED' ? [id] : []);
      await ledger.lock(sql, transfers);
      await lockHeads(sql, [tx.chainId], 'share');
      const refusal = await this.#judgeChain(sql, plan);
      if (refusal !== null) return refusal;
      const failed = to === 'FAILED';
      const moved = await advance(sql, WITHDRAWAL, [{ id, from: row.status, to }], {
        generation: { type: 'int', values: [transfers[0]!.generation] },
        failure_code: { type: 'text', values: [failed ? failureOf(plan).code : null] },
        failure_message: { type: 'text', values: [failed ? failureOf(plan).message : null] },
        completed_at: { type: 'timestamptz', values: [failed ? null : 'now'] },
      });
      if (!moved.has(id)) throw new Transient(`withdrawal ${id} moved while it was decided about`);
      if (foreign !== null && !(await endForeignPayment(sql, foreign, decision === 'commit'))) {
        throw new Transient(`tx ${tx.txId} ended while it was decided about`);
      }
      await setWaiting(sql, [
        { txId: tx.txId, reason: decision === 'reverse' ? 'effect_mismatch' : null, detail: null },
      ]);
      await windows.giveBack(sql, new Set([id]));
      await finish(sql, await ledger.post(sql, transfers));
      return null;
    });
  }

  /** Whether its reserve is still to be resolved. */
  async isUnderWay(sql: Sql, id: string): Promise<boolean> {
    const [row] = await readSteps(sql, [id]);
    return row?.status === 'EXECUTING' || row?.status === 'REVERSED';
  }

  async #plan(id: string, decision: Decision): Promise<Plan | Refusal> {
    const [row] = await readSteps(this.#context.db, [id]);
    const tx = (await readTxsOfOwners(this.#context.db, [id])).get(id);
    const to = row === undefined ? undefined : MOVES[decision][row.status];
    if (row === undefined || tx === undefined || to === undefined) {
      const from = Object.keys(MOVES[decision]).join(' or ');
      return no(
        `${decision} is for a withdrawal that is ${from}; this one is ${row?.status ?? 'none'}.`,
      );
    }
    const foreign = await readForeignPayment(this.#context.db, tx.txId);
    return { row, tx, foreign, to, transfers: transfersOf(decision, row, tx) };
  }

  async #judgeChain(sql: Sql, { tx, foreign }: Plan): Promise<Refusal | null> {
    const settled = await readSettled(sql, [tx.txId]);
    const shown = settled.levels.get(tx.txId);
    if (settled.halted.size > 0)
      return no('The chain is halted: what it shows is not to be trusted.');
    if (foreign !== null) {
      const now = await readForeignPayment(sql, tx.txId);
      return now?.blockHash === foreign.blockHash && now.txHash === foreign.txHash
        ? null
        : no('What used its nonce is not final on the chain now, or was decided about.');
    }
    if (shown?.level !== 'finalized') return no('Its transaction is not final on the chain now.');
    return shown.paid ? no('The chain shows the payment: it settles by itself.') : null;
  }
}

function failureOf({ foreign }: Plan): { code: ErrorCode; message: string } {
  return foreign === null
    ? { code: 'effect_mismatch', message: ERRORS.effect_mismatch.title }
    : { code: 'replaced', message: replacedBy(foreign.txHash) };
}

const no = (detail: string) => refuse('break_not_resolvable', detail);

function transfersOf(decision: Decision, row: StepRow, tx: TxRow): Transfer[] {
  const order = ledgerOrderOf(row);
  switch (decision) {
    case 'commit':
      return [commitTransfer(order)];
    case 'release':
      return givenBack(row, tx);
    case 'reverse':
      return [reverseTransfer({ ...order, generation: row.generation + 1 })];
  }
}
