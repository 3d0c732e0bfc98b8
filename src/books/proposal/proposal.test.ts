import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import { confirm, propose, readProposals, type Speaker } from './index.ts';

let at: MainDatabase;
beforeAll(async () => {
  at = await MainDatabase.start();
});
afterAll(() => at?.stop());
beforeEach(() => at.rows('DELETE FROM proposal'));

/** A key of the owner, or one that speaks for another person. */
async function person(of: string | null = null, tenantId = at.tenantId): Promise<Speaker> {
  const [row] = await at.rows<{ personId: string }>(
    `INSERT INTO api_key (tenant_id, name, scopes, person_id) VALUES ($1, 'a person', '{admin}', $2)
     RETURNING person_id AS "personId"`,
    [tenantId, of],
  );
  return { ...row!, tenantId };
}

const say = (by: Speaker, content = 'yes') =>
  propose(at.app, { subject: 's', content, by, roles: ['operator'] });
const agree = (by: Speaker, content = 'yes') =>
  confirm(at.app, { subject: 's', content, by, roles: ['operator'] });
const said = async () => (await readProposals(at.app, ['s'])).get('s');

describe('a proposal', () => {
  it('is confirmed once, by another person who says the same', async () => {
    const [first, second] = [await person(), await person()];
    await say(first);
    expect(await agree(first)).toBeNull();
    expect(await agree(second, 'no')).toBeNull();
    expect(await agree(second)).toBe(first.personId);
    expect(await agree(second)).toBeNull();
  });

  it('is not confirmed by another key of the person who made it', async () => {
    const first = await person();
    await say(first);
    expect(await agree(await person(first.personId))).toBeNull();
    expect(await agree(await person())).toBe(first.personId);
  });

  it('gives way to other content, and to anybody’s once who made it has no rights any more', async () => {
    const [first, second, third] = [await person(), await person(), await person()];
    await say(first);
    await say(second, 'no');
    expect(await said()).toMatchObject({ content: 'no', proposedBy: second.personId });
    await at.rows('UPDATE api_key SET revoked_at = now() WHERE key_id = $1', [second.personId]);
    expect(await agree(third, 'no')).toBeNull();
    await say(third, 'no');
    expect(await said()).toMatchObject({ content: 'no', proposedBy: third.personId });
  });

  it('is not confirmed by who has no rights, here or any more', async () => {
    const [first, second] = [await person(), await person()];
    await say(first);
    const elsewhere = { ...second, tenantId: await at.tenant('elsewhere') };
    expect(await agree(elsewhere)).toBeNull();
    await at.rows('UPDATE api_key SET revoked_at = now() WHERE key_id = $1', [second.personId]);
    expect(await agree(second)).toBeNull();
  });
});

describe('an operator’s word', () => {
  async function operator(): Promise<Speaker> {
    const [row] = await at.rows<{ personId: string }>(
      `WITH made AS (INSERT INTO operator (name) VALUES ('p' || random()) RETURNING operator_id)
       INSERT INTO operator_membership (operator_id, tenant_id, roles, activated_at)
       SELECT operator_id, $1, '{operator}', clock_timestamp() FROM made RETURNING operator_id AS "personId"`,
      [at.tenantId],
    );
    return { ...row!, tenantId: at.tenantId };
  }

  it('is not confirmed by a key that they made, nor that of the key by them', async () => {
    const [ann, bob] = [await operator(), await operator()];
    const key = await person(ann.personId);
    expect(key.personId).toBe(ann.personId);
    await say(ann);
    expect(await agree(key)).toBeNull();
    await at.rows('DELETE FROM proposal');
    await say(key);
    expect(await agree(ann)).toBeNull();
    expect(await agree(bob)).toBe(ann.personId);
  });

  it('is not said by a key that they made once their roles do not say it any more', async () => {
    const [ann, bob] = [await operator(), await operator()];
    const key = await person(ann.personId);
    await at.rows(
      `UPDATE operator_membership SET roles = '{viewer}', granted_at = clock_timestamp()
       WHERE operator_id = $1`,
      [ann.personId],
    );
    await say(bob);
    expect(await agree(key)).toBeNull();
    await at.rows('DELETE FROM proposal');
    await say(key);
    expect(await agree(bob)).toBeNull();
  });

  it.each([
    ['is suspended', 'suspended_at = clock_timestamp()'],
    ['waits for an activation', 'activated_at = NULL'],
    ['has got other roles since', 'granted_at = clock_timestamp()'],
  ])('falls when who said it %s, and counts for nothing afterwards', async (_what, change) => {
    const [ann, bob] = [await operator(), await operator()];
    await say(ann);
    await at.rows(`UPDATE operator_membership SET ${change} WHERE operator_id = $1`, [
      ann.personId,
    ]);
    expect(await agree(bob)).toBeNull();
  });
});
