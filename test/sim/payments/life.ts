import { randomUUID } from 'node:crypto';
import type { Hex } from '../../../src/base/kernel/index.ts';
import type { Merchant } from '../../../src/books/access/index.ts';
import { readHeads } from '../../../src/books/tx/index.ts';
import type { Answer } from '../../../src/roads/x402/index.ts';
import { ruleBy } from '../../support/policy.ts';
import { dueSteps, finish, workOn } from '../../support/steps/finish.ts';
import type { Processes } from '../../support/steps/processes.ts';
import { Random } from '../../support/steps/random.ts';
import type { Road } from '../../support/steps/road.ts';
import { runStep } from '../../support/steps/run-step.ts';
import { isFailure, land, type Paying, signAll, usesOn } from '../../support/x402/paying.ts';
import { booksBreaksOf } from '../books-laws.ts';
import { judgeAtOnce, judgeInTheEnd, type Told } from './oracle.ts';
import type { Action, Ask, Script } from './script.ts';

const GWEI = 10n ** 9n;
/** So many of the newest blocks may go: down to what is final. */
const REORG_BELOW = 5;

/** A payer may pay twice, and not all that it has at once after a cheap one; what is given back may leave. */
const RULES = `version: 1
rules:
  - { id: out, type: allow, match: { kinds: [withdrawal] } }
  - { id: t, type: tiers, match: { assets: [USDC] }, tiers: [{ name: any, commitAt: safe }] }
  - { id: twice, type: window, match: { assets: [USDC] }, per: spender, window: 24h, amount: "12", count: 2 }
  - { id: shop, type: lifetime, match: { assets: [USDC] }, per: merchant, amount: "21" }
  - { id: late, type: tiers, match: { merchants: [shop], assets: [USDC] }, tiers: [
      { name: cheap, upTo: "5", commitAt: safe }, { name: dear, commitAt: finalized, waitUntil: safe }] }
`;

/** Goes through a script, lets everything come to rest, and answers what is wrong then; empty: all is well. */
export async function livePayments(
  road: Road,
  merchant: Merchant,
  script: Script,
): Promise<string[]> {
  await road.reset();
  if (script.ruled) await ruleBy(road, RULES);
  const paying = await signAll(road, script);
  const life = new Life(road, { merchant, paying, on: await road.start() });
  for (const action of script.actions) await life.act(action);
  return [...(await life.end()), ...(await booksBreaksOf(road, script))];
}

/** Merchant, payers and the world of a simulated facilitator, and what the merchant was told. */
class Life {
  readonly #road: Road;
  readonly #merchant: Merchant;
  readonly #paying: readonly Paying[];
  readonly #told: Told[] = [];
  readonly #broken: string[] = [];
  #on: Processes;
  #moment = 0;
  /** What a reorg has taken back, as long as nobody has looked at the chain since. */
  #unseen = new Set<Hex>();

  constructor(road: Road, of: { merchant: Merchant; paying: readonly Paying[]; on: Processes }) {
    this.#road = road;
    this.#merchant = of.merchant;
    this.#paying = of.paying;
    this.#on = of.on;
  }

