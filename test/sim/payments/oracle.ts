import type { Hex } from '../../../src/base/kernel/index.ts';
import { brokenLaws } from '../../support/steps/laws.ts';
import type { Road } from '../../support/steps/road.ts';
import { givenBackOn, isFailure, type Paying, usesOn } from '../../support/x402/paying.ts';
import type { Ask } from './script.ts';

/** What a merchant was told, and when. */
export type Told = {
  ask: Ask;
  group: number;
  body: Readonly<Record<string, unknown>>;
  /** Moments of the life in which it was asked and told. */
  from: number;
  to: number;
  /** It was told, and that is written down. */
  consumed: boolean;
};

/**
 * What was told against the chain as it is at that moment, when nothing else goes on: paid is on the chain; what is on it
 * by our own transaction, or waits in the pool, is not told as refused.
 */
export function judgeAtOnce(
  road: Road,
  {
    paying,
    unseen,
    told,
  }: {
    paying: readonly Paying[];
    /** Was on it when somebody looked last. */
    unseen: ReadonlySet<Hex>;
    told: Told;
  },
): string[] {
  const uses = usesOn(road);
  const mine = paying.filter(({ group }) => group === told.group);
  const used = mine.flatMap(({ nonce }) => uses.get(nonce) ?? []);
  const { body, ask } = told;
  const what = `${ask.question} of ${ask.n} was told ${JSON.stringify(body)}`;
  const txHash = body['transaction'] as Hex;
  const shown = used.some(({ hash }) => hash === txHash) || unseen.has(txHash);
  if (body['success'] === true && !shown) {
    return [`${what}, and the chain does not have it`];
  }
  if (body['isValid'] === true && used.length > 0) return [`${what}, and it is paid`];
  if (!isFailure(told)) return [];
  if (used.some(({ byUs }) => byUs)) return [`${what}, and it is paid`];
  const waiting = mine.filter(({ nonce }) => isWaiting(road, nonce));
  return waiting.length > 0 ? [`${what}, and it is on its way`] : [];
}

/** A transaction of ours that would still take it is in the pool. */
function isWaiting({ chain, settings }: Road, nonce: Hex): boolean {
  return settings.lanes.some(({ address }) => {
    const next = chain.world.nonce(address, chain.height);
    for (let n = next; n < next + 16n; n += 1n) {
      const tx = chain.pool.holder(address, n);
      if (tx?.data.includes(nonce.slice(2)) === true) return true;
    }
    return false;
  });
}

type Row = { id: string; nonce: Hex; status: string; refunded: bigint; delivered: boolean };

/** Everything at rest: the chain, what was told, the rows and the ledger say the same. */
export async function judgeInTheEnd(
  road: Road,
  paying: readonly Paying[],
  told: readonly Told[],
): Promise<string[]> {
  const { rows } = await road.owner.query<Row>({
    name: 'payments in the end',
    text: `SELECT payment_id AS id, '0x' || encode(nonce, 'hex') AS nonce, status, refunded,
        delivered_at IS NOT NULL AS delivered FROM payment`,
  });
  const rowOf = new Map(rows.map((row) => [row.nonce, row]));
  const uses = usesOn(road);
  const broken: string[] = [];
  for (const group of new Set(paying.map((one) => one.group))) {
    const mine = paying.filter((one) => one.group === group);
    const used = mine.flatMap(({ nonce }) => uses.get(nonce) ?? []);
    const ours = used.filter(({ byUs }) => byUs);
    if (ours.length > 1) broken.push(`payment ${group} was paid by us ${ours.length} times`);
    const asked = told.filter((one) => one.group === group);
    const consumed = asked.filter((one) => one.consumed && one.body['success'] === true);
    if (consumed.length > 1) broken.push(`payment ${group} was consumed ${consumed.length} times`);
    broken.push(...falseNoes(group, asked, ours.length > 0));
    broken.push(
      ...mine.flatMap((one) => misfit(one, rowOf.get(one.nonce), uses.get(one.nonce) ?? [])),
    );
  }
  broken.push(...(await judgeMoney(road, paying, uses)));
  return [...broken, ...(await brokenLaws(road, true))];
}

/** Told as failed, never asked to be settled again, and paid by us all the same. */
function falseNoes(group: number, asked: readonly Told[], paid: boolean): string[] {
  if (!paid) return [];
  return asked
    .filter((no) => no.ask.question === 'settle' && isFailure(no))
    .filter(
      (no) =>
        !asked.some(({ ask, to }) => ask.question === 'settle' && to > no.from && to !== no.to),
    )
    .map(({ body }) => `payment ${group} was told ${JSON.stringify(body)} at last, and is paid`);
}

const PAID = new Set(['SETTLED', 'RESETTLED', 'REFUND_PENDING', 'REFUNDED']);
const UNPAID = new Set(['CHAIN_FAILED', 'EXPIRED']);

function misfit(one: Paying, row: Row | undefined, used: readonly { byUs: boolean }[]): string[] {
  if (row === undefined) return used.some(({ byUs }) => byUs) ? ['paid without a row'] : [];
  const { status, refunded } = row;
  const wrong =
    (PAID.has(status) && used.length === 0) ||
    (UNPAID.has(status) && used.some(({ byUs }) => byUs)) ||
    (!PAID.has(status) && !UNPAID.has(status) && used.some(({ byUs }) => byUs)) ||
    refunded > one.amount ||
    (refunded > 0n && !PAID.has(status));
  return wrong ? [`${status}, taken ${used.length} times, ${refunded} given back`] : [];
}

/** What the merchant has is what came in for it less what went back, and what went back is what its refunds say. */
async function judgeMoney(
  road: Road,
  paying: readonly Paying[],
  uses: ReadonlyMap<Hex, unknown[]>,
): Promise<string[]> {
  const { rows } = await road.owner.query<{ nonce: Hex; back: bigint }>({
    name: 'refunds in the end',
    text: `SELECT '0x' || encode(p.nonce, 'hex') AS nonce, coalesce(sum(r.amount)
        FILTER (WHERE r.status = 'PAID'), 0)::numeric AS back
      FROM payment p LEFT JOIN refund r USING (payment_id) WHERE p.status IN ('SETTLED', 'RESETTLED', 'REFUND_PENDING', 'REFUNDED')
      GROUP BY p.payment_id`,
  });
  const backOf = new Map(rows.map(({ nonce, back }) => [nonce, back]));
  const given = givenBackOn(road);
  const broken: string[] = [];
  let earned = 0n;
  for (const payer of new Set(paying.map((one) => one.payer))) {
    const mine = paying.filter((one) => one.payer === payer && backOf.has(one.nonce));
    const back = mine.reduce((sum, { nonce }) => sum + backOf.get(nonce)!, 0n);
    const came = mine
      .filter(({ nonce, custodial }) => custodial && uses.has(nonce))
      .reduce((sum, { amount }) => sum + amount, 0n);
    earned += came - back;
    if ((given.get(payer) ?? 0n) !== back) {
      broken.push(`${given.get(payer) ?? 0n} went back to ${payer}, and its refunds are ${back}`);
    }
  }
  const { rows: has } = await road.owner.query<{ sum: bigint }>({
    name: 'a merchant in the end',
    text: `SELECT coalesce(sum(balance), 0)::numeric AS sum FROM ledger_account
      WHERE kind = 'available' AND owner = 'merchant:shop'`,
  });
  if (has[0]!.sum !== earned) broken.push(`the merchant has ${has[0]!.sum}, and earned ${earned}`);
  return broken;
}
