import type { ApproverSettings, Settings } from '../../../src/base/config/index.ts';
import { isRefusal } from '../../../src/base/kernel/index.ts';
import { inviteOperator, type Role } from '../../../src/books/access/index.ts';
import type { Installation } from '../installation.ts';
import { until } from '../until.ts';
import { ask, fundedPayer, merchantKey, type Payer, type Signed, signedPayment } from './payers.ts';

/** Finance, which nobody is in yet, has to approve more than 100 USDC, of withdrawals and of payments. */
export function withFinance(settings: Settings): Settings {
  const asset = settings.assets.find(({ id }) => id === 'USDC')!.caip19;
  const thresholds = (['withdrawal', 'payment'] as const).map((kind) => ({
    ...{ kind, asset, above: 100_000_000n, requirement: { group: 'finance', count: 1 } },
  }));
  return {
    ...settings,
    // Persons take longer than any answer waits.
    x402: { ...settings.x402, waitMs: 500 },
    guard: {
      ...settings.guard,
      approvals: {
        ...{ approvers: [], groups: [{ id: 'finance', members: [] }], thresholds },
        ...{ webauthn: null, expireAfterMs: 3_600_000 },
      },
    },
  };
}

/** A person who gets a link to the console; `by`: whose word it is, null: the owner's. */
export async function invite(
  on: Installation,
  name: string,
  { by = null, role = 'security-admin' }: { by?: string | null; role?: Role } = {},
): Promise<{ id: string; token: string; link: string }> {
  const invited = await inviteOperator(on.owner, {
    ...{ tenantId: on.tenantId, name, roles: [role], lifeMs: 600_000 },
    by: { operatorId: by },
  });
  if (isRefusal(invited)) throw new Error(invited.detail);
  const { operator, invitation } = invited;
  const { token } = invitation!;
  const origin = `http://localhost:${new URL(on.url).port}`;
  return { id: operator.operatorId, token, link: `${origin}/console/access#invitation=${token}` };
}

/** From here on the signer takes this one's word, as when the line was put into its file and all began anew. */
export async function pin(on: Installation, approver: ApproverSettings): Promise<void> {
  for (const role of ['signer', 'worker'] as const) await on.stopRole(role);
  const { approvers, groups } = on.settings.guard.approvals;
  approvers.push(approver);
  groups[0]!.members.push(approver.id);
  await on.startSigner();
  await on.startWorker();
}

/** x402 payments of one payer that finance has to approve. */
export class DearPayments {
  readonly payer: Payer;
  readonly #on: Installation;
  readonly #key: string;

  private constructor(on: Installation, payer: Payer, key: string) {
    this.payer = payer;
    this.#on = on;
    this.#key = key;
  }

  static async of(on: Installation): Promise<DearPayments> {
    return new DearPayments(on, await fundedPayer(on.anvil, on.token), await merchantKey(on));
  }

  sign(): Promise<Signed> {
    return signedPayment(this.payer, this.#on.token, { amount: '150000000' });
  }

  /** What its merchant is told that hands it in. */
  settle(payment: Signed) {
    return ask(this.#on.url, 'settle', payment, this.#key);
  }

  async paid(payment: Signed): Promise<void> {
    await until('the success', async () => (await this.settle(payment)).body['success'] === true);
  }
}
