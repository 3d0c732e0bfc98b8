import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import { Assets } from '../../../base/config/index.ts';
import { isRefusal, silentLog } from '../../../base/kernel/index.ts';
import { createKey, listTenants } from '../../../books/access/index.ts';
import { activateDue, checkRuledChains } from '../../../books/policy/index.ts';
import { type PolicyChangeView, PolicyService } from '../index.ts';

const USD = {
  ...{ id: 'USD', caip19: 'eip155:1/slip44:60', chain: 'base', chainId: 1, address: null },
  ...{ decimals: 0, minimum: 1n, fee: 0n, tiers: [] },
};

const document = (cap: string, more = '') => `version: 1
rules:
  - { id: all, type: allow }
  - { id: cap, type: cap, match: { assets: [USD] }, amount: "${cap}" }
  - { id: usd, type: tiers, match: { assets: [USD] }, tiers: [{ name: any, commitAt: finalized }] }
${more}`;

let at: MainDatabase;
let policies: PolicyService;
const persons: string[] = [];
beforeEach(async () => {
  at = await MainDatabase.start();
  persons.length = 0;
  for (const name of ['ada', 'bob', 'eve']) {
    const key = await createKey(at.app, { tenantId: at.tenantId, name, scopes: ['admin:policy'] });
    if (isRefusal(key)) throw new Error(key.detail);
    persons.push(key.keyId);
  }
  policies = serviceWith(3_600_000);
});
afterEach(() => at?.stop());

const serviceWith = (delayMs: number, chains = ['base']) =>
  new PolicyService({
    ...{ db: at.app, delayMs, log: silentLog },
    world: { assets: new Assets([USD]), chains, groups: [] },
  });
const order = (person: number, body: unknown = undefined) => ({
  ...{ by: { tenantId: at.tenantId, personId: persons[person]! }, body, correlationId: 'c' },
});
const good = async (answer: Promise<PolicyChangeView | { refused: true }>) => {
  const view = await answer;
  if (isRefusal(view)) throw new Error(`${view.code}: ${view.detail}`);
  return view as PolicyChangeView;
};
const draft = (text: string) => good(policies.draft(order(0, { document: text, reason: 'audit' })));
const proposed = async (text: string) => {
  const { id } = await draft(text);
  return good(policies.propose(id, order(0)));
};
/** Confirmed by the second person; what loosens without any delay. */
const confirmed = async (text: string, by = policies) => {
  const { id } = await proposed(text);
  return good(by.confirm(id, order(1)));
};
const due = () =>
  activateDue(at.app, async () => (await listTenants(at.app)).map(({ tenantId }) => tenantId));
/** A document rules, as after its delay. */
const rule = async (text: string) => {
  const change = await confirmed(text, serviceWith(0));
  await due();
  return change;
};
const rules = async () => (await at.rows('SELECT version FROM policy_effective'))[0]!['version'];
const statusOf = async (id: string) =>
  (await at.rows('SELECT status FROM policy_change WHERE change_id = $1', [id]))[0]!['status'];
const standing = async () =>
  (await at.rows('SELECT version FROM policy_standing ORDER BY 1')).map((row) => row['version']);

