import type { ChainPort, GasEstimate } from '../../../base/chain/index.ts';
import { effectOf, unpackAuthorization } from '../../../base/effect/index.ts';
import { type Address, type Hex, Transient } from '../../../base/kernel/index.ts';
import type { TxRow } from '../../../books/tx/index.ts';
import { judgeAnswer } from './decide-answer.ts';
import type { TransferGas } from './transfer-gas.ts';

type Transfer = {
  tx: Pick<TxRow, 'asset' | 'token' | 'recipient' | 'amount'> & { payerAuthorization?: Hex | null };
  from: Address;
};

/**
 * Gas units for each transfer, or why there are none; null where the node can not be asked. A call with the gas that
 * such transfers took of late tells whether that is enough, for a quarter of an estimate's price; those that
 * it is not enough for are estimated.
 */
export async function simulateTransfers(
  port: ChainPort,
  memory: TransferGas,
  transfers: readonly Transfer[],
): Promise<GasEstimate[] | null> {
  try {
    const known = await callAll(
      port,
      transfers.map((transfer) => ({ ...transfer, gas: memory.recall(callKind(transfer.tx)) })),
    );
    const open = transfers.filter((_, index) => known[index] === null);
    const estimates = await estimateAll(port, memory, open);
    return known.map((answer) => answer ?? estimates.shift()!);
  } catch (error) {
    if (error instanceof Transient) return null;
    throw error;
  }
}

async function estimateAll(
  port: ChainPort,
  memory: TransferGas,
  transfers: readonly Transfer[],
): Promise<GasEstimate[]> {
  if (transfers.length === 0) return [];
  const estimates = await port.estimateGas(transfers.map(callOf));
  // No estimate shows what a token answered.
  const answers = await callAll(
    port,
    transfers.map((transfer, index) => {
      const estimate = estimates[index]!;
      const answers = transfer.tx.token !== null && !transfer.tx.payerAuthorization;
      return { ...transfer, gas: estimate.ok && answers ? estimate.gas : null };
    }),
  );
  return transfers.map(({ tx }, index) => {
    const judged = answers[index] ?? estimates[index]!;
    if (judged.ok) memory.remember({ ...tx, asset: callKind(tx) }, judged.gas);
    return judged;
  });
}

/** What is remembered together: calls of an asset that cost alike. */
function callKind({ asset, payerAuthorization }: Transfer['tx']): string {
  return payerAuthorization ? `${asset} ${unpackAuthorization(payerAuthorization).method}` : asset;
}

/** Null for what has no gas to be called with, and where the call failed. */
async function callAll(
  port: ChainPort,
  transfers: readonly (Transfer & { gas: bigint | null })[],
): Promise<(GasEstimate | null)[]> {
  const known = transfers.flatMap(({ gas, ...transfer }) =>
    gas === null ? [] : [{ tx: transfer.tx, call: { ...callOf(transfer), gas } }],
  );
  const calls = known.flatMap(({ tx, call }) => (isOpen(tx) ? [] : [call]));
  const open = known.flatMap(({ tx, call: { to, data, gas } }) =>
    isOpen(tx) ? [{ to, data, gas }] : [],
  );
  const [answers, passed] = await Promise.all([
    calls.length === 0 ? [] : port.simulate(calls),
    open.length === 0 ? [] : port.passes(open),
  ]);
  return transfers.map(({ gas, tx }) => {
    if (gas === null) return null;
    if (isOpen(tx)) return passed.shift() ? { ok: true, gas } : null;
    return judgeAnswer(answers.shift()!, tx.payerAuthorization ? null : tx.token, gas);
  });
}

/**
 * What its payer signed for nobody in particular goes through whoever calls, and answers nothing: many are tried in one
 * call.
 */
function isOpen({ payerAuthorization }: Transfer['tx']): boolean {
  return Boolean(payerAuthorization) && unpackAuthorization(payerAuthorization!).ceiling === null;
}

function callOf({ tx, from }: Transfer) {
  return { from, ...effectOf(tx) };
}
