import { parseAmount } from '../../src/base/kernel/index.ts';
import { brokenLaws } from '../support/steps/laws.ts';
import { paymentsOn, recipient } from '../support/steps/payments.ts';
import { ACCOUNTS, DEPOSIT, type Road } from '../support/steps/road.ts';
import type { Request } from './script.ts';
import { GIFT, THIEF } from './stranger.ts';

/** A request as its client knows it. */
export type Known = {
  n: number;
  request: Request;
  /** Every id that was told for its key. */
  ids: Set<string>;
  refused: boolean;
  cancels: number;
};

/** What befell the life: something reverted or was refused; somebody else used nonces of the lanes. */
type Allowed = { mayFail: boolean; mayBeReplaced: boolean };

/** `decided`: two persons said that what somebody else sent had paid it. */
type Row = { id: string; key: string; status: string; failure: string | null; decided: boolean };

const DECIMALS = { USDC: 6, ETH: 18 };
const FEES = { USDC: 500_000n, ETH: 500_000_000_000_000n };

/**
 * What may have left each account and arrived at each recipient, by plain arithmetic on what was asked for and
 * answered; it knows nothing of how the installation does it. Answers what is otherwise.
 */
export async function accountsOf(
  road: Road,
  known: readonly Known[],
  allowed: Allowed,
): Promise<string[]> {
  const { rows } = await road.owner.query<Row>({
    name: 'what became of them',
    text: `SELECT withdrawal_id AS id, idempotency_key AS key, status, failure_code AS failure,
        EXISTS (SELECT FROM reconciliation_break k JOIN break_action USING (break_id)
          WHERE k.owner_id = w.withdrawal_id AND action = 'commit') AS decided
      FROM withdrawal w`,
  });
  const paid = new Map(
    [...paymentsOn(road)].map(([to, amounts]) => [to, amounts.filter((one) => one !== GIFT)]),
  );
  const broken = await brokenLaws(road, true);
  const left = new Map<string, bigint>();
  for (const one of known.filter((item) => item !== undefined)) {
    const mine = rows.filter(({ key }) => key === `key-${one.n}`);
    broken.push(...judge(one, mine, allowed));
    const completed = mine.some(({ status }) => isPaid(status));
    const byUs = mine.some(({ status, decided }) => isPaid(status) && !decided);
    const amount = amountOf(one.request);
    const arrived = paid.get(recipient(one.n)) ?? [];
    const due = byUs ? [amount] : [];
    if (arrived.join() !== due.join()) {
      broken.push(`request ${one.n}: [${arrived}] arrived, and [${due}] was due`);
    }
    paid.delete(recipient(one.n));
    const purse = `${one.request.account} ${one.request.asset}`;
    if (completed) {
      left.set(purse, (left.get(purse) ?? 0n) + amount + FEES[one.request.asset]);
    }
  }
  paid.delete(THIEF);
  for (const [to, amounts] of paid) {
    if (amounts.length > 0) broken.push(`[${amounts}] arrived at ${to}, whom nobody named`);
  }
  return [...broken, ...(await balances(road, known, left))];
}

const isPaid = (status: string) => status === 'COMPLETED' || status === 'RESETTLED';

function amountOf({ amount, asset }: Request): bigint {
  const units = parseAmount(amount, DECIMALS[asset]);
  if (typeof units !== 'bigint') throw new Error(`${amount} ${asset}: ${units}`);
  return units;
}

/** One key is one withdrawal, and it ends as something that was done to it lets it end. */
function judge(one: Known, mine: readonly Row[], allowed: Allowed): string[] {
  const broken: string[] = [];
  if (mine.length > 1) broken.push(`request ${one.n} is ${mine.length} withdrawals`);
  const [row] = mine;
  const told = [...one.ids];
  if (told.some((id) => id !== row?.id)) {
    broken.push(`request ${one.n} was told ${told} and is ${row?.id}`);
  }
  if (row === undefined) return broken;
  const may =
    isPaid(row.status) ||
    (row.status === 'REJECTED' && row.failure === 'insufficient_balance') ||
    // Of what had settled before a reorg took it back the end is called FAILED.
    ((row.status === 'CANCELLED' ||
      (row.status === 'FAILED' && row.failure === 'cancelled_by_client')) &&
      one.cancels > 0) ||
    (row.status === 'EXPIRED' && one.request.expires) ||
    (row.status === 'FAILED' &&
      (allowed.mayFail || (allowed.mayBeReplaced && row.failure === 'replaced')));
  return may ? broken : [...broken, `request ${one.n} ended ${row.status} (${row.failure})`];
}

/** Each account has what was credited less what was paid for it; nothing is reserved any more. */
async function balances(
  road: Road,
  known: readonly Known[],
  left: ReadonlyMap<string, bigint>,
): Promise<string[]> {
  const { rows } = await road.owner.query<{ owner: string; asset: string; balance: bigint }>({
    name: 'what the accounts have',
    text: `SELECT owner, asset, balance FROM ledger_account WHERE kind = 'available'`,
  });
  const names = new Map(road.settings.assets.map(({ caip19, id }) => [caip19, id]));
  const have = new Map(rows.map((row) => [`${row.owner} ${names.get(row.asset)}`, row.balance]));
  return ACCOUNTS.flatMap((account) =>
    (['USDC', 'ETH'] as const).flatMap((asset) => {
      const purse = `${account} ${asset}`;
      const credited = amountOf({ account, asset, amount: DEPOSIT, expires: false });
      const rest = credited - (left.get(purse) ?? 0n);
      const asked = known
        .filter((one) => `${one?.request.account} ${one?.request.asset}` === purse)
        .reduce((sum, one) => sum + amountOf(one.request) + FEES[asset], 0n);
      const refused = known.some(
        (one) => `${one?.request.account} ${one?.request.asset}` === purse && one.refused,
      );
      return [
        ...(have.get(purse) === rest ? [] : [`${purse}: has ${have.get(purse)}, should ${rest}`]),
        ...(refused && asked <= credited ? [`${purse}: refused, and there was enough`] : []),
      ];
    }),
  );
}