describe('a policy', () => {
  it('that is the first waits for its delay, and then rules', async () => {
    const change = await confirmed(document('10'));
    expect(change).toMatchObject({
      ...{ status: 'SCHEDULED', effect: 'loosening', baseVersion: null },
      ...{ draftedBy: persons[0], proposedBy: persons[0], confirmedBy: persons[1] },
    });
    const [row] = await at.rows<{ waits: boolean }>(
      `SELECT effective_at BETWEEN now() + interval '59 minutes' AND now() + interval '61 minutes' AS waits
       FROM policy_change`,
    );
    expect(row).toEqual({ waits: true });
    expect(await due()).toBe(0);
    expect(await rules()).toBeNull();
    await at.rows(`UPDATE policy_change SET effective_at = now() - interval '1 second'`);
    expect(await due()).toBe(1);
    expect([await rules(), await statusOf(change.id)]).toEqual([change.version, 'EFFECTIVE']);
    expect(await due()).toBe(0);
    const told = await at.rows(
      `SELECT type, to_state, data FROM event WHERE subject_id = $1 ORDER BY event_id`,
      [change.id],
    );
    expect(told.map(({ type, to_state }) => to_state ?? type)).toEqual([
      ...['DRAFT', 'PROPOSED', 'SCHEDULED', 'EFFECTIVE', 'policy.effective'],
    ]);
    expect(told.map(({ data }) => (data as { by?: string }).by ?? null).slice(0, 3)).toEqual([
      ...[persons[0], persons[0], persons[1]],
    ]);
  });

  it('that tightens rules from the second word on, and supersedes what ruled', async () => {
    const first = await rule(document('10'));
    const second = await confirmed(document('9'));
    expect(second).toMatchObject({
      status: 'EFFECTIVE',
      effect: 'tightening',
      baseVersion: first.version,
    });
    expect([await rules(), await statusOf(first.id)]).toEqual([second.version, 'SUPERSEDED']);
    expect(await standing()).toEqual([second.version]);
  });

  it('that loosens leaves what was decided before it good; what tightens does not', async () => {
    const first = await rule(document('10'));
    const second = await rule(document('11'));
    expect(await standing()).toEqual([first.version, second.version].sort());
    const neutral = await confirmed(`${document('11').replace('name: any', 'name: other')}`);
    expect(neutral.effect).toBe('neutral');
    expect(await standing()).toHaveLength(3);
    // Loosening as a whole, and some of it tightens.
    const mixed = await rule(
      document('12', '  - { id: no, type: deny, match: { accounts: [mallory] } }\n'),
    );
    expect(mixed).toMatchObject({ effect: 'loosening', tightens: true });
    expect(await standing()).toEqual([mixed.version]);
  });

  it('is confirmed by nobody who proposed it, nor after their rights have ended', async () => {
    const { id } = await proposed(document('10'));
    expect(await policies.confirm(id, order(0))).toMatchObject({ code: 'second_person_required' });
    await at.rows('UPDATE api_key SET revoked_at = now() WHERE key_id = $1', [persons[0]]);
    expect(await policies.confirm(id, order(1))).toMatchObject({ code: 'second_person_required' });
    expect(await statusOf(id)).toBe('PROPOSED');
    await good(policies.propose(id, order(2)));
    expect(await policies.confirm(id, order(1))).toMatchObject({
      ...{ status: 'SCHEDULED', proposedBy: persons[2], confirmedBy: persons[1] },
    });
  });

  it('is vetoed by any one person until it rules', async () => {
    const scheduled = await confirmed(document('10'));
    const veto = (id: string) => policies.veto(id, order(2, { reason: 'too much' }));
    expect(await veto(scheduled.id)).toMatchObject({
      ...{ status: 'VETOED', endedBy: persons[2], endReason: 'too much' },
    });
    const audited = await at.rows(
      'SELECT action, actor FROM audit_entry WHERE subject IN ($1, $2) ORDER BY entry_id',
      [scheduled.id, `policy:${scheduled.id}`],
    );
    expect(audited).toEqual([
      { action: 'policy.drafted', actor: `person ${persons[0]}` },
      { action: 'proposal.made', actor: `person ${persons[0]}` },
      { action: 'policy.confirmed', actor: `person ${persons[1]}` },
      { action: 'policy.vetoed', actor: `person ${persons[2]}` },
    ]);
    await at.rows(`UPDATE policy_change SET effective_at = now() - interval '1 second'`);
    expect(await due()).toBe(0);
    expect(await rules()).toBeNull();
    expect(await veto(scheduled.id)).toMatchObject({ code: 'policy_change_refused' });
    const draftOnly = await draft(document('9'));
    expect(await veto(draftOnly.id)).toMatchObject({ status: 'WITHDRAWN' });
    const ruling = await rule(document('8'));
    expect(await veto(ruling.id)).toMatchObject({ code: 'policy_change_refused' });
    expect(await policies.veto(ruling.id, order(2, {}))).toMatchObject({ code: 'invalid_request' });
  });

  it('that was compared with another version than rules now neither is confirmed nor rules', async () => {
    await rule(document('10'));
    const open = await proposed(document('20'));
    const scheduled = await confirmed(document('30'));
    const tightened = await confirmed(document('5'));
    expect(await policies.confirm(open.id, order(1))).toMatchObject({
      ...{ code: 'policy_change_refused', detail: expect.stringMatching(/draft it anew/) },
    });
    await at.rows(
      `UPDATE policy_change SET effective_at = now() - interval '1 second' WHERE status = 'SCHEDULED'`,
    );
    await due();
    expect(await statusOf(scheduled.id)).toBe('WITHDRAWN');
    expect(await rules()).toBe(tightened.version);
  });

  it('rules once, whoever confirms and activates beside each other', async () => {
    const { id } = await proposed(document('10'));
    const quick = serviceWith(0);
    const answers = await Promise.all([1, 2, 1].map((person) => quick.confirm(id, order(person))));
    expect(answers.filter((answer) => !isRefusal(answer))).toHaveLength(1);
    await Promise.all([due(), due(), due()]);
    expect(await statusOf(id)).toBe('EFFECTIVE');
    const told = await at.rows(`SELECT 1 FROM event WHERE type = 'policy.effective'`);
    expect(told).toHaveLength(1);
  });

  it('takes its steps in order', async () => {
    const { id } = await draft(document('10'));
    expect(await policies.confirm(id, order(1))).toMatchObject({ code: 'policy_change_refused' });
    const { id: scheduled } = await confirmed(document('11'));
    expect(await policies.propose(scheduled, order(0))).toMatchObject({
      code: 'policy_change_refused',
    });
    for (const strange of [randomUUID(), 'nonsense']) {
      expect(await policies.get(strange)).toMatchObject({ code: 'not_found' });
      expect(await policies.propose(strange, order(0))).toMatchObject({ code: 'not_found' });
    }
  });

  it('is listed newest first, and read with its document as it was written', async () => {
    const [one, two] = [await draft(document('1')), await draft(document('2'))];
    const listed = await policies.list({ limit: 9, before: null });
    expect(listed.map(({ id }) => id)).toEqual([two.id, one.id]);
    expect(await policies.list({ limit: 9, before: two.id })).toMatchObject([{ id: one.id }]);
    expect(await policies.get(one.id)).toMatchObject({ document: document('1'), status: 'DRAFT' });
  });
});

