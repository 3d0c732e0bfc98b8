import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Person, personOf } from '../../../../test/support/persons.ts';
import { ruleBy } from '../../../../test/support/policy.ts';
import { type TestDatabases, testDatabases } from '../../../../test/support/postgres.ts';
import { finish } from '../../../../test/support/steps/finish.ts';
import { brokenLaws } from '../../../../test/support/steps/laws.ts';
import { paymentsOn, recipient } from '../../../../test/support/steps/payments.ts';
import type { Processes } from '../../../../test/support/steps/processes.ts';
import { Road } from '../../../../test/support/steps/road.ts';
import { isRefusal } from '../../../base/kernel/index.ts';
import { enqueue } from '../../../base/queue/index.ts';
import { ApprovalService } from '../../approval/index.ts';
import { HoldService, type WithdrawalView, withdrawalIntents } from '../index.ts';

const INITIATOR = randomUUID();
const alice = personOf('alice');
const bob = personOf('bob');
const asker = personOf('asker', [INITIATOR]);
const USDC = 1_000_000n;
const PASSKEY = {
  ...{ approver: 'alice', signature: '0xab' },
  ...{ authenticatorData: 'AAAA', clientDataJSON: 'AAAA' },
};

let databases: TestDatabases;
let road: Road;
let on: Processes;
let approvals: ApprovalService;
beforeAll(async () => {
  databases = await testDatabases();
  road = await Road.open(databases, {
    guard: ({ assets }) => ({
      approvals: {
        approvers: [alice, bob, asker].map(({ settings }) => settings),
        groups: [{ id: 'finance', members: ['alice', 'bob', 'asker'] }],
        thresholds: [
          {
            kind: 'withdrawal',
            asset: assets[0]!.caip19,
            above: 100n * USDC,
            requirement: { group: 'finance', count: 2 },
          },
        ],
        webauthn: null,
        expireAfterMs: 100_000,
      },
    }),
  });
  const { rows } = await road.owner.query('SELECT installation_id FROM installation');
  const { settings } = road;
  const installationId = rows[0].installation_id;
  approvals = new ApprovalService({
    ...{ db: road.wires.app, settings },
    intents: {
      withdrawal: (sql, ids) => withdrawalIntents(sql, installationId, ids),
      payment: async () => new Map(),
    },
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

async function submit(amount: string, more: Record<string, unknown> = {}): Promise<string> {
  const idempotencyKey = randomUUID();
  const body = { account: 'alice', asset: 'USDC', amount, to: recipient(1), ...more };
  const order = { idempotencyKey, correlationId: 'c', body, initiatedBy: INITIATOR };
  const [verdict] = await on.service.submit(road.tenantId, [order]);
  if (verdict?.kind !== 'created') throw new Error('not taken');
  await on.job('withdrawal.requested');
  return verdict.view.id;
}
const read = async (id: string): Promise<WithdrawalView> =>
  (await on.service.get(road.tenantId, id))!;
async function give(id: string, person: Person): Promise<string> {
  const { digest } = (await approvals.get(road.tenantId, id))!;
  const said = await approvals.approve(road.tenantId, id, person.body(digest as `0x${string}`));
  return isRefusal(said) ? said.code : said.status;
}
const calm = async () => {
  expect(await finish(road, on)).toEqual([]);
  expect(await brokenLaws(road, true)).toEqual([]);
};

describe('a withdrawal above the threshold', () => {
  it('waits for two approvers, tells who is missing, and is paid when both have signed', async () => {
    const id = await submit('101');
    expect(await read(id)).toMatchObject({
      status: 'AWAITING_APPROVAL',
      approvals: { required: 2, given: 0 },
    });
    expect(await give(id, asker)).toBe('approver_is_initiator');
    expect(await give(id, alice)).toBe('PENDING');
    expect((await read(id)).approvals).toEqual({ required: 2, given: 1 });
    await on.job('withdrawal.approve');
    expect((await read(id)).status).toBe('AWAITING_APPROVAL');
    expect(await give(id, bob)).toBe('APPROVED');
    await calm();
    expect(await read(id)).toMatchObject({
      status: 'COMPLETED',
      approvals: { required: 2, given: 2 },
    });
    expect(paymentsOn(road).get(recipient(1))).toEqual([101n * USDC]);
  });

  it('is rejected with a reason, and its money is back', async () => {
    const id = await submit('101');
    const said = { body: { reason: 'not ours' }, by: 'API key 1' };
    expect(await approvals.reject(road.tenantId, id, said)).toMatchObject({ status: 'REJECTED' });
    await calm();
    expect(await read(id)).toMatchObject({
      status: 'REJECTED',
      failure: { code: 'approval_rejected', message: 'API key 1: not ours' },
    });
    expect(paymentsOn(road).size).toBe(0);
  });

  it('ends when nobody approves it in time', async () => {
    const id = await submit('101');
    await on.job('withdrawal.unapproved');
    expect((await read(id)).status).toBe('AWAITING_APPROVAL');
    await road.owner.query('UPDATE approval_request SET expiry = 1');
    await road.clock.elapse(101_000);
    await on.job('withdrawal.unapproved');
    expect(await read(id)).toMatchObject({
      status: 'EXPIRED',
      failure: { code: 'approval_expired' },
    });
    expect((await approvals.get(road.tenantId, id))?.status).toBe('EXPIRED');
    await calm();
  });

  it('can be cancelled while it waits; approvals come too late then', async () => {
    const id = await submit('101');
    expect(await give(id, alice)).toBe('PENDING');
    expect(await on.service.cancel(road.tenantId, id)).toMatchObject({ status: 'CANCELLED' });
    expect(await give(id, bob)).toBe('approval_closed');
    await calm();
    expect((await read(id)).status).toBe('CANCELLED');
  });

  it('is listed for its tenant while it waits, with what is signed and how the intent is made', async () => {
    const id = await submit('101');
    const listed = await approvals.list(road.tenantId, { limit: 10, before: null });
    expect(listed.map(({ view }) => view)).toEqual([
      expect.objectContaining({
        withdrawalId: id,
        shown: expect.objectContaining({ asset: 'USDC', amount: '101' }),
        content: expect.objectContaining({ amount: '101000000', initiator: INITIATOR }),
        required: 2,
      }),
    ]);
    expect(await approvals.list(randomUUID(), { limit: 10, before: null })).toEqual([]);
    expect(await approvals.get(randomUUID(), id)).toBeNull();
  });

  it.each([
    [{ approver: 'alice' }],
    [{ approver: 'alice', signature: '0xzz' }],
    [{ approver: 'alice', signature: '0xab', clientDataJSON: 'ab' }],
    [{ approver: 'alice', signature: '0xab', more: 1 }],
    // The database would refuse to keep them, after a passkey of software had signed them.
    [{ approver: 'alice', signature: `0x${'ab'.repeat(513)}` }],
    [{ ...PASSKEY, authenticatorData: 'A'.repeat(5_600) }],
    [{ ...PASSKEY, clientDataJSON: 'A'.repeat(5_600) }],
    [[]],
  ])('takes no approval that is no form: %j', async (body) => {
    const id = await submit('101');
    const said = await approvals.approve(road.tenantId, id, body);
    expect(isRefusal(said) && said.code).toMatch(/invalid_request|unknown_field/);
    expect((await approvals.get(road.tenantId, id))?.approvals).toEqual([]);
  });
});

const policy = (holds: string, denied: string) => `version: 1
rules:
  - { id: all, type: allow }
  - { id: other, type: deny, match: { accounts: [${denied}] } }
  - { id: usdc, type: tiers, match: { assets: [USDC] }, tiers: [{ name: any, commitAt: safe }] }
${holds}`;
const HOLD = '  - { id: h, type: hold, hold: manual_review, timeout: 24h }\n';

describe('a withdrawal that is held, too', () => {
  const approved = async () => {
    await ruleBy(road, policy(HOLD, 'carol'));
    const id = await submit('101');
    expect([await give(id, alice), await give(id, bob)]).toEqual(['PENDING', 'APPROVED']);
    await on.job('withdrawal.approve');
    expect((await read(id)).status).toBe('AWAITING_APPROVAL');
    return id;
  };

  it('ends with the time of its approvals, though they were there in time', async () => {
    const id = await approved();
    await on.job('withdrawal.unapproved');
    await road.owner.query('UPDATE approval_request SET expiry = 1');
    await road.clock.elapse(101_000);
    await on.job('withdrawal.unapproved');
    expect(await read(id)).toMatchObject({
      ...{ status: 'EXPIRED', failure: { code: 'approval_expired' } },
    });
    await calm();
  });

  it('goes on when its hold is cleared before', async () => {
    const id = await approved();
    const holds = new HoldService({ db: road.wires.app });
    const [hold] = await holds.list(road.tenantId, { limit: 1, before: null });
    await holds.answer(road.tenantId, hold!.id, { answer: 'cleared', by: INITIATOR, body: {} });
    await calm();
    expect(await read(id)).toMatchObject({ status: 'COMPLETED' });
  });
});

describe('a withdrawal that a person rejected before its policy was tightened', () => {
  const decideAgain = async (subjectId: string) => {
    const { tenantId } = road;
    await enqueue(road.wires.app, [{ topic: 'withdrawal.decide_again', subjectId, tenantId }]);
    await on.job('withdrawal.decide_again');
  };

  it('is not asked about anew, and ends by that no', async () => {
    await ruleBy(road, policy('', 'carol'));
    const id = await submit('101');
    expect(await give(id, alice)).toBe('PENDING');
    await approvals.reject(road.tenantId, id, { body: { reason: 'not ours' }, by: 'API key 1' });
    await ruleBy(road, policy('', 'dave'));
    await decideAgain(id);
    expect((await approvals.get(road.tenantId, id))?.status).toBe('REJECTED');
    await calm();
    expect(await read(id)).toMatchObject({
      ...{ status: 'REJECTED', failure: { code: 'approval_rejected' } },
    });
  });

  it('is not paid where the new policy asks nobody', async () => {
    await ruleBy(road, policy(HOLD, 'carol'));
    const id = await submit('100');
    const holds = new HoldService({ db: road.wires.app });
    const [hold] = await holds.list(road.tenantId, { limit: 1, before: null });
    const said = { answer: 'rejected' as const, by: INITIATOR, body: { reason: 'a fraud' } };
    expect(isRefusal(await holds.answer(road.tenantId, hold!.id, said))).toBe(false);
    await ruleBy(road, policy('', 'dave'));
    await decideAgain(id);
    await calm();
    expect(await read(id)).toMatchObject({
      ...{ status: 'REJECTED', failure: { code: 'hold_rejected' } },
    });
    expect(paymentsOn(road).size).toBe(0);
  });
});

describe('a withdrawal up to the threshold', () => {
  it('waits for nobody', async () => {
    const id = await submit('100');
    expect((await read(id)).status).toBe('APPROVED');
    expect(await approvals.get(road.tenantId, id)).toBeNull();
    const unasked = alice.body(`0x${'11'.repeat(32)}`);
    expect(await approvals.approve(road.tenantId, id, unasked)).toMatchObject({
      code: 'not_found',
    });
  });
});
