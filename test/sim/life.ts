import { dueSteps, finish, workOn } from '../support/steps/finish.ts';
import { recipient } from '../support/steps/payments.ts';
import type { Processes } from '../support/steps/processes.ts';
import { Random } from '../support/steps/random.ts';
import type { Road } from '../support/steps/road.ts';
import { runStep } from '../support/steps/run-step.ts';
import { booksBreaksOf } from './books-laws.ts';
import { accountsOf, type Known } from './oracle.ts';
import type { Action, Request, Script } from './script.ts';
import { Stranger } from './stranger.ts';

const AN_HOUR_MS = 3_600_000;
const GWEI = 10n ** 9n;
/** Of the development chain, and a little. */
const PATIENCE_MS = 31_000;

/** Goes through a script, lets everything come to rest, and answers what is wrong then; empty: all is well. */
export async function live(road: Road, script: Script): Promise<string[]> {
  await road.reset();
  await road.owner.query(
    `UPDATE lane SET paused_reason = 'not in this life' WHERE lane_id > ${script.lanes}`,
  );
  const life = new Life(road, await road.start());
  for (const action of script.actions) await life.act(action);
  return [...(await life.end()), ...(await booksBreaksOf(road, script))];
}

/** The client, the world and the operator of a simulated installation, and what the client was told. */
class Life {
  readonly #road: Road;
  readonly #known: Known[] = [];
  readonly #stranger: Stranger;
  #on: Processes;
  #mayFail = false;
  #speedUps = 0;

  constructor(road: Road, on: Processes) {
    this.#road = road;
    this.#on = on;
    this.#stranger = new Stranger(road);
  }

  async act(action: Action): Promise<void> {
    const { chain, node, clock } = this.#road;
    switch (action.do) {
      case 'request':
        this.#known[action.n] = { ...action, ids: new Set(), refused: false, cancels: 0 };
        return this.#submit(action.n);
      case 'repeat':
        return this.#submit(action.n);
      case 'cancel':
        return this.#cancel(action.n);
      case 'speed up':
        return this.#speedUp(action.n);
      case 'work':
        return workOn(this.#road, this.#on, action.passes);
      case 'observe':
      case 'resend':
      case 'sequence':
        return this.#calmly(() => runStep(this.#on, action.do));
      case 'disturb':
        return this.#disturb(action);
      case 'meet':
        return this.#meet(action);
      case 'mine':
        chain.mine(action.blocks);
        return this.#calmly(() => runStep(this.#on, 'observe'));
      case 'base fee':
        chain.setBaseFee(BigInt(action.gwei) * GWEI);
        return;
      case 'pass over':
        await clock.elapse(PATIENCE_MS);
        chain.mine(1);
        return this.#calmly(async () => {
          await this.#on.leases.renew();
          await runStep(this.#on, 'observe');
          await this.#on.replace();
        });
      case 'reorg':
        chain.mine(action.mine);
        await this.#calmly(() => runStep(this.#on, 'observe'));
        if (action.settle) await workOn(this.#road, this.#on, 2);
        chain.reorg(action.depth, action);
        return;
      case 'drop':
        this.#drop();
        return;
      case 'foreign':
        this.#stranger.use(action.use, (n) => this.#known[n]?.request.asset ?? 'USDC');
        return;
      case 'late':
        node.deliverLate();
        return;
      case 'stall':
        chain.stall();
        return;
      case 'resume':
        chain.resume();
        return;
      case 'node':
        if ('message' in action.fault) this.#mayFail = true;
        node.failNext(action.method, action.fault);
        return;
      case 'lie':
        this.#road.several.lie(action.index, action.lie);
        return;
      case 'revert':
        this.#mayFail = true;
        chain.revertNext(() => true);
        return;
      case 'refuse':
        this.#mayFail = true;
        chain.world.refusing.add(recipient(action.n));
        return;
      case 'elapse':
        await clock.elapse(action.ms);
        return this.#calmly(() => this.#on.leases.renew());
      case 'deliver again':
        await this.#road.owner.query(
          `UPDATE job SET lease_until = now() - interval '1 second' WHERE lease_until > now()`,
        );
        return;
      case 'restart':
        this.#on = await this.#road.start();
    }
  }

