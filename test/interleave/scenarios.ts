import { recipient } from '../support/steps/payments.ts';
import type { Verdict } from '../support/steps/points/actor.ts';
import type { Processes } from '../support/steps/processes.ts';
import type { Road } from '../support/steps/road.ts';

/** A step in which every await is tried. `again`: a client repeats it, having got no answer. */
export type Tried = { step: string; run(on: Processes): Promise<unknown>; again?: true };
/** What leads up to it and is not tried here; or the world's part. */
type Given = { given(on: Processes, road: Road): Promise<unknown> | unknown };
type Act = Tried | Given;

export type Scenario = {
  name: string;
  acts: Act[];
  /**
   * How the withdrawal may end, whatever happens in between; of a move between own wallets nothing else than arrived; of
   * anything else what is wrong with it in the end.
   */
  ends: readonly string[] | 'arrived' | ((road: Road) => Promise<string[]>);
  /** How it may end besides where a step of it only failed: it comes again later, and the chain has moved on by then. */
  endsLate?: readonly string[];
  /** What comes after all that and is not tried: it finds what was left to be found by the next. */
  next?: Given['given'];
};

const GWEI = 10n ** 9n;
export const PAYEE = recipient(1);
export const AMOUNT = 5_000_000n;
export const REQUEST = {
  idempotencyKey: 'once',
  correlationId: 'once',
  body: { account: 'alice', asset: 'USDC', amount: '5', to: PAYEE },
};

const submit = (on: Processes, road: Pick<Road, 'tenantId'>, more: object = {}) =>
  on.service.submit(road.tenantId, [{ ...REQUEST, body: { ...REQUEST.body, ...more } }]);

export const tried = (step: string, run: Tried['run']): Tried => ({ step, run });
export const job = (topic: string): Tried => tried(topic, (on) => on.job(topic));
export const given = (run: Given['given']): Given => ({ given: run });
/** The same without trying it. */
export const before = ({ run }: Tried): Given => ({ given: run });

export const validate = job('withdrawal.requested');
export const prepare = job('tx.prepare');
export const sign = tried('sign', (on) => on.sign());
export const collect = tried('collect', (on) => on.collect());
const send = job('tx.send');
export const observe = tried('observe', async (on) => {
  while (await on.observe());
});
const replace = tried('replace', (on) => on.replace());
export const gas = job('tx.gas');
const final = job('withdrawal.final');
const fill = job('tx.fill');
export const mine = (blocks: number) => given((_, road) => road.chain.mine(blocks));
export const elapse = (ms: number) =>
  given(async (on, road) => {
    await road.clock.elapse(ms);
    await on.leases.renew();
  });
const intake = given((on, road) => submit(on, road));
const submitNext = (on: Processes, { tenantId }: Pick<Road, 'tenantId'>) =>
  on.service.submit(tenantId, [
    { ...REQUEST, idempotencyKey: 'next', body: { ...REQUEST.body, to: recipient(2) } },
  ]);
/** What the chain shows again by the time it is looked at stays committed. */
const SHOWN_AGAIN = ['COMPLETED'];
const upToSlot = [intake, before(validate), before(prepare)];
const upToChain = [...upToSlot, before(sign), before(collect)];
/** The slot's filler goes the way of an effect. */
const closed = [sign, collect, mine(1), observe, mine(7), observe, gas];

/** More than the gas of a stretch could hide. */
function giveToLane({ chain, settings }: Road): void {
  chain.give(settings.lanes[0]!.address, 3n * 10n ** 18n);
}

export function scenarioOf(name: string, tenantId: string): Scenario {
  return scenarios(tenantId).find((scenario) => scenario.name === name)!;
}

