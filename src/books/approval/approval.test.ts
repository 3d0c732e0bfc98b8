import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import type { ApprovalSettings, Requirement } from '../../base/config/index.ts';
import { inTransaction } from '../../base/db/index.ts';
import type { ApprovalContent } from '../../base/effect/index.ts';
import { type Hex, isRefusal, sha256Hex } from '../../base/kernel/index.ts';
import { giveApproval, rejectApproval } from './answer.ts';
import {
  ed25519Person,
  evmPerson,
  type Person,
  passkeyPerson,
  WEBAUTHN,
} from './approver.fixture.ts';
import { approvedOwners, closeApprovalRequests, consumeApprovals, readTallies } from './consume.ts';
import {
  type ApprovalRequest,
  listPendingApprovals,
  openApprovalRequests,
  readApprovalRequests,
} from './requests.ts';
import type { ApprovalOwner } from './topics.ts';

const INITIATOR = randomUUID();
const alice = ed25519Person('alice', [INITIATOR]);
const bob = evmPerson('bob');
const carol = passkeyPerson('carol');
const settings: ApprovalSettings = {
  approvers: [alice, bob, carol].map((person) => person.settings),
  groups: [{ id: 'finance', members: ['alice', 'bob', 'carol'] }],
  thresholds: [],
  webauthn: WEBAUTHN,
  expireAfterMs: 3_600_000,
};
const TWO: Requirement = { group: 'finance', count: 2 };

let at: MainDatabase;
beforeAll(async () => {
  at = await MainDatabase.start();
});
afterAll(() => at.stop());

type Opened = { ownerId: string; decisionId: string; request: ApprovalRequest };

async function open(
  over: {
    expireAfterMs?: number;
    endsAt?: Date;
    requirements?: Requirement[];
    content?: Partial<ApprovalContent>;
    ownerKind?: ApprovalOwner;
  } = {},
): Promise<Opened> {
  const ownerId = randomUUID();
  const decisionId = randomUUID();
  const intentId: Hex = `0x${sha256Hex(ownerId)}`;
  const content = {
    ...{
      chainId: 1,
      walletGroup: 'hot',
      asset: 'eip155:1/slip44:60',
      to: `0x${'33'.repeat(20)}` as Hex,
    },
    ...{ amount: 5n, feeCap: 7n, intentId, policyVersion: 'v', initiator: 'somebody' },
    ...over.content,
  };
  const wanted = {
    ...{ tenantId: at.tenantId, ownerKind: over.ownerKind ?? ('withdrawal' as const) },
    ...{ ownerId, decisionId, content, correlationId: 'c' },
    requirements: over.requirements ?? [TWO],
    endsAt: over.endsAt ?? null,
  };
  const { expireAfterMs = settings.expireAfterMs } = over;
  await inTransaction(at.app, (sql) => openApprovalRequests(sql, [wanted], { expireAfterMs }));
  const request = (await readApprovalRequests(at.app, [ownerId])).get(ownerId)!;
  return { ownerId, decisionId, request };
}

const give = ({ ownerId, request }: Opened, person: Person, tenantId = at.tenantId) =>
  giveApproval(at.app, settings, {
    ...{ tenantId, ownerId },
    approval: { approverId: person.settings.id, proof: person.sign(request.digest) },
  });
const codeOf = async (answer: Promise<unknown>) => {
  const given = await answer;
  return isRefusal(given) ? given.code : (given as ApprovalRequest).status;
};
const jobs = async (ownerId: string) =>
  (
    await at.rows<{ topic: string; due: boolean }>(
      'SELECT topic, run_at <= now() AS due FROM job WHERE subject_id = $1 ORDER BY topic',
      [ownerId],
    )
  ).map(({ topic, due }) => `${topic} ${due ? 'now' : 'later'}`);

