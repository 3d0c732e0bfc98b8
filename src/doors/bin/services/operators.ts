import type { Db } from '../../../base/db/index.ts';
import { isRefusal, type Refusal, systemClock } from '../../../base/kernel/index.ts';
import {
  acceptInvitation,
  activateOperator,
  addPasskey,
  beginInvitation,
  beginLogin,
  beginRegistration,
  changeRoles,
  endSession,
  finishLogin,
  type Invitation,
  inviteOperator,
  listOperators,
  listPasskeys,
  type Operator,
  RateLimiter,
  readOperator,
  readSession,
  recoverOperator,
  removePasskey,
  resumeOperator,
  suspendOperator,
} from '../../../books/access/index.ts';
import type { InvitedOperator, Services } from '../../http/index.ts';
import { invitationUrl } from '../../public-url.ts';

const INVITATION_LIFE_MS = 24 * 3_600_000;
/** Of logins: from one address, and from all together. */
const ATTEMPTS = {
  key: { requestsPerSecond: 1, burst: 20 },
  tenant: { requestsPerSecond: 20, burst: 200 },
};

/** Operators and their sessions for the API. `origin` is known once the server listens. */
export function operatorServices(
  db: Db,
  origin: () => string,
): Pick<Services, 'operators' | 'sessions'> {
  const linked = (
    invited: { operator: Operator; invitation: Invitation | null } | Refusal,
  ): InvitedOperator | Refusal => {
    if (isRefusal(invited)) return invited;
    const { operator, invitation } = invited;
    if (invitation === null) return { operator, link: null };
    const { token, expiresAt } = invitation;
    return { operator, link: { url: invitationUrl(origin(), token), expiresAt } };
  };
  const lifeMs = INVITATION_LIFE_MS;
  const entry = () => ({ db, party: { id: new URL(origin()).hostname, origin: origin() } });
  return {
    operators: {
      list: (tenantId) => listOperators(db, { tenantId }),
      get: (tenantId, operatorId) => readOperator(db, { tenantId, operatorId }),
      invite: async (order) => linked(await inviteOperator(db, { ...order, lifeMs })),
      recover: async (at) => linked(await recoverOperator(db, { ...at, lifeMs })),
      changeRoles: (at) => changeRoles(db, at),
      activate: (at) => activateOperator(db, at),
      suspend: (at) => suspendOperator(db, at),
      resume: (at) => resumeOperator(db, at),
    },
    sessions: {
      origin,
      attempts: new RateLimiter({ clock: systemClock, ...ATTEMPTS }),
      read: (token) => readSession(db, token),
      beginLogin: () => beginLogin(entry()),
      finishLogin: (answer) => finishLogin(entry(), answer),
      end: (sessionId) => endSession(db, sessionId),
      beginInvitation: (token) => beginInvitation(entry(), token),
      acceptInvitation: (order) => acceptInvitation(entry(), order),
      passkeys: (operatorId) => listPasskeys(db, operatorId),
      beginPasskey: (operator) => beginRegistration(db, entry().party, operator),
      addPasskey: (order) => addPasskey(entry(), order),
      removePasskey: (order) => removePasskey(db, order),
    },
  };
}
