import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Assets } from '../../src/base/config/index.ts';
import { isRefusal } from '../../src/base/kernel/index.ts';
import { enqueue } from '../../src/base/queue/index.ts';
import { createKey } from '../../src/books/access/index.ts';
import { Ledger } from '../../src/books/ledger/index.ts';
import { closeSlotOf, TX_TOPICS } from '../../src/books/tx/index.ts';
import { BreakService, orderChainResume } from '../../src/roads/reconcile/index.ts';
import { WithdrawalResolver } from '../../src/roads/withdrawal/index.ts';
import { booksBreaks } from '../sim/books-laws.ts';
import { Stranger } from '../sim/stranger.ts';
import { type TestDatabases, testDatabases } from '../support/postgres.ts';
import { finish, workOn } from '../support/steps/finish.ts';
import { brokenLaws } from '../support/steps/laws.ts';
import { paymentsOn, recipient } from '../support/steps/payments.ts';
import type { Processes } from '../support/steps/processes.ts';
import { Road } from '../support/steps/road.ts';

const TO = recipient(1);
/** The chain's epochs have three blocks: safe is 3 below the latest, finalized 6. */
const SAFE = 3;
const FINAL = 6;

let databases: TestDatabases;
let road: Road;
let on: Processes;
let keys: string[];

beforeAll(async () => {
  databases = await testDatabases();
  road = await Road.open(databases, { warm: true });
  const order = { tenantId: road.tenantId, name: 'a person', scopes: ['admin'] };
  const made = [await createKey(road.wires.app, order), await createKey(road.wires.app, order)];
  keys = made.map((key) => (isRefusal(key) ? '' : key.keyId));
  await road.keep();
});
afterAll(async () => {
  await road?.close();
  await databases?.drop();
});
beforeEach(async () => {
  await road.reset();
  on = await road.start();
});

const speaker = (personId: string) => ({ personId, tenantId: road.tenantId });

const walk = async () => {
  while (await on.observe());
};
const mine = async (blocks: number) => {
  road.chain.mine(blocks);
  await walk();
};

/** Accepted, sent, in a block, and so many blocks above it. */
async function paid(amount: string, above: number): Promise<void> {
  await sent(amount);
  await mine(1 + above);
  await workOn(road, on, 3);
}

async function sent(amount: string): Promise<void> {
  const body = { account: 'alice', asset: 'USDC', amount, to: TO };
  await on.service.submit(road.tenantId, [
    { idempotencyKey: 'key', correlationId: 'correlation', body },
  ]);
  await workOn(road, on, 8);
}

async function withdrawal() {
  const { rows } = await road.owner.query<{
    id: string;
    status: string;
    generation: number;
    resolutions: string | null;
    tx: string;
    reorgs: number;
  }>(
    `SELECT w.withdrawal_id AS id, w.status, w.generation, t.status AS tx, t.reorgs,
       (SELECT string_agg(resolution, ' ' ORDER BY generation) FROM reserve_resolution r
        WHERE r.withdrawal_id = w.withdrawal_id) AS resolutions
     FROM withdrawal w JOIN tx t ON t.owner_id = w.withdrawal_id`,
  );
  return rows[0]!;
}

/** Everything at rest, every law kept, and paid as often as it should be. */
async function expectEnd(status: string, resolutions: string, times: number): Promise<void> {
  await road.clock.elapse(35_000);
  on = await road.start();
  expect(await finish(road, on)).toEqual([]);
  expect(await withdrawal()).toMatchObject({ status, resolutions });
  expect(paymentsOn(road).get(TO)?.length ?? 0).toBe(times);
  expect(await brokenLaws(road, true)).toEqual([]);
  expect(await booksBreaks(road)).toEqual([]);
}