describe('a request for approvals', () => {
  it('waits with a job for when nobody answers, and keeps what is signed to the second', async () => {
    const opened = await open();
    expect(opened.request).toMatchObject({ status: 'PENDING', expired: false, approvals: [] });
    const left = opened.request.content.expiry - opened.request.createdAt.getTime() / 1000;
    expect(left).toBeGreaterThan(3_598);
    expect(left).toBeLessThanOrEqual(3_600);
    expect(await jobs(opened.ownerId)).toEqual(['withdrawal.unapproved later']);
    const pending = await listPendingApprovals(at.app, at.tenantId, { limit: 9, before: null });
    expect(pending.map(({ ownerId }) => ownerId)).toContain(opened.ownerId);
  });

  it('of a payment wakes the road of payments', async () => {
    const opened = await open({ ownerKind: 'payment' });
    expect(opened.request.ownerKind).toBe('payment');
    await give(opened, bob);
    await give(opened, carol);
    expect(await jobs(opened.ownerId)).toEqual(['payment.approve now', 'payment.unapproved later']);
  });

  it('ends no later than what it is about', async () => {
    const endsAt = new Date(Date.now() + 90_000);
    const { request } = await open({ endsAt });
    expect(request.content.expiry).toBe(Math.floor(endsAt.getTime() / 1000));
  });

  it('is approved by the last signature that is needed, in one act with the job that goes on', async () => {
    const opened = await open();
    const { ownerId, decisionId } = opened;
    const now = { ownerId, decisionId };
    expect(await codeOf(give(opened, bob))).toBe('PENDING');
    expect(await approvedOwners(at.app, [now])).toEqual(new Set());
    expect((await readTallies(at.app, settings.groups, [ownerId])).get(ownerId)).toEqual({
      required: 2,
      given: 1,
      met: false,
    });
    expect(await codeOf(give(opened, carol))).toBe('APPROVED');
    expect(await approvedOwners(at.app, [now])).toEqual(new Set([ownerId]));
    expect(await approvedOwners(at.app, [{ ownerId, decisionId: randomUUID() }])).toEqual(
      new Set(),
    );
    expect(await jobs(ownerId)).toEqual(['withdrawal.approve now', 'withdrawal.unapproved later']);
    const events = await at.rows(
      'SELECT to_state, owner_id FROM event WHERE subject_id = $1 ORDER BY seq',
      [opened.request.requestId],
    );
    expect(events).toEqual([
      { to_state: 'PENDING', owner_id: ownerId },
      { to_state: 'APPROVED', owner_id: ownerId },
    ]);
  });

  it('takes each approver once, however often and at once they say it', async () => {
    const opened = await open();
    const said = await Promise.all(Array.from({ length: 5 }, () => codeOf(give(opened, bob))));
    expect(said).toEqual(Array(5).fill('PENDING'));
    expect(
      (await readApprovalRequests(at.app, [opened.ownerId])).get(opened.ownerId)!.approvals,
    ).toHaveLength(1);
  });

  it('refuses the one who asked, a foreign key and another content, and changes nothing', async () => {
    const opened = await open({ content: { initiator: INITIATOR } });
    expect(await codeOf(give(opened, alice))).toBe('approver_is_initiator');
    expect(await codeOf(give(opened, ed25519Person('eve')))).toBe('approver_unknown');
    const other = await open();
    expect(await codeOf(give({ ...opened, request: other.request }, bob))).toBe(
      'approval_signature_invalid',
    );
    expect(await codeOf(give(opened, bob, randomUUID()))).toBe('not_found');
    expect(
      (await readApprovalRequests(at.app, [opened.ownerId])).get(opened.ownerId)!.approvals,
    ).toEqual([]);
  });

  it('is closed by a rejection, which says who and why', async () => {
    const opened = await open();
    const { ownerId } = opened;
    const no = { tenantId: at.tenantId, ownerId, by: 'bob', reason: 'not ours' };
    expect(await codeOf(rejectApproval(at.app, no))).toBe('REJECTED');
    expect(await jobs(ownerId)).toEqual(['withdrawal.unapproved now']);
    expect(await codeOf(rejectApproval(at.app, no))).toBe('approval_closed');
    expect(await codeOf(give(opened, bob))).toBe('approval_closed');
    const { rejection } = (await readApprovalRequests(at.app, [ownerId])).get(ownerId)!;
    expect(rejection).toMatchObject({ by: 'bob', reason: 'not ours' });
    const told = await at.rows('SELECT action, actor, detail FROM audit_entry WHERE subject = $1', [
      ownerId,
    ]);
    expect(told).toMatchObject([
      { action: 'approval.rejected', actor: 'bob', detail: { reason: 'not ours' } },
    ]);
  });

  it('counts nothing of a key that its approver has no more', async () => {
    const opened = await open();
    await give(opened, bob);
    // The old key was stolen, and what it signed may be the thief's.
    const fresh = ed25519Person('bob');
    const approvers = [alice, fresh, carol].map((person) => person.settings);
    const now = { ...settings, approvers };
    const giveNow = (person: Person) =>
      giveApproval(at.app, now, {
        ...{ tenantId: at.tenantId, ownerId: opened.ownerId },
        approval: { approverId: person.settings.id, proof: person.sign(opened.request.digest) },
      });
    expect(await codeOf(giveNow(carol))).toBe('PENDING');
    expect(await codeOf(giveNow(alice))).toBe('APPROVED');
  });

  it('takes nothing after its time', async () => {
    const opened = await open({ expireAfterMs: 0 });
    expect(opened.request.expired).toBe(true);
    expect(await codeOf(give(opened, bob))).toBe('approval_expired');
    expect(
      await codeOf(
        rejectApproval(at.app, {
          tenantId: at.tenantId,
          ownerId: opened.ownerId,
          by: 'b',
          reason: 'r',
        }),
      ),
    ).toBe('approval_expired');
  });

  it('is closed with what it is about', async () => {
    const [waiting, approved] = [
      await open(),
      await open({ requirements: [{ group: 'finance', count: 1 }] }),
    ];
    await give(approved, bob);
    const owners = [waiting.ownerId, approved.ownerId];
    await inTransaction(at.app, (sql) => closeApprovalRequests(sql, owners, 'CANCELLED'));
    const requests = await readApprovalRequests(at.app, owners);
    expect(owners.map((id) => requests.get(id)!.status)).toEqual(['CANCELLED', 'APPROVED']);
    expect(await codeOf(give(waiting, bob))).toBe('approval_closed');
  });

  it('is asked once for a decision, and once at a time for an owner', async () => {
    const opened = await open();
    const again = (ownerId: string, decisionId: string) =>
      openApprovalRequests(
        at.app,
        [{ ...opened.request, ownerId, decisionId, requirements: [TWO], endsAt: null }],
        settings,
      );
    await expect(again(randomUUID(), opened.decisionId)).rejects.toMatchObject({ code: '23505' });
    await expect(again(opened.ownerId, randomUUID())).rejects.toMatchObject({ code: '23505' });
  });
});

describe('approvals', () => {
  it('are used once', async () => {
    const opened = await open({ requirements: [{ group: 'finance', count: 1 }] });
    await give(opened, bob);
    const { decisionId } = opened;
    await consumeApprovals(at.app, [{ decisionId, txId: randomUUID() }]);
    await expect(
      consumeApprovals(at.app, [{ decisionId, txId: randomUUID() }]),
    ).rejects.toMatchObject({ code: '23505' });
  });

  it('and what was asked can not be changed by the program', async () => {
    const { request } = await open();
    for (const change of [
      'amount = 6',
      "recipient = decode(repeat('44', 20), 'hex')",
      'expiry = expiry + 1',
      "initiator = 'x'",
      "requirements = '[]'",
    ]) {
      await expect(
        at.app.query(`UPDATE approval_request SET ${change} WHERE request_id = $1`, [
          request.requestId,
        ]),
      ).rejects.toMatchObject({ code: '42501' });
    }
    await expect(at.app.query('UPDATE approval SET signature = signature')).rejects.toMatchObject({
      code: '42501',
    });
    await expect(at.app.query('DELETE FROM approval')).rejects.toMatchObject({ code: '42501' });
  });
});
