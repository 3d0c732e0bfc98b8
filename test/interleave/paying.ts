import { randomUUID } from 'node:crypto';
import { isRefusal } from '../../src/base/kernel/index.ts';
import type { Merchant } from '../../src/books/access/index.ts';
import { blindToPayments } from '../support/steps/plants.ts';
import type { Processes } from '../support/steps/processes.ts';
import type { Road } from '../support/steps/road.ts';
import {
  givenBackOn,
  isFailure,
  type Order,
  openShop,
  type Paying,
  PURSE,
  signOne,
  usesOn,
} from '../support/x402/paying.ts';
import { required } from '../support/x402/priced.ts';
import type { Upstream } from '../support/x402/upstream.ts';
import type { Race } from './race.ts';
import {
  before,
  collect,
  elapse,
  gas,
  given,
  job,
  mine,
  observe,
  prepare,
  type Scenario,
  sign,
  type Tried,
  tried,
  validate,
} from './scenarios.ts';

type Parts = {
  merchant: Merchant;
  upstream: Upstream;
  /** The steps that a payment shares with every withdrawal, too; else only its own. */
  shared: boolean;
};
const again = (step: string, run: Tried['run']): Tried => ({ ...tried(step, run), again: true });
const PATH = '/report';
/** By the machine's own clock, which may be slow; over, with its margin, before the looks after 21 s. */
const UPSTREAM_MS = 14_000;
/** Of all that its payer has. */
const CHARGE = 4_000_000n;

/** What x402 payments go through, each with its steps in their order; one payer, who has enough for one payment. */
export function payingScenarios({ merchant, upstream, shared }: Parts): Scenario[] {
  let paying: Paying;
  const signedBy = (more: Pick<Order, 'by'>) =>
    given(async (_, road) => {
      paying = await signOne(road, more);
    });
  const signed = signedBy({});
  const ask = (question: 'verify' | 'settle') =>
    again(question, async (on) => {
      const handed = question === 'settle' ? paying.settling : paying.body;
      const { body } = await on.facilitator[question](merchant, handed, {
        correlationId: randomUUID(),
      });
      const no = body['success'] === false && body['errorReason'] !== 'settlement_pending';
      if (no && body['errorReason'] !== 'duplicate_settlement') {
        throw new Error(`settle was told ${JSON.stringify(body)}`);
      }
    });
  const refund = again('refund', (on) => giveBack(on, merchant, paying));
  const quiet = (act: Scenario['acts'][number]) => ('step' in act ? before(act) : act);
  const common = (acts: Scenario['acts']) => (shared ? acts : acts.map(quiet));
  const chained = common([prepare, sign, collect, mine(1), observe]);
  const settled = [
    ...chained,
    ...common([mine(7), observe]),
    job('payment.settle'),
    job('payment.final'),
  ];
  const sent = given((on) => ask('settle').run(on));
  const final = [sent, ...settled.map(quiet)];
  const state = { header: '' };
  return [
    {
      name: 'a payment that is settled',
      acts: [signed, ask('verify'), ask('settle'), ...settled, ask('settle'), ...common([gas])],
      ends: (road) => paidOnce(road, paying),
    },
    {
      name: 'a payment that is charged less than was signed',
      acts: [signedBy({ by: 'upto' }), ask('settle'), ...settled.map(quiet), before(gas)],
      ends: (road) => paidOnce(road, paying),
    },
    {
      name: 'a payment that is refunded',
      acts: [
        ...[signed, ...final, refund, job('payout.ordered'), ...common([validate]), ...chained],
        ...[...common([mine(7), observe, job('withdrawal.final')]), job('refund.ended')],
      ],
      ends: (road) => refundedOnce(road, paying),
    },
    {
      name: 'a request at the gateway',
      acts: [
        ...priced(state, { merchant, upstream }),
        again('pay', (on) => request(on, state.header)),
        ...chained,
        again('ask again', (on) => request(on, state.header)),
      ],
      ends: (road) => servedOrGivenBack(road, upstream),
    },
    {
      name: 'a request whose payer does not come again',
      acts: [
        ...priced(state, { merchant, upstream }),
        given((on) => request(on, state.header)),
        ...chained.map(quiet),
        ...[elapse(21_000), job('gateway.end')],
      ],
      ends: (road) => servedOrGivenBack(road, upstream),
    },
    {
      name: 'a request that is charged by its answer',
      acts: [
        ...priced(state, { merchant, upstream, by: 'upto' }),
        again('pay', (on) => request(on, state.header)),
        ...chained.map(quiet),
        again('ask again', (on) => request(on, state.header)),
      ],
      ends: (road) => chargedOrReleased(road, upstream),
    },
    {
      name: 'a request that is charged by its answer, whose payer does not come again',
      acts: [
        ...priced(state, { merchant, upstream, by: 'upto' }),
        tried('pay', (on) => request(on, state.header)),
        ...[...chained.map(quiet), elapse(21_000), job('gateway.end')],
      ],
      ends: (road) => chargedOrReleased(road, upstream),
    },
  ];
}

