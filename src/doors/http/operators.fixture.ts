import { isRefusal, type Refusal, refuse, systemClock } from '../../base/kernel/index.ts';
import { type Operator, RateLimiter, type Role, type Session } from '../../books/access/index.ts';
import type { Services } from './services.ts';

type Operators = Services['operators'];
type Sessions = Services['sessions'];

const AT = new Date('2026-01-31T12:00:00Z');

export function sessionOf(
  memberships: Record<string, readonly Role[]>,
  more: Partial<Session> = {},
): Session {
  return {
    ...{ sessionId: 's1', operatorId: 'o1', name: 'ann', credentialId: 'c1', fresh: true },
    expiresAt: AT,
    memberships: Object.entries(memberships).map(([tenantId, roles]) => ({
      ...{ tenantId, tenantName: `name-of-${tenantId.slice(-1)}`, roles: [...roles] },
    })),
    ...more,
  };
}

/** The operators of one tenant, in memory, for tests; who may do what is judged by books/access alone. */
export class FakeOperators implements Operators {
  all: Operator[] = [];
  acts: { verb: string; by: string | null; correlationId?: string | undefined }[] = [];
  readonly #tenantId: string;

  constructor(tenantId: string) {
    this.#tenantId = tenantId;
  }

  list: Operators['list'] = async (tenantId) => this.all.filter((one) => one.tenantId === tenantId);

  get: Operators['get'] = async (tenantId, operatorId) =>
    this.all.find((one) => one.tenantId === tenantId && one.operatorId === operatorId) ??
    refuse('not_found', 'None.');

  invite: Operators['invite'] = async ({ name, roles, by }) => {
    this.#note('invite', by);
    const operator: Operator = {
      ...{ operatorId: `o${this.all.length + 2}`, tenantId: this.#tenantId, name },
      ...{ roles: roles as Role[], state: 'invited', grantedBy: by.operatorId, activatedBy: null },
      ...{ fingerprints: [], createdAt: AT },
    };
    this.all.push(operator);
    const url = `${ORIGIN}/console/access#invitation=oi_secret`;
    return { operator, link: { url, expiresAt: AT } };
  };

  recover: Operators['recover'] = async (at) => {
    const operator = await this.#act('recover', at);
    return isRefusal(operator) ? operator : { operator, link: null };
  };
  changeRoles: Operators['changeRoles'] = (at) => this.#act('roles', at);
  activate: Operators['activate'] = (at) => this.#act('activate', at);
  suspend: Operators['suspend'] = (at) => this.#act('suspend', at);
  resume: Operators['resume'] = (at) => this.#act('resume', at);

  #act(verb: string, at: Parameters<Operators['suspend']>[0]): Promise<Operator | Refusal> {
    this.#note(verb, at.by);
    return this.get(at.tenantId, at.operatorId);
  }

  #note(verb: string, { operatorId, correlationId }: Parameters<Operators['invite']>[0]['by']) {
    this.acts.push({ verb, by: operatorId, correlationId });
  }
}

export const ORIGIN = 'https://pay.example';

/** Sessions by their tokens, in memory; ceremonies accept the answer `{ good: true }`. */
export class FakeSessions implements Sessions {
  known: Record<string, Session> = {};
  ended: string[] = [];
  attempts = new RateLimiter({ clock: systemClock, key: null, tenant: null });

  origin = () => ORIGIN;
  read: Sessions['read'] = async (token) => this.known[token] ?? null;
  beginLogin: Sessions['beginLogin'] = async () => ({ challenge: 'sign me' });
  finishLogin: Sessions['finishLogin'] = async ({ answer }) => {
    if (!('good' in answer)) return refuse('passkey_refused', 'No.');
    this.known['new'] = sessionOf({ t: ['viewer'] });
    return { token: 'new', expiresAt: AT };
  };
  end: Sessions['end'] = async (sessionId) => {
    this.ended.push(sessionId);
  };
  beginInvitation: Sessions['beginInvitation'] = async (token) =>
    token === 'oi_good' ? { name: 'bob', options: {} } : refuse('invitation_ended', 'No.');
  acceptInvitation: Sessions['acceptInvitation'] = async ({ token }) =>
    token === 'oi_good'
      ? { fingerprint: '0123-4567-89ab-cdef', active: false }
      : refuse('invitation_ended', 'No.');
  passkeys: Sessions['passkeys'] = async () => [
    {
      ...{ credentialId: 'c1', name: 'key', fingerprint: 'f', publicKey: 'MFkw' },
      ...{ createdAt: AT, lastUsedAt: null },
    },
  ];
  beginPasskey: Sessions['beginPasskey'] = async () => ({ challenge: 'sign me' });
  addPasskey: Sessions['addPasskey'] = async ({ answer }) =>
    'good' in answer ? null : refuse('passkey_refused', 'No.');
  removePasskey: Sessions['removePasskey'] = async ({ credentialId }) =>
    credentialId === 'c1' ? null : refuse('not_found', 'No.');
}