  async act(action: Action): Promise<void> {
    const { chain, node, clock, owner } = this.#road;
    this.#moment += 1;
    switch (action.do) {
      case 'ask':
        return this.#alone(action.ask);
      case 'burst':
        await Promise.all(
          Array.from({ length: action.times }, () => this.#ask(this.#on, action.ask)),
        );
        return;
      case 'meet':
        return this.#meet(action);
      case 'disturb':
        return this.#disturb(action);
      case 'refund':
        return this.#calmly(() => this.#refund(action));
      case 'work':
        return workOn(this.#road, this.#on, action.passes);
      case 'mine':
        chain.mine(action.blocks);
        return this.#calmly(() => this.#observe());
      case 'reorg':
        // What is final stays.
        chain.mine(1);
        await this.#calmly(() => this.#observe());
        for (const { hash } of [...usesOn(this.#road).values()].flat()) this.#unseen.add(hash);
        chain.reorg(Math.min(action.depth, REORG_BELOW), { ...action, blocks: action.depth + 1 });
        return;
      case 'drop':
        for (const { address } of this.#road.settings.lanes) {
          const tx = chain.pool.holder(address, chain.world.nonce(address, chain.height));
          if (tx !== undefined) chain.drop(tx.hash);
        }
        return;
      case 'land':
        return this.#land(this.#paying[action.n]!);
      case 'expire':
        chain.skipTo(Math.max(...this.#paying.map(({ validBefore }) => validBefore)) + 1);
        return;
      case 'base fee':
        chain.setBaseFee(BigInt(action.gwei) * GWEI);
        return;
      case 'node':
        node.failNext(action.method, action.fault);
        return;
      case 'elapse':
        await clock.elapse(action.ms);
        return this.#calmly(() => this.#on.leases.renew());
      case 'deliver again':
        await owner.query(
          `UPDATE job SET lease_until = now() - interval '1 second' WHERE lease_until > now()`,
        );
        return;
      case 'restart':
        this.#on = await this.#road.start();
    }
  }

  /** Faults are over: everything comes to rest, and is held against what the merchant was told. */
  async end(): Promise<string[]> {
    const { chain, node, clock } = this.#road;
    node.deliverLate();
    chain.setBaseFee(GWEI);
    this.#road.calm();
    await clock.elapse(35_000);
    const rest = await finish(this.#road, await this.#road.start());
    const judged = await judgeInTheEnd(this.#road, this.#paying, this.#told);
    return [...this.#broken, ...rest, ...judged];
  }

  async #observe(): Promise<void> {
    await runStep(this.#on, 'observe');
    // Another process may hold the chain, or the node not answer: then nobody has looked.
    const { chain, owner } = this.#road;
    const [head] = (await readHeads(owner)).values();
    if (head?.hash === chain.block(chain.height)?.hash) this.#unseen.clear();
  }

  #judge(told: Told): string[] {
    return judgeAtOnce(this.#road, { paying: this.#paying, unseen: this.#unseen, told });
  }

  async #alone(ask: Ask): Promise<void> {
    const told = await this.#ask(this.#on, ask);
    this.#broken.push(...this.#judge(told));
  }

  async #ask(on: Processes, ask: Ask): Promise<Told> {
    const { group, body, settling } = this.#paying[ask.n]!;
    const from = this.#moment;
    const handed = ask.question === 'settle' ? settling : body;
    const answer: Answer = await on.facilitator[ask.question](this.#merchant, handed, {
      correlationId: randomUUID(),
    });
    const told: Told = {
      ...{ ask, group, body: answer.body, from, to: this.#moment },
      consumed: false,
    };
    // From here on the merchant has it, whatever becomes of us.
    this.#told.push(told);
    answer.ended?.(ask.delivered);
    await on.facilitator.drain();
    told.consumed = ask.delivered && answer.ended !== undefined;
    return told;
  }

  /** What several are told while they meet is judged in the end; where all say no, somebody has to be right. */
  async #meet({ asks, due, killAt, seed }: Action & { do: 'meet' }): Promise<void> {
    const random = new Random(seed);
    const names = await dueSteps(this.#road);
    const name = names[due % names.length]!;
    const steps = [
      ...asks.map((ask, n) =>
        this.#road.step(`${ask.question} ${n}`, this.#on, (on) => this.#ask(on, ask)),
      ),
      this.#road.step(name, this.#on, (on) => runStep(on, name)),
    ];
    let left = killAt ?? -1;
    await this.#road.scheduler.run(steps, (ready) => {
      left -= 1;
      return { gate: random.pick(ready), verdict: left === 0 ? 'kill' : 'go' };
    });
    const now = this.#told.filter(({ to }) => to === this.#moment);
    for (const told of now.filter(isFailure)) {
      this.#broken.push(...this.#judge(told));
    }
  }

  async #disturb({ due, at, verdict }: Action & { do: 'disturb' }): Promise<void> {
    const names = await dueSteps(this.#road);
    const name = names[due % names.length]!;
    const step = this.#road.step(name, this.#on, (on) => runStep(on, name));
    await this.#road.scheduler.run([step], ([gate]) => ({
      gate: gate!,
      verdict: gate!.index === at ? verdict : 'go',
    }));
  }

  /** To a wallet of ours only what is reserved: else it is what any stranger gives, which is booked with the next gas. */
  async #land(one: Paying): Promise<void> {
    const { rows } = await this.#road.owner.query<{ open: boolean }>(
      `SELECT status IN ('AUTH_SIGNED', 'AUTH_VERIFIED', 'DUPLICATE_REQUEST') AS open FROM payment
       WHERE nonce = decode(substr($1, 3), 'hex')`,
      [one.nonce],
    );
    if (!one.custodial || rows[0]?.open === false) land(this.#road, one);
  }

  async #refund({ n, part, key }: Action & { do: 'refund' }): Promise<void> {
    const { tenantId, merchantId } = this.#merchant;
    const { rows } = await this.#road.owner.query<{ id: string }>(
      `SELECT coalesce(converged_on, payment_id) AS id FROM payment WHERE nonce = decode(substr($1, 3), 'hex')`,
      [this.#paying[n]!.nonce],
    );
    if (rows[0] === undefined) return;
    const amount = part === null ? {} : { amount: (Number(part) / 1e6).toString() };
    await this.#on.payments.refund({ tenantId, merchantId }, rows[0].id, {
      idempotencyKey: `refund-${n}-${key}`,
      body: { reason: 'a test', ...amount },
      correlationId: randomUUID(),
    });
  }

  /** What goes wrong is seen in the end, not here: a step that throws is tried again by its loop. */
  async #calmly(act: () => Promise<unknown>): Promise<void> {
    await act().catch((error: Error) => this.#road.told.push(error.message));
  }
}