async function giveBack(on: Processes, of: Merchant, paying: Paying): Promise<void> {
  const found = await on.payments.find(of, {});
  const [payment] = found.filter(({ payer }) => payer.toLowerCase() === paying.payer);
  const request = { idempotencyKey: 'once', body: { reason: 'a test' }, correlationId: 'once' };
  const told = await on.payments.refund(of, payment!.id, request);
  if (told.kind === 'refused') throw new Error(told.refusal.detail);
}

/** A price, a challenge, and what its payer signed for it. */
function priced(
  state: { header: string },
  { merchant, upstream, by }: Omit<Parts, 'shared'> & Pick<Order, 'by'>,
) {
  return [
    given(async (on, road) => {
      upstream.heard = [];
      upstream.charging({ 'payonce-charge': `${CHARGE}` });
      const { tenantId } = merchant;
      const put = await on.endpoints.put(
        { tenantId, merchantId: null, actor: 'a test', correlationId: 'price' },
        {
          ...{ merchant: 'shop', method: 'GET', path: PATH, asset: 'USDC', price: '10' },
          ...{
            payTo: road.settings.lanes[0]!.address,
            upstream: upstream.url,
            timeoutMs: UPSTREAM_MS,
          },
          ...(by === 'upto' ? { scheme: 'upto' } : {}),
        },
      );
      if (isRefusal(put)) throw new Error(put.detail);
      const asked = await on.gateway.answer(requestOf());
      if (asked.kind !== 'answer') throw new Error(`the gateway answered ${asked.kind}`);
      const [accepted] = required(new Response(null, { headers: asked.headers })).accepts;
      const one = await signOne(road, by === undefined ? {} : { by });
      const payload = { ...one.body.paymentPayload, accepted };
      state.header = Buffer.from(JSON.stringify(payload)).toString('base64');
    }),
  ];
}

const requestOf = (header?: string) => ({
  ...{ tenant: 'demo', merchant: 'shop', method: 'GET', path: PATH, search: '' },
  url: `http://payonce.test${PATH}`,
  headers: header === undefined ? {} : { 'payment-signature': header },
  idempotencyKey: null,
  body: Buffer.alloc(0),
  address: '127.0.0.1',
  correlationId: 'once',
});

/** One that is told to pay anew after it has paid would pay twice. */
async function request(on: Processes, header: string): Promise<void> {
  const told = await on.gateway.answer(requestOf(header));
  if (told.kind === 'answer' && told.status === 402) throw new Error('it was asked to pay again');
  if (told.kind !== 'answer' || Buffer.isBuffer(told.body)) return;
  for await (const _ of told.body);
}