describe('a commit at safe on a block that is gone', () => {
  beforeEach(async () => {
    await paid('5', SAFE);
    expect(await withdrawal()).toMatchObject({ status: 'COMPLETED', resolutions: 'COMMIT' });
  });

  it('is reversed, and settled again when the same bytes are final in another block', async () => {
    road.chain.reorg(SAFE + 1, { toPool: false, blocks: SAFE + 2 });
    await walk();
    await on.job('withdrawal.orphaned');
    expect(await withdrawal()).toMatchObject({ status: 'REVERSED', generation: 2, tx: 'INCLUDED' });
    expect(await brokenLaws(road, false)).toEqual([]);
    expect(await booksBreaks(road)).toEqual([]);
    await expectEnd('RESETTLED', 'COMMIT COMMIT', 1);
  });

  it('stays committed when the chain shows it at safe again before anybody looked', async () => {
    road.chain.reorg(SAFE + 1, { transactions: 'keep', blocks: SAFE + 2 });
    await walk();
    await on.job('withdrawal.orphaned');
    expect(await withdrawal()).toMatchObject({ status: 'COMPLETED', generation: 1, reorgs: 1 });
    await expectEnd('COMPLETED', 'COMMIT', 1);
  });

  it('is REVERSED through a second reorg, which opens no third reserve', async () => {
    road.chain.reorg(SAFE + 1, { toPool: true, blocks: SAFE + 2 });
    await walk();
    await on.job('withdrawal.orphaned');
    await mine(1 + SAFE);
    await workOn(road, on, 3);
    expect(await withdrawal()).toMatchObject({ status: 'REVERSED' });
    road.chain.reorg(SAFE + 1, { toPool: true, blocks: SAFE + 2 });
    await walk();
    await workOn(road, on, 3);
    expect(await withdrawal()).toMatchObject({ status: 'REVERSED', generation: 2, reorgs: 2 });
    await expectEnd('RESETTLED', 'COMMIT COMMIT', 1);
  });

  it('is FAILED and released when the new chain reverts it: a status of 1 became 0', async () => {
    road.chain.revertNext(() => true);
    road.chain.reorg(SAFE + 1, { transactions: 'keep', blocks: SAFE + 2 });
    await walk();
    await on.job('withdrawal.orphaned');
    expect(await withdrawal()).toMatchObject({ status: 'REVERSED' });
    await expectEnd('FAILED', 'COMMIT RELEASE', 0);
  });

  it('is FAILED and released when the filler of its slot is mined in its place', async () => {
    road.chain.reorg(SAFE + 1, { toPool: false, blocks: SAFE + 2 });
    await walk();
    await on.job('withdrawal.orphaned');
    await signFiller();
    await sendFiller();
    await expectEnd('FAILED', 'COMMIT RELEASE', 0);
  });

  it('is settled by what became final while nobody reversed it', async () => {
    road.chain.reorg(SAFE + 1, { toPool: false, blocks: SAFE + 2 });
    await walk();
    await signFiller();
    await sendFiller();
    await mine(1 + FINAL);
    await on.job('withdrawal.final');
    expect(await withdrawal()).toMatchObject({ status: 'COMPLETED', tx: 'CANCELLED' });
    await expectEnd('FAILED', 'COMMIT RELEASE', 0);
  });
});

/** The slot's filler is signed and stored; no node has it yet. */
async function signFiller(): Promise<void> {
  const { id } = await withdrawal();
  expect(await closeSlotOf(road.wires.app, id, 'filled')).toBe(true);
  await on.job('tx.fill');
  await on.sign();
  road.node.failNext('send', { kind: 'lost', delivered: false });
  await on.collect();
  await forgetSends();
}

/** The effect's bytes are not sent again; the slot's filler is. */
async function sendFiller(): Promise<void> {
  await forgetSends();
  const { rows } = await road.owner.query<{ id: string }>(
    `SELECT attempt_id AS id FROM attempt WHERE kind = 'filler'`,
  );
  const job = { topic: TX_TOPICS.send, subjectId: rows[0]!.id };
  await enqueue(road.wires.app, [{ ...job, tenantId: road.tenantId, trace: 'correlation' }]);
  await on.job(TX_TOPICS.send);
}

const forgetSends = () => road.owner.query(`DELETE FROM job WHERE topic = '${TX_TOPICS.send}'`);

