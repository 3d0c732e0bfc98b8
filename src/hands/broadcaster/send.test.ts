import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabases, testDatabases } from '../../../test/support/postgres.ts';
import { finish, workOn } from '../../../test/support/steps/finish.ts';
import { brokenLaws } from '../../../test/support/steps/laws.ts';
import { paymentsOn, recipient } from '../../../test/support/steps/payments.ts';
import type { Processes } from '../../../test/support/steps/processes.ts';
import { Road } from '../../../test/support/steps/road.ts';
import type { ChainPort, SendAnswer } from '../../base/chain/index.ts';
import { enqueue } from '../../base/queue/index.ts';
import { closeSlotOf, orderResume, TX_TOPICS } from '../../books/tx/index.ts';

const TO = recipient(1);
/** Blocks above one that is final. */
const FINAL = 6;

/** What happens before the next answer to a send is heard, and what is heard then. */
let late: (() => Promise<SendAnswer['class']>) | null = null;
const heardLate = (chain: ChainPort): ChainPort =>
  new Proxy(chain, {
    get: (target, name: keyof ChainPort) =>
      name !== 'send' || late === null
        ? target[name]
        : async (raw: Parameters<ChainPort['send']>[0]) => {
            const answers = await target.send(raw);
            const said = await late!();
            return answers.map(({ hash }) => ({ hash, class: said, message: 'late' }));
          },
  });

describe('bytes of an effect', () => {
  let databases: TestDatabases;
  let road: Road;
  let on: Processes;
  beforeAll(async () => {
    databases = await testDatabases();
    road = await Road.open(databases, {
      bend: (wires) => ({ ...wires, chain: heardLate(wires.chain) }),
    });
  });
  beforeEach(async () => {
    await road.reset();
    on = await road.start();
  });
  afterAll(async () => {
    await road?.close();
    await databases?.drop();
  });

  const rows = async <Row extends object>(text: string) => (await road.owner.query<Row>(text)).rows;
  const ended = () => rows('SELECT w.status, t.status AS tx FROM withdrawal w, tx t');
  const mine = async (blocks: number) => {
    road.chain.mine(blocks);
    while (await on.observe());
  };
  const forgetSends = () => rows(`DELETE FROM job WHERE topic = '${TX_TOPICS.send}'`);

  /** Asked for, and worked on until the effect is signed. */
  async function ordered(): Promise<void> {
    const body = { account: 'alice', asset: 'USDC', amount: '5', to: TO };
    const order = { idempotencyKey: 'key', correlationId: 'correlation', body };
    await on.service.submit(road.tenantId, [order]);
    for (const topic of ['withdrawal.requested', 'tx.prepare']) await on.job(topic);
  }

  /** The filler is final and the reserve released; then a declared reorg takes that back. */
  async function closedAndTakenBack(): Promise<void> {
    const [{ id }] = (await rows('SELECT withdrawal_id AS id FROM withdrawal')) as [{ id: string }];
    expect(await closeSlotOf(road.wires.app, id, 'filled')).toBe(true);
    await on.job(TX_TOPICS.fill);
    await on.sign();
    await on.collect();
    await mine(1 + FINAL + 2);
    await workOn(road, on, 3);
    expect(await ended()).toEqual([{ status: 'FAILED', tx: 'CANCELLED' }]);
    road.chain.reorg(FINAL + 3, { toPool: false, blocks: FINAL + 4 });
    while (await on.observe());
    const [proposedBy, confirmedBy] = road.persons as [string, string];
    const order = { chainId: 31337, evidence: 'seen', proposedBy, confirmedBy };
    expect(await orderResume(road.wires.app, order)).toBe(true);
    while (await on.observe());
    await forgetSends();
  }

  const unpaid = async () => {
    await mine(1);
    expect(paymentsOn(road).get(TO)).toBeUndefined();
    // The filler's bytes are, and close the nonce again.
    await road.clock.elapse(35_000);
    on = await road.start();
    await on.resend();
    await on.job(TX_TOPICS.send);
    await mine(1 + FINAL + 2);
    expect(await finish(road, on)).toEqual([]);
    expect(await ended()).toEqual([{ status: 'FAILED', tx: 'CANCELLED' }]);
    expect(paymentsOn(road).get(TO)).toBeUndefined();
    expect(await brokenLaws(road, true)).toEqual([]);
  };

  it('whose slot its filler had closed are not sent by a job from before, though a declared reorg gave the nonce back', async () => {
    await ordered();
    await on.sign();
    road.node.failNext('send', { kind: 'lost', delivered: false });
    await on.collect();
    // To the dead letters, until somebody redrives it.
    await forgetSends();
    await closedAndTakenBack();
    const [effect] = await rows<{ id: string }>(
      `SELECT attempt_id AS id FROM attempt WHERE kind = 'effect'`,
    );
    const job = { topic: TX_TOPICS.send, subjectId: effect!.id, tenantId: road.tenantId };
    await enqueue(road.wires.app, [job]);
    await on.job(TX_TOPICS.send);
    await unpaid();
  });

  it('nor when they are signed only then, by a signer that takes over from one that died', async () => {
    await ordered();
    await rows(`UPDATE signature_request SET claimed_at = now(), claimed_by = 'gone'`);
    await closedAndTakenBack();
    await road.clock.elapse(35_000);
    on = await road.start();
    await on.takeOver();
    await on.collect();
    expect(await rows(`SELECT FROM attempt WHERE kind = 'effect'`)).toHaveLength(1);
    await unpaid();
  });

  it('that were refused close nothing when that is heard after their end', async () => {
    await ordered();
    await on.sign();
    late = async () => {
      late = null;
      await mine(1 + FINAL + 2);
      return 'refused';
    };
    await on.collect();
    expect(await rows('SELECT status, failure_code FROM tx')).toEqual([
      { status: 'FINAL', failure_code: null },
    ]);
    expect(await rows(`SELECT FROM job WHERE topic = '${TX_TOPICS.fill}'`)).toEqual([]);
    expect(await finish(road, on)).toEqual([]);
    expect(await brokenLaws(road, true)).toEqual([]);
  });
});