/** The roads that a withdrawal can go, each with its steps in their order. */
function scenarios(tenantId: string): Scenario[] {
  const accept: Tried = { ...tried('intake', (on) => submit(on, { tenantId })), again: true };
  const cancel: Tried = { ...tried('cancel', (on) => cancelOnly(on, tenantId)), again: true };
  return [
    {
      name: 'paid',
      acts: [
        ...[accept, validate, prepare, sign, collect, mine(1), observe, mine(4), observe],
        ...[job('withdrawal.settle'), mine(4), observe, final, gas],
        ...[tried('sequence', (on) => on.sequence()), tried('sweep', (on) => on.sweep())],
      ],
      ends: ['COMPLETED'],
    },
    {
      name: 'paid while coin comes to the lane',
      acts: [
        ...upToChain,
        ...[mine(9), given((_, road) => giveToLane(road)), before(observe), gas],
        ...[before(job('withdrawal.final'))],
      ],
      // A lane whose balance could not be read is booked by receipts; coin that came, its next booking finds.
      next: (on, road) => submitNext(on, road),
      ends: ['COMPLETED'],
    },
    {
      name: 'cancelled with a slot',
      acts: [...upToSlot, cancel, fill, ...closed],
      ends: ['CANCELLED'],
    },
    {
      name: 'cancelled before a slot',
      acts: [intake, before(validate), cancel, prepare],
      ends: ['CANCELLED'],
    },
    {
      name: 'expired with a slot',
      acts: [
        given((on, road) =>
          submit(on, road, { expiresAt: new Date(Date.now() + 62_000).toISOString() }),
        ),
        ...[before(validate), before(prepare), elapse(63_000), job('withdrawal.expire')],
      ],
      ends: ['EXPIRED'],
    },
    {
      name: 'reverted',
      acts: [
        ...upToChain,
        given((_, road) => road.chain.revertNext(() => true)),
        ...[mine(7), observe, final, gas],
      ],
      ends: ['FAILED'],
    },
    {
      name: 'reorged',
      acts: [
        ...upToChain,
        ...[mine(2), before(observe)],
        given((_, road) => road.chain.reorg(2, { toPool: false })),
        ...[observe, send, mine(1), observe],
      ],
      ends: ['COMPLETED'],
    },
    {
      name: 'reversed',
      acts: [
        ...upToChain,
        ...[mine(4), before(observe), before(job('withdrawal.settle'))],
        given((_, road) => road.chain.reorg(4, { toPool: false, blocks: 5 })),
        ...[observe, job('withdrawal.orphaned'), before(send), mine(8), before(observe), final],
      ],
      ends: ['RESETTLED'],
      endsLate: SHOWN_AGAIN,
    },
    {
      name: 'taken back below finalized',
      acts: [
        ...upToChain,
        ...[mine(9), before(observe), before(job('withdrawal.settle'))],
        given((_, road) => road.chain.reorg(9, { toPool: false, blocks: 10 })),
        ...[before(observe), given((_, road) => road.owner.query(RESUME))],
        ...[observe, job('withdrawal.orphaned')],
      ],
      ends: ['RESETTLED'],
      endsLate: SHOWN_AGAIN,
    },
    {
      name: 'refused by the node',
      acts: [
        ...[...upToSlot, before(sign)],
        given((_, road) =>
          road.node.failNext('send', { kind: 'says', message: 'execution reverted' }),
        ),
        ...[collect, fill, sign, collect],
      ],
      // Killed before the refusal was written down, the effect is sent again and taken.
      ends: ['FAILED', 'COMPLETED'],
    },
    {
      name: 'passed over by blocks',
      acts: [
        ...upToChain,
        given((_, road) => road.chain.setBaseFee(9n * GWEI)),
        // Past the patience of the development chain, and a block that shows it.
        ...[elapse(31_000), mine(1), before(observe)],
        ...[replace, sign, collect, mine(1), observe],
      ],
      ends: ['COMPLETED'],
    },
    {
      name: 'cancelled after it was sent',
      acts: [...upToChain, cancel, fill, ...closed, final],
      // Killed before its filler is there, the payment is first.
      ends: ['CANCELLED', 'COMPLETED'],
    },
    {
      name: 'out of funds',
      acts: [
        ...[...upToSlot, before(sign)],
        given((_, road) =>
          road.node.failNext('send', { kind: 'says', message: 'insufficient funds for gas' }),
        ),
        ...[collect, tried('resend', (on) => on.resend())],
      ],
      ends: ['COMPLETED'],
    },
    {
      name: 'signed by another after a death',
      acts: [
        ...upToSlot,
        given((on, road) => dieSigning(on, road)),
        elapse(31_000),
        tried('take over', (on) => on.takeOver()),
      ],
      ends: ['COMPLETED'],
    },
  ];
}

/** What is moved between own wallets, on a road with a treasury wallet. */
export function movingScenarios(): Scenario[] {
  const again = (step: string, run: Tried['run']): Tried => ({ ...tried(step, run), again: true });
  const moved = (kind: 'topup' | 'sweep') => [
    ...[prepare, sign, collect, mine(1), observe, mine(8), observe],
    ...[job(`${kind}.final`), gas],
  ];
  return [
    {
      name: 'a lane that is filled',
      acts: [again('top up', (on) => on.topUp()), ...moved('topup')],
      ends: 'arrived',
    },
    {
      name: 'a lane that is swept',
      acts: [again('sweep', (on) => on.sweepLanes([1])), ...moved('sweep')],
      ends: 'arrived',
    },
  ];
}

/** Two persons have ordered the halted chain to go on. */
const RESUME = `
  WITH person AS (
    INSERT INTO api_key (tenant_id, name, scopes)
    SELECT tenant_id, 'a person', '{admin}' FROM tenant, generate_series(1, 2) n
    RETURNING key_id::text AS id
  )
  INSERT INTO chain_resume (chain_id, halted_reason, evidence, proposed_by, confirmed_by)
  SELECT chain_id, halted_reason, 'seen', (SELECT min(id) FROM person)::uuid, (SELECT max(id) FROM person)::uuid
  FROM chain_head WHERE halted_reason IS NOT NULL`;

async function cancelOnly(on: Processes, tenantId: string): Promise<unknown> {
  const [one] = await on.service.list(tenantId, {}, { limit: 1, before: null });
  return on.service.cancel(tenantId, one!.id);
}

/** The signer dies when it has claimed and read, and written nothing yet. */
async function dieSigning(on: Processes, road: Road): Promise<void> {
  const step = road.step('signer', on, (processes) => processes.sign());
  await road.scheduler.run([step], ([gate]) => {
    const verdict: Verdict = gate!.what === 'journal signer_bindings_insert' ? 'kill' : 'go';
    return { gate: gate!, verdict };
  });
}

export const SCENARIOS: readonly string[] = scenarios('').map(({ name }) => name);