describe('a draft', () => {
  it('is compared with what rules, and stores nothing where it is only compared', async () => {
    const { version } = await rule(document('10'));
    const diff = await policies.diff({ document: document('9') });
    expect(diff).toMatchObject({
      effect: 'tightening',
      differences: [{ rule: 'cap', field: 'amounts' }],
    });
    expect(await at.rows('SELECT count(*)::int AS n FROM policy_version')).toEqual([{ n: 1 }]);
    expect(await policies.draft(order(0, { document: document('10'), reason: 'r' }))).toMatchObject(
      {
        ...{ code: 'policy_change_refused', detail: 'This document rules.' },
      },
    );
    expect(await rules()).toBe(version);
  });

  it.each<[string, unknown, string]>([
    ['no object', 'x', 'invalid_request'],
    ['no document', { reason: 'r' }, 'invalid_request'],
    ['a document that is no text', { document: {}, reason: 'r' }, 'invalid_request'],
    ['no reason', { document: document('1') }, 'invalid_request'],
    ['an unknown field', { document: document('1'), reason: 'r', force: true }, 'unknown_field'],
    ['a faulty document', { document: document('x'), reason: 'r' }, 'policy_faulty'],
  ])('is refused: %s', async (_, body, code) => {
    expect(await policies.draft(order(0, body))).toMatchObject({ code });
    expect(await at.rows('SELECT 1 FROM policy_change')).toEqual([]);
    expect(await at.rows('SELECT 1 FROM policy_version')).toEqual([]);
  });

  it('that is faulty is told every fault with its line and rule', async () => {
    const answer = await policies.diff({ document: document('x') });
    expect(isRefusal(answer) && answer.faults?.[0]).toMatchObject({
      ...{ pointer: '/document', code: 'policy_faulty' },
      got: expect.stringMatching(/^line 4, column \d+, rule cap/),
    });
  });
});

describe('the database', () => {
  it('refuses a change that one person confirmed alone, and two that rule', async () => {
    const { id } = await proposed(document('10'));
    const set = (columns: string) =>
      at.rows(`UPDATE policy_change SET ${columns} WHERE change_id = $1`, [id]);
    await expect(set('confirmed_by = proposed_by')).rejects.toMatchObject({ code: '23514' });
    await expect(set(`status = 'EFFECTIVE', effective_at = now()`)).rejects.toMatchObject({
      code: '23514',
    });
    await expect(set(`status = 'SUPERSEDED'`)).rejects.toMatchObject({ code: '23514' });
    await rule(document('20'));
    await expect(
      at.rows(
        `UPDATE policy_change SET status = 'EFFECTIVE', effective_at = now(), confirmed_by = $2 WHERE change_id = $1`,
        [id, persons[1]],
      ),
    ).rejects.toMatchObject({ code: '23505' });
  });
});

describe('a chain that has another id in the configuration by now', () => {
  const text = document('5', '  - { id: shut, type: deny, match: { chains: [base] } }\n');

  it('keeps processes from starting while a document rules, or will, that names it', async () => {
    await proposed(text);
    await expect(checkRuledChains(at.app, ['base-1'])).resolves.toBeUndefined();
    await rule(text);
    const refused = checkRuledChains(at.app, ['base-1']);
    await expect(refused).rejects.toThrow(/^chains: none .*rule shut: base\); keep the id/);
    // Without the rule, which loosens, after its delay; until then both count.
    await confirmed(document('5'));
    await expect(checkRuledChains(at.app, ['base-1'])).rejects.toThrow(/rule shut: base/);
  });

  it('is in no document that is confirmed', async () => {
    const { id } = await proposed(text);
    expect(await serviceWith(0, ['base-1']).confirm(id, order(1))).toMatchObject({
      code: 'policy_change_refused',
      detail: expect.stringContaining('rule shut: base'),
    });
    expect(await statusOf(id)).toBe('PROPOSED');
  });
});