describe('a slot of which the signer refuses the effect and the filler', () => {
  it('is offered its filler again, so that what was wrong can be mended', async () => {
    const databases = await testDatabases();
    const road = await Road.open(databases);
    let on = await road.start();
    const body = { account: 'alice', asset: 'USDC', amount: '5', to: TO };
    const order = { idempotencyKey: 'key', correlationId: 'correlation', body };
    await on.service.submit(road.tenantId, [order]);
    for (const topic of ['withdrawal.requested', 'tx.prepare']) await on.job(topic);
    // As under a cap that was lowered, by a signer that was restarted before the others.
    const refuse = async (code = 'fee_above_cap') => {
      await road.owner.query(
        `WITH claimed AS (UPDATE signature_request SET claimed_at = now(), claimed_by = 'signer'
           WHERE claimed_at IS NULL RETURNING signature_request_id AS id)
         INSERT INTO signature (signature_request_id, refusal_code, refusal_message)
         SELECT id, $1, 'too dear' FROM claimed`,
        [code],
      );
      await on.collect();
    };
    await refuse();
    await on.job(TX_TOPICS.fill);
    await refuse();
    expect(await on.job(TX_TOPICS.fill)).toBe(0);
    await road.clock.elapse(65_000);
    on = await road.start();
    expect(await on.job(TX_TOPICS.fill)).toBe(1);
    const told = async () =>
      (
        await road.owner.query(
          `SELECT data ->> 'code' AS code FROM event WHERE type = 'tx.filler_refused' ORDER BY 1`,
        )
      ).rows.map(({ code }) => code);
    expect(await told()).toEqual(['fee_above_cap']);
    // The same words again are no news, and the pause grows.
    await refuse();
    expect(await told()).toEqual(['fee_above_cap']);
    await road.clock.elapse(65_000);
    on = await road.start();
    expect(await on.job(TX_TOPICS.fill)).toBe(0);
    await road.clock.elapse(65_000);
    on = await road.start();
    expect(await on.job(TX_TOPICS.fill)).toBe(1);
    // Other words are.
    await refuse('not_in_policy');
    expect(await told()).toEqual(['fee_above_cap', 'not_in_policy']);
    await road.clock.elapse(250_000);
    on = await road.start();
    expect(await on.job(TX_TOPICS.fill)).toBe(1);
    expect(await finish(road, on)).toEqual([]);
    const { rows } = await road.owner.query(
      'SELECT w.status, t.status AS tx FROM withdrawal w, tx t',
    );
    expect(rows).toEqual([{ status: 'FAILED', tx: 'CANCELLED' }]);
    expect(await brokenLaws(road, true)).toEqual([]);
    await road.close();
    await databases.drop();
  });
});