async function statusesOf(road: Road, table: 'payment' | 'gateway_call'): Promise<string> {
  const { rows } = await road.owner.query<{ status: string }>(`SELECT status FROM ${table}`);
  return rows.map(({ status }) => status).join();
}

async function paidOnce(road: Road, { nonce }: Paying): Promise<string[]> {
  const status = await statusesOf(road, 'payment');
  const used = usesOn(road).get(nonce)?.length ?? 0;
  // Whoever verified it for its merchant died, and nobody settled it.
  if (status === 'AUTH_VERIFIED' && used === 0) return [];
  return status === 'SETTLED' && used === 1 ? [] : [`it is ${status}, and paid ${used} times`];
}

async function refundedOnce(road: Road, { payer }: Paying): Promise<string[]> {
  const status = await statusesOf(road, 'payment');
  const back = givenBackOn(road).get(payer) ?? 0n;
  return status === 'REFUNDED' && back === PURSE ? [] : [`it is ${status}, and ${back} went back`];
}

/** Paid once and served once, or paid once and given back; what the upstream heard once it never hears again. */
async function servedOrGivenBack(road: Road, upstream: Upstream): Promise<string[]> {
  const call = await statusesOf(road, 'gateway_call');
  const used = [...usesOn(road).values()].flat().length;
  const back = [...givenBackOn(road).values()].reduce((sum, amount) => sum + amount, 0n);
  const heard = upstream.heard.length;
  const served = call === 'SERVED' && heard === 1 && back === 0n;
  const givenBack = call === 'FAILED' && heard <= 1 && back === PURSE;
  if (used === 1 && (served || givenBack)) return [];
  return [`it is ${call}, paid ${used} times, heard ${heard} times, and ${back} went back`];
}

/** Told and charged what it came to, once each; or neither, and heard once at most. */
async function chargedOrReleased(road: Road, upstream: Upstream): Promise<string[]> {
  const call = await statusesOf(road, 'gateway_call');
  const used = [...usesOn(road).values()].flat().length;
  const heard = upstream.heard.length;
  const { rows } = await road.owner.query<{ charged: bigint | null }>(
    'SELECT charged FROM payment',
  );
  const charged = rows.map((row) => row.charged).join();
  const served = call === 'SERVED' && heard === 1 && used === 1 && charged === `${CHARGE}`;
  const released = (call === 'FAILED' || call === '') && heard <= 1 && used === 0;
  if (served || (released && charged === '')) return [];
  return [`it is ${call}, charged ${charged}, paid ${used} times, heard ${heard} times`];
}

/**
 * One payment at two processes, of all that its payer has: the first moves the money while the second looks whether it is
 * there. Nobody is told that it was refused.
 */
export function settlingTwice(blind = false): Race {
  let told: { who: string; body: Record<string, unknown> }[] = [];
  let merchant: Merchant;
  return {
    name: 'two settle one payment, and the chain takes it',
    stretches: 0.9,
    async prepare(road) {
      merchant = await openShop(road);
      return null;
    },
    async steps(road, random) {
      told = [];
      const paying = await signOne(road, { seed: random.below(2 ** 31) });
      const [one, other] = [await road.start(), await road.start()];
      const settle = async (who: string, on: Processes) => {
        const { body } = await on.facilitator.settle(merchant, paying.body, {
          correlationId: who,
        });
        told.push({ who, body });
      };
      const first = async (on: Processes) => {
        await settle('first', on);
        await on.job('tx.prepare');
        await on.sign();
        await on.collect();
        road.chain.mine(1);
        while (await on.observe());
      };
      return [
        road.step('first', one, first, blind ? blindToPayments : undefined),
        road.step(
          'second',
          other,
          (on) => settle('second', on),
          blind ? blindToPayments : undefined,
        ),
      ];
    },
    async judge() {
      return told
        .filter(isFailure)
        .map(({ who, body }) => `${who} was told ${JSON.stringify(body)}`);
    },
  };
}