  /** Faults are over: everything comes to rest, and is held against what the client was told. */
  async end(): Promise<string[]> {
    const { chain, node, clock } = this.#road;
    node.deliverLate();
    chain.resume();
    chain.setBaseFee(GWEI);
    this.#road.calm();
    await clock.elapse(35_000);
    const rest = await this.#rest(await this.#road.start());
    return [
      ...rest,
      ...(await this.#stranger.breaks()),
      ...(await accountsOf(this.#road, this.#known, {
        mayFail: this.#mayFail,
        mayBeReplaced: this.#stranger.sent,
      })),
    ];
  }

  /** A nonce is counted one block after it was used: what took one meanwhile is waited for too. */
  async #rest(on: Processes): Promise<string[]> {
    for (let seen = -1; ; ) {
      const { standing } = this.#stranger;
      if (standing === seen) return [];
      seen = standing;
      while (await on.observe());
      if (standing > 0) this.#road.chain.mine(1);
      while (await on.observe());
      const rest = await finish(this.#road, on);
      if (rest.length > 0) return rest;
    }
  }

  async #submit(n: number): Promise<void> {
    const known = this.#known[n];
    if (known === undefined) return;
    await this.#calmly(async () => {
      const [verdict] = await this.#on.service.submit(this.#road.tenantId, [
        { idempotencyKey: `key-${n}`, correlationId: `c-${n}`, body: bodyOf(n, known.request) },
      ]);
      if (verdict!.kind === 'refused') known.refused = true;
      else known.ids.add(verdict!.view.id);
    });
  }

  async #cancel(n: number): Promise<void> {
    const known = this.#known[n];
    const [id] = known?.ids ?? [];
    if (id === undefined) return;
    known!.cancels += 1;
    await this.#calmly(() => this.#on.service.cancel(this.#road.tenantId, id));
  }

  async #speedUp(n: number): Promise<void> {
    const [id] = this.#known[n]?.ids ?? [];
    if (id === undefined) return;
    this.#speedUps += 1;
    const wish = { idempotencyKey: `faster-${this.#speedUps}`, body: {}, correlationId: 'c' };
    await this.#calmly(async () => {
      await this.#on.service.speedUp(this.#road.tenantId, id, wish);
      await this.#on.replace();
    });
  }

  async #disturb({ due, at, verdict }: Action & { do: 'disturb' }): Promise<void> {
    const name = await this.#due(due);
    const step = this.#road.step(name, this.#on, (on) => runStep(on, name));
    await this.#road.scheduler.run([step], ([gate]) => ({
      gate: gate!,
      verdict: gate!.index === at ? verdict : 'go',
    }));
  }

  async #meet({ due, seed }: Action & { do: 'meet' }): Promise<void> {
    const random = new Random(seed);
    const names = [await this.#due(due[0]), await this.#due(due[1])];
    const steps = names.map((name, n) =>
      this.#road.step(`${name} ${n}`, this.#on, (on) => runStep(on, name)),
    );
    await this.#road.scheduler.run(steps, (ready) => ({ gate: random.pick(ready), verdict: 'go' }));
  }

  async #due(n: number): Promise<string> {
    const names = await dueSteps(this.#road);
    return names[n % names.length]!;
  }

  #drop(): void {
    const { chain } = this.#road;
    for (const { address } of this.#road.settings.lanes) {
      const tx = chain.pool.holder(address, chain.world.nonce(address, chain.height));
      if (tx !== undefined) chain.drop(tx.hash);
    }
  }

  /** What goes wrong is seen in the end, not here: a step that throws is tried again by its loop. */
  async #calmly(act: () => Promise<unknown>): Promise<void> {
    await act().catch((error: Error) => this.#road.told.push(error.message));
  }
}

function bodyOf(n: number, { account, asset, amount, expires }: Request): object {
  const expiresAt = new Date(Date.now() + AN_HOUR_MS / 2).toISOString();
  return { account, asset, amount, to: recipient(n), ...(expires ? { expiresAt } : {}) };
}
