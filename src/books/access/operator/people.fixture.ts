import { Authenticator } from '../../../../test/support/authenticator.ts';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import { isRefusal, type Refusal } from '../../../base/kernel/index.ts';
import {
  acceptInvitation,
  beginInvitation,
  beginLogin,
  finishLogin,
  inviteOperator,
  type Role,
  readSession,
  type Session,
} from '../index.ts';

export const ORIGIN = 'https://pay.example';
export type Person = { operatorId: string; name: string; key: Authenticator };

export function done<T>(answer: T | Refusal | null): T {
  if (isRefusal(answer)) throw new Error(`${answer.code}: ${answer.detail}`);
  return answer as T;
}

/** Operators with passkeys in software, on a real database. */
export class People {
  readonly at: MainDatabase;
  readonly party = { id: 'pay.example', origin: ORIGIN };
  #count = 0;

  private constructor(at: MainDatabase) {
    this.at = at;
  }

  static async start(): Promise<People> {
    return new People(await MainDatabase.start());
  }

  get entry() {
    return { db: this.at.app, party: this.party };
  }

  name(): string {
    this.#count += 1;
    return `person-${this.#count}`;
  }

  /** The link of somebody, by the owner unless told. */
  async invite(
    roles: readonly Role[],
    {
      by = null,
      tenantId = this.at.tenantId,
      name = this.name(),
    }: { by?: Person | null; tenantId?: string; name?: string } = {},
  ): Promise<{ operatorId: string; name: string; token: string }> {
    const invited = done(
      await inviteOperator(this.at.app, {
        ...{ tenantId, name, roles, lifeMs: 60_000 },
        by: { operatorId: by?.operatorId ?? null },
      }),
    );
    return { operatorId: invited.operator.operatorId, name, token: invited.invitation!.token };
  }

  /** Registers the first passkey by a link. */
  async accept({
    operatorId,
    name,
    token,
  }: {
    operatorId: string;
    name: string;
    token: string;
  }): Promise<Person> {
    const key = new Authenticator(ORIGIN);
    const { options } = done(await beginInvitation(this.entry, token));
    const order = { token, name: 'key', answer: key.register(options), correlationId: 'c' };
    done(await acceptInvitation(this.entry, order));
    return { operatorId, name, key };
  }

  /** Somebody whom the owner invited and who has accepted. */
  async person(
    roles: readonly Role[],
    more: { tenantId?: string; name?: string } = {},
  ): Promise<Person> {
    return await this.accept(await this.invite(roles, more));
  }

  async tryLogin({ key }: Pick<Person, 'key'>) {
    const answer = key.login(await beginLogin(this.entry));
    return await finishLogin(this.entry, { answer, correlationId: 'c' });
  }

  async login(person: Pick<Person, 'key'>): Promise<string> {
    return done(await this.tryLogin(person)).token;
  }

  session(token: string): Promise<Session | null> {
    return readSession(this.at.app, token);
  }

  async events(
    type: string,
  ): Promise<{ tenantId: string; subjectId: string; data: Record<string, unknown> }[]> {
    return await this.at.rows(
      `SELECT tenant_id AS "tenantId", subject_id AS "subjectId", data FROM event WHERE type = $1 ORDER BY seq, n`,
      [type],
    );
  }

  /** What the audit has about a person: action and actor, oldest first. */
  async acts(operatorId: string): Promise<[string, string][]> {
    const rows = await this.at.rows<{ action: string; actor: string }>(
      'SELECT action, actor FROM audit_entry WHERE subject = $1 ORDER BY entry_id',
      [operatorId],
    );
    return rows.map(({ action, actor }) => [action, actor]);
  }

  stop(): Promise<void> {
    return this.at.stop();
  }
}
