import { type Clock, messageOf, randomToken } from '../../../base/kernel/index.ts';
import type { WithdrawalView } from '../../../roads/withdrawal/index.ts';
import { ApiProblem, followWithdrawal, isEnd, type Reader } from '../../cli/index.ts';

export const DEMO_ORDER = {
  account: 'alice',
  asset: 'USDC',
  amount: '12.50',
  to: '0x00000000000000000000000000000000000a11ce',
} as const;

// One deposit a state folder: the same key is the same deposit at every start.
const DEPOSIT = { account: 'alice', asset: 'USDC', amount: '1000', reference: 'npm-start-demo' };
const DEPOSIT_KEY = 'npm-start-demo-deposit';
const TIMEOUT_MS = 120_000;

type DemoContext = {
  client: Reader;
  clock: Clock;
  signal: AbortSignal;
  say(line: string): void;
};

/** One withdrawal over the real API, each stage told as it is reached. Never throws: it is a show. */
export async function runDemo({ client, clock, signal, say }: DemoContext): Promise<void> {
  try {
    const deposit = { path: '/v1/deposits', body: DEPOSIT, idempotencyKey: DEPOSIT_KEY, signal };
    await client.request({ method: 'POST', ...deposit });
    const { amount, asset, account, to } = DEMO_ORDER;
    say(`  one withdrawal: ${amount} ${asset} from ${account} to ${to}`);
    const begun = clock.monotonic();
    const made = await client.request<WithdrawalView>({
      method: 'POST',
      path: '/v1/withdrawals',
      body: DEMO_ORDER,
      idempotencyKey: `npm-start-demo-${randomToken()}`,
      signal,
    });
    const view = await followWithdrawal({
      client,
      id: made.body.id,
      clock,
      everyMs: 150,
      timeoutMs: TIMEOUT_MS,
      signal,
      onStage: (stage, seen) => {
        const seconds = ((clock.monotonic() - begun) / 1_000).toFixed(1).padStart(6);
        say(`  ${seconds} s  ${stage}${detailOf(stage, seen)}`);
      },
    });
    if (isEnd(view.status) || signal.aborted) return;
    const waiting = view.waiting === null ? '' : ` (waiting: ${view.waiting.reason})`;
    say(`! withdrawal ${view.id} is still ${view.status}${waiting} after ${TIMEOUT_MS / 1_000} s`);
  } catch (error) {
    if (signal.aborted) return;
    const spent = error instanceof ApiProblem && error.code === 'insufficient_balance';
    say(
      spent
        ? '  alice has spent her 1,000 USDC: no withdrawal is shown (npm start -- --fresh begins anew)'
        : `! the demonstration did not go through: ${messageOf(error)}`,
    );
  }
}

function detailOf(stage: string, view: WithdrawalView): string {
  if (stage === 'RESERVED') return `  ${view.id}`;
  if (stage === 'SIGNED' && view.nonceKey !== null) return `  nonce ${view.nonceKey}`;
  if (stage === 'BROADCASTED' && view.txHash !== null) return `  ${view.txHash}`;
  if (stage === 'INCLUDED' && view.confirmation.blockNumber !== null) {
    return `  block ${view.confirmation.blockNumber}`;
  }
  if (stage === 'COMPLETED') return '  committed in the ledger';
  return view.failure === null ? '' : `  ${view.failure.code}: ${view.failure.message}`;
}