describe('a reorg below finalized', () => {
  const audited = async () => {
    const { rows } = await road.owner.query(
      `SELECT action, actor FROM audit_entry WHERE action !~ '^api_key' ORDER BY entry_id`,
    );
    return rows;
  };
  const chain = () => road.settings.chains[0]!;
  const resume = (person: number, evidence = 'the operator of the chain says so') =>
    orderChainResume(road.wires.app, chain(), {
      by: speaker(keys[person]!),
      body: { evidence },
    });
  const head = async () => {
    const { rows } = await road.owner.query(
      `SELECT latest::int, safe::int, finalized::int, halted_reason AS halted FROM chain_head`,
    );
    return rows[0] as { latest: number; safe: number; finalized: number; halted: string | null };
  };
  const events = async (type: string) => {
    const { rows } = await road.owner.query<{ data: Record<string, unknown> }>(
      'SELECT data FROM event WHERE type = $1',
      [type],
    );
    return rows.map(({ data }) => data);
  };
  const breaks = () => {
    const { app: db } = road.wires;
    const ledger = new Ledger(db);
    const assets = new Assets(road.settings.assets);
    const owners = { withdrawal: new WithdrawalResolver({ db, ledger }) };
    return new BreakService({ db, ledger, assets, chains: road.settings.chains, owners });
  };
  /** Both persons say it. */
  async function resolve(kind: string, body: object): Promise<void> {
    const page = { limit: 10, before: null };
    const open = await breaks().list(road.tenantId, { state: 'open' }, page);
    const found = open.find((one) => one.kind === kind)!;
    for (const keyId of keys) {
      const said = { by: speaker(keyId), body: { evidence: 'seen', ...body }, correlationId: 'c' };
      const answer = await breaks().resolve(road.tenantId, found.id, said);
      expect(isRefusal(answer) && answer.detail).toBe(false);
    }
    expect((await breaks().get(road.tenantId, found.id))!.state).toBe('resolved');
  }

  it('halts, and goes on by the word of two with what the node shows', async () => {
    await paid('2000', FINAL + 2);
    expect(await withdrawal()).toMatchObject({ status: 'COMPLETED', tx: 'FINAL' });
    const before = await head();
    road.chain.reorg(FINAL + 3, { toPool: false, blocks: FINAL + 4 });
    await walk();
    expect((await head()).halted).toMatch(/below finalized/);
    expect(await withdrawal()).toMatchObject({ status: 'COMPLETED' });

    expect(await resume(0)).toMatchObject({ status: 'proposed' });
    expect(await resume(0)).toMatchObject({ status: 'proposed' });
    expect(await resume(1, 'something else')).toMatchObject({ status: 'proposed' });
    expect(await resume(0)).toMatchObject({ status: 'proposed' });
    await walk();
    expect((await head()).halted).not.toBeNull();
    expect(await resume(1)).toMatchObject({ status: 'ordered', proposedBy: keys[0] });
    await walk();
    expect(await head()).toMatchObject({ halted: null, latest: road.chain.height });
    expect((await head()).finalized).toBeLessThanOrEqual(before.latest - 3);
    const [resumed] = await events('chain.resumed');
    expect(resumed).toMatchObject({ orphans: 1, proposedBy: keys[0], confirmedBy: keys[1] });
    expect(await resume(1)).toMatchObject({ code: 'chain_not_halted' });
    expect(await audited()).toEqual([
      { action: 'proposal.made', actor: `person ${keys[0]}` },
      { action: 'proposal.made', actor: `person ${keys[1]}` },
      { action: 'proposal.made', actor: `person ${keys[0]}` },
      { action: 'chain.resume_ordered', actor: `person ${keys[1]}` },
    ]);

    await on.job('withdrawal.orphaned');
    expect(await withdrawal()).toMatchObject({ status: 'REVERSED', tx: 'FINAL', reorgs: 1 });
    const broken = await booksBreaks(road);
    expect(broken.map((line) => line.split(':')[0])).toEqual(['queue/no-break-open']);
    await resolve('final_taken_back', { action: 'adjust', adjustments: [] });
    await expectEnd('RESETTLED', 'COMMIT COMMIT', 1);
  });

  it('takes back what was settled again, too', async () => {
    await paid('5', SAFE);
    road.chain.reorg(SAFE + 1, { toPool: true, blocks: SAFE + 2 });
    await walk();
    await on.job('withdrawal.orphaned');
    await mine(1 + FINAL + 2);
    await workOn(road, on, 3);
    expect(await withdrawal()).toMatchObject({ status: 'RESETTLED' });
    road.chain.reorg(FINAL + 3, { toPool: true, blocks: FINAL + 4 });
    await walk();
    await resume(0);
    await resume(1);
    await walk();
    await on.job('withdrawal.orphaned');
    expect(await withdrawal()).toMatchObject({ status: 'REVERSED', generation: 3 });
    await resolve('final_taken_back', { action: 'adjust', adjustments: [] });
    await expectEnd('RESETTLED', 'COMMIT COMMIT COMMIT', 1);
  });

  it('ends a payment as FAILED when the filler takes its place on the new chain', async () => {
    await sent('2000');
    await signFiller();
    await mine(1 + FINAL + 2);
    await workOn(road, on, 3);
    road.chain.reorg(FINAL + 3, { toPool: false, blocks: FINAL + 4 });
    await walk();
    await resume(0);
    await resume(1);
    await walk();
    await on.job('withdrawal.orphaned');
    await sendFiller();
    await mine(1 + FINAL + 2);
    expect(await withdrawal()).toMatchObject({ tx: 'CANCELLED' });
    // The gas was booked for what is gone; that the filler cost less is booked as an arrival.
    await resolve('final_taken_back', { action: 'adjust', adjustments: [] });
    await expectEnd('FAILED', 'COMMIT RELEASE', 0);
  });

  describe('that takes back somebody else’s use of a nonce, before its withdrawal was ended by it,', () => {
    beforeEach(async () => {
      await sent('2000');
      const use = { lane: 0, ahead: 0, what: 'nothing', by: 'block' } as const;
      new Stranger(road).use(use, () => 'USDC');
      for (const blocks of [FINAL, 1, 1]) await mine(blocks);
      expect(await withdrawal()).toMatchObject({ status: 'EXECUTING', tx: 'REPLACED' });
    });
    const goOn = async (transactions: 'none' | 'keep', bytes: Buffer[] = []) => {
      road.chain.reorg(FINAL + 3, { transactions, toPool: false, blocks: FINAL + 4 });
      for (const raw of bytes) road.chain.take(raw);
      if (bytes.length > 0) road.chain.mine(1);
      await walk();
      await resume(0);
      await resume(1);
      await walk();
      await on.job('withdrawal.final');
      expect(await withdrawal()).toMatchObject({ status: 'EXECUTING', resolutions: null });
      expect(await booksBreaks(road)).toEqual([]);
    };

    it('is settled by the payment that the new chain shows', async () => {
      const { rows } = await road.owner.query<{ raw: Buffer }>('SELECT raw FROM signature');
      await goOn(
        'none',
        rows.map(({ raw }) => raw),
      );
      await expectEnd('COMPLETED', 'COMMIT', 1);
    });

    it('closes the nonce by its filler, and releases then', async () => {
      await goOn('none');
      await expectEnd('FAILED', 'RELEASE', 0);
      expect(await withdrawal()).toMatchObject({ tx: 'CANCELLED' });
    });

    it('is ended by that use where the new chain has it too', async () => {
      await goOn('keep');
      await expectEnd('FAILED', 'RELEASE', 0);
      expect(await withdrawal()).toMatchObject({ tx: 'REPLACED' });
    });
  });

  it('offers a nonce whose payment was released to the filler alone, whoever bids first', async () => {
    road.chain.revertNext(() => true);
    await sent('2000');
    await mine(1 + FINAL + 2);
    await on.job('withdrawal.final');
    expect(await withdrawal()).toMatchObject({ status: 'FAILED', tx: 'REVERTED' });
    road.chain.reorg(FINAL + 3, { toPool: false, blocks: FINAL + 4 });
    await walk();
    await resume(0);
    await resume(1);
    await walk();
    await road.clock.elapse(31_000);
    await mine(1);
    await on.leases.renew();
    await on.replace();
    const { rows } = await road.owner.query('SELECT kind FROM signature_request ORDER BY ordinal');
    expect(rows).toEqual([{ kind: 'effect' }, { kind: 'filler' }]);
    await resolve('final_taken_back', { action: 'adjust', adjustments: [] });
    await expectEnd('FAILED', 'RELEASE', 0);
  });

  it('finds what is paid after its reserve was released, and books it by adjust', async () => {
    road.chain.revertNext(() => true);
    await paid('2000', FINAL + 2);
    expect(await withdrawal()).toMatchObject({ status: 'FAILED', tx: 'REVERTED' });
    road.chain.reorg(FINAL + 3, { transactions: 'keep', blocks: FINAL + 4 });
    await walk();
    await resume(0);
    await resume(1);
    await walk();
    await workOn(road, on, 4);
    await mine(FINAL + 2);
    await workOn(road, on, 4);
    expect(await withdrawal()).toMatchObject({ status: 'FAILED', tx: 'FINAL' });
    const opened = await events('break.opened');
    expect(opened.map(({ kind }) => kind).sort()).toEqual([
      'final_taken_back',
      'paid_after_release',
    ]);
    await resolve('final_taken_back', { action: 'adjust', adjustments: [] });
    const left = { asset: 'USDC', amount: '2000', movement: 'left' };
    await resolve('paid_after_release', { action: 'adjust', adjustments: [left] });
    expect(paymentsOn(road).get(TO)).toEqual([2_000_000_000n]);
    await expectEnd('FAILED', 'RELEASE', 1);
  });

  it('only lifts the halt where the node came back to our chain', async () => {
    await paid('2000', 1);
    await road.owner.query(`UPDATE chain_head SET halted_reason = 'a node that lied'`);
    const before = await head();
    await resume(0);
    await resume(1);
    await walk();
    expect(await head()).toEqual({ ...before, halted: null });
    expect((await events('chain.resumed'))[0]).toMatchObject({ orphans: 0, fork: before.latest });
    await expectEnd('COMPLETED', 'COMMIT', 1);
  });

  it('waits for a node that only lags, whatever was ordered', async () => {
    await paid('2000', FINAL + 2);
    await road.owner.query(`UPDATE chain_head SET halted_reason = 'disagreement'`);
    const before = await head();
    road.node.lag(5);
    await resume(0);
    await resume(1);
    await walk();
    expect(await head()).toEqual(before);
    road.node.lag(0);
    await walk();
    expect(await head()).toEqual({ ...before, halted: null });
    await expectEnd('COMPLETED', 'COMMIT', 1);
  });

  it('does not go on by the word of a key that was revoked since', async () => {
    await road.owner.query(`UPDATE chain_head SET halted_reason = 'disagreement'`);
    await resume(0);
    await road.owner.query('UPDATE api_key SET revoked_at = now() WHERE key_id = $1', [keys[0]]);
    expect(await resume(1)).toMatchObject({ status: 'proposed', proposedBy: keys[1] });
    await walk();
    expect((await head()).halted).toBe('disagreement');
  });

  it('is not resumed onto a chain that has none of our blocks', async () => {
    await road.owner.query(`UPDATE chain_head SET halted_reason = 'another chain'`);
    await road.owner.query(`UPDATE block SET hash = sha256(hash)`);
    await resume(0);
    await resume(1);
    await walk();
    expect((await head()).halted).toBe('another chain');
    expect((await events('chain.resume_refused'))[0]).toMatchObject({
      refusal: expect.stringMatching(/none of the blocks/),
    });
    expect(await resume(0)).toMatchObject({ status: 'proposed' });
  });
});
