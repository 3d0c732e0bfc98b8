import type { Refusal } from '../../../base/kernel/index.ts';
import type {
  Actor,
  Operator,
  Passkey,
  RateLimiter,
  Session,
} from '../../../books/access/index.ts';

/** The link is where the console of this installation is reached. */
export type InvitedOperator = { operator: Operator; link: { url: string; expiresAt: Date } | null };
type AtOperator = { tenantId: string; operatorId: string; by: Actor };

/** The operators of a tenant; who may do what to whom is judged where their rights are. */
export type OperatorServices = {
  list(tenantId: string): Promise<Operator[]>;
  get(tenantId: string, operatorId: string): Promise<Operator | Refusal>;
  invite(order: {
    tenantId: string;
    name: string;
    roles: readonly string[];
    by: Actor;
  }): Promise<InvitedOperator | Refusal>;
  recover(at: AtOperator): Promise<InvitedOperator | Refusal>;
  changeRoles(at: AtOperator & { roles: readonly string[] }): Promise<Operator | Refusal>;
  activate(at: AtOperator & { fingerprint: string }): Promise<Operator | Refusal>;
  suspend(at: AtOperator): Promise<Operator | Refusal>;
  resume(at: AtOperator): Promise<Operator | Refusal>;
};

type PasskeyAnswer = { answer: object; correlationId: string };

/** Logins, and what operators do to their own passkeys. */
export type SessionServices = {
  /** Where browsers reach this installation. */
  origin(): string;
  /** Of logins, by address and altogether. */
  attempts: Pick<RateLimiter, 'take'>;
  /** Null for every kind of bad token. */
  read(token: string): Promise<Session | null>;
  beginLogin(): Promise<object>;
  finishLogin(answer: PasskeyAnswer): Promise<{ token: string; expiresAt: Date } | Refusal>;
  end(sessionId: string): Promise<void>;
  beginInvitation(token: string): Promise<{ name: string; options: object } | Refusal>;
  acceptInvitation(
    order: PasskeyAnswer & { token: string; name: string },
  ): Promise<{ fingerprint: string; active: boolean } | Refusal>;
  passkeys(operatorId: string): Promise<Passkey[]>;
  beginPasskey(operator: { operatorId: string; name: string }): Promise<object>;
  addPasskey(
    order: PasskeyAnswer & { operatorId: string; credentialId: string; name: string },
  ): Promise<Refusal | null>;
  removePasskey(order: {
    operatorId: string;
    credentialId: string;
    by: Actor;
  }): Promise<Refusal | null>;
};
