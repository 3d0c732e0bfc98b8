import { type Db, inTransaction, type Sql } from '../../../base/db/index.ts';
import { type Refusal, refuse, Transient } from '../../../base/kernel/index.ts';
import {
  type Credential,
  challengeOf,
  judgeLogin,
  judgeRegistration,
  loginOptions,
  type NewPasskey,
  type Party,
} from './ceremony.ts';
import { makeChallenge, takeChallenge } from './challenges.ts';
import { readInvitation, takeInvitation } from './invitations.ts';
import { fingerprintOf, lockEverywhere, tenantsOf } from './members.ts';
import { beginRegistration, insertPasskey, isCredentialId } from './passkeys.ts';
import { beginSession } from './sessions.ts';
import { tell } from './tell.ts';

type Entry = { db: Db; party: Party };
type Answer = { answer: unknown; correlationId: string };

const NO_LINK = refuse(
  'invitation_ended',
  'The invitation was used, replaced, or is too old; ask for another one.',
);
/** One answer to whatever is wrong with a login: it tells a stranger nothing of who is an operator. */
const NO_LOGIN = refuse('passkey_refused', 'The passkey is not accepted. Begin the login anew.');
const NO_SESSION = refuse('unauthenticated', 'The session has ended.');

const refusedPasskey = (why: string) =>
  refuse('passkey_refused', `The passkey is not accepted: ${why}.`);

export async function beginInvitation(
  { db, party }: Entry,
  token: string,
): Promise<{ name: string; options: object } | Refusal> {
  const invited = await readInvitation(db, token);
  if (invited === null) return NO_LINK;
  return { name: invited.name, options: await beginRegistration(db, party, invited) };
}

/**
 * Registers the first passkey by the link. It takes the place of all that there were; where an operator gave the link,
 * all rights wait from here on for another one who compares the fingerprint.
 */
export async function acceptInvitation(
  entry: Entry,
  { token, name, answer, correlationId }: Answer & { token: string; name: string },
): Promise<{ fingerprint: string; active: boolean } | Refusal> {
  const { db } = entry;
  const invited = await readInvitation(db, token);
  if (invited === null) return NO_LINK;
  const { operatorId } = invited;
  const passkey = await takeRegistration(entry, operatorId, answer);
  if (typeof passkey === 'string') return refusedPasskey(passkey);
  return await inTransaction(db, async (sql) => {
    const tenantIds = [...(await lockEverywhere(sql, operatorId)).keys()];
    const known = await readCredential(sql, passkey.credentialId);
    if (known !== null && known.operatorId !== operatorId) return KNOWN;
    const taken = await takeInvitation(sql, token);
    if (taken === null) return NO_LINK;
    await sql.query('DELETE FROM passkey WHERE operator_id = $1', [operatorId]);
    if (!(await insertPasskey(sql, operatorId, { ...passkey, name }))) {
      throw new Transient('the passkey was registered for somebody else meanwhile');
    }
    if (taken.invitedBy !== null) await letRightsWait(sql, operatorId, taken.invitedBy);
    const active = (await tenantsOf(sql, operatorId, { active: true })).length > 0;
    const fingerprint = fingerprintOf(passkey.publicKey);
    const by = { operatorId, correlationId };
    await tell(sql, 'operator.registered', { operatorId, tenantIds, by, data: { fingerprint } });
    return { fingerprint, active };
  });
}

const KNOWN = refusedPasskey('it is registered already');

/** Every right is as if the inviting one had given it: whoever invites may be whoever accepted. */
async function letRightsWait(sql: Sql, operatorId: string, invitedBy: string): Promise<void> {
  await sql.query(
    `UPDATE operator_membership SET granted_by = $2, granted_at = clock_timestamp(), activated_by = NULL,
       activated_at = NULL
     WHERE operator_id = $1`,
    [operatorId, invitedBy],
  );
}

/**
 * One more passkey of an operator who is logged in by another one (`credentialId`). Where that went meanwhile, removed or
 * replaced by who recovered, it takes nothing: the session had been somebody else's.
 */
export async function addPasskey(
  entry: Entry,
  order: Answer & { operatorId: string; credentialId: string; name: string },
): Promise<Refusal | null> {
  const { operatorId, credentialId, name, answer, correlationId } = order;
  const passkey = await takeRegistration(entry, operatorId, answer);
  if (typeof passkey === 'string') return refusedPasskey(passkey);
  return await inTransaction(entry.db, async (sql) => {
    // As who takes passkeys away does: one that is added here is seen there, or the other way round.
    await lockEverywhere(sql, operatorId);
    if ((await readCredential(sql, credentialId))?.operatorId !== operatorId) return NO_SESSION;
    if (!(await insertPasskey(sql, operatorId, { ...passkey, name }))) return KNOWN;
    const tenantIds = await tenantsOf(sql, operatorId, { active: true });
    const data = { fingerprint: fingerprintOf(passkey.publicKey) };
    const by = { operatorId, correlationId };
    await tell(sql, 'operator.passkey_added', { operatorId, tenantIds, by, data });
    return null;
  });
}

async function takeRegistration(
  { db, party }: Entry,
  operatorId: string,
  answer: unknown,
): Promise<NewPasskey | string> {
  const challenge = challengeOf(answer);
  if (challenge === null || !(await takeChallenge(db, challenge, operatorId))) {
    return 'its challenge is not one of ours, was used, or is older than 5 minutes';
  }
  return await judgeRegistration(party, answer, challenge);
}

export async function beginLogin({ db, party }: Entry): Promise<object> {
  return await loginOptions(party, await makeChallenge(db, null));
}

/** A session for whoever shows a passkey of an operator with rights. The challenge is used up first. */
export async function finishLogin(
  { db, party }: Entry,
  { answer, correlationId }: Answer,
): Promise<{ token: string; expiresAt: Date } | Refusal> {
  const challenge = challengeOf(answer);
  if (challenge === null || !(await takeChallenge(db, challenge, null))) return NO_LOGIN;
  const { id } = (answer ?? {}) as { id?: unknown };
  const passkey =
    typeof id === 'string' && isCredentialId(id) ? await readCredential(db, id) : null;
  if (passkey === null) return NO_LOGIN;
  const { operatorId, credentialId } = passkey;
  const counter = await judgeLogin(party, answer, challenge, passkey);
  return await inTransaction(db, async (sql) => {
    const tenantIds = await tenantsOf(sql, operatorId, { active: true });
    const why =
      typeof counter === 'string'
        ? counter
        : tenantIds.length === 0
          ? 'no rights'
          : (await raiseCounter(sql, credentialId, counter))
            ? null
            : 'the counter of the passkey went back';
    const by = { operatorId, correlationId };
    if (why !== null) {
      const all = await tenantsOf(sql, operatorId, { active: false });
      await tell(sql, 'operator.login_failed', { operatorId, tenantIds: all, by, data: { why } });
      return NO_LOGIN;
    }
    const begun = await beginSession(sql, credentialId);
    await tell(sql, 'operator.logged_in', { operatorId, tenantIds, by });
    return begun;
  });
}

async function readCredential(
  sql: Sql,
  id: string,
): Promise<(Credential & { operatorId: string }) | null> {
  const { rows } = await sql.query<Credential & { operatorId: string; signCount: bigint }>(
    `SELECT credential_id AS "credentialId", operator_id AS "operatorId", public_key AS "publicKey",
       sign_count AS "signCount"
     FROM passkey WHERE credential_id = $1`,
    [id],
  );
  const row = rows[0];
  return row === undefined ? null : { ...row, signCount: Number(row.signCount) };
}

/** False where another login has raised it further: the passkey is in two places. Zero is no counter. */
async function raiseCounter(sql: Sql, credentialId: string, counter: number): Promise<boolean> {
  const { rowCount } = await sql.query(
    `UPDATE passkey SET sign_count = $2, last_used_at = clock_timestamp()
     WHERE credential_id = $1 AND (sign_count < $2 OR (sign_count = 0 AND $2 = 0))`,
    [credentialId, counter],
  );
  return rowCount === 1;
}
