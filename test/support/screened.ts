import type { Address } from '../../src/base/kernel/index.ts';
import type { Installation } from './installation.ts';
import { recipient } from './laws.ts';
import type { ScreeningStandIn } from './screening-stand-in.ts';
import { until } from './until.ts';

/** What tests of an installation do and ask whose destinations a stand-in screens; `at`: both, once they run. */
export function screened(at: () => { host: ScreeningStandIn; on: Installation }) {
  let next = 100;
  /** Nobody was ever asked about it. */
  const stranger = (): Address => {
    next += 1;
    return recipient(next);
  };
  async function withdraw(to: Address, account = 'alice'): Promise<string> {
    const { body } = await at().on.withdraw({ account, asset: 'USDC', amount: '1', to });
    return body['id'] as string;
  }
  const read = async (id: string) => (await at().on.call('GET', `/v1/withdrawals/${id}`)).body;
  const waitingFor = (id: string, reason: string) =>
    until(`${id} waits: ${reason}`, async () => {
      const view = await read(id);
      const waiting = view['waiting'] as { reason: string; detail: string | null } | null;
      return waiting?.reason === reason && { status: view['status'], detail: waiting.detail };
    });
  const inputsOf = async (id: string) =>
    (
      await at().on.rows<{ screening: unknown; score: number | null }>(
        `SELECT inputs->'screening' AS screening, (inputs->>'riskScore')::int AS score FROM decision WHERE subject_id = $1`,
        [id],
      )
    )[0]!;
  const timesAsked = (to: Address) =>
    at().host.asked.filter(({ addresses }) => addresses.includes(to)).length;
  const holdOf = async (id: string) =>
    until(`a hold of ${id}`, async () => {
      const { body } = await at().on.call('GET', '/v1/holds');
      const holds = body['holds'] as { id: string; withdrawalId: string; hold: string }[];
      return holds.find(({ withdrawalId }) => withdrawalId === id);
    });
  const clear = async (id: string) =>
    at().on.call('POST', `/v1/holds/${(await holdOf(id)).id}/clear`, {});
  /** As if it had been said a day ago. */
  const age = (to: Address) =>
    at().on.rows(
      `UPDATE screening SET screened_at = screened_at - interval '1 day' WHERE address = decode($1, 'hex')`,
      [to.slice(2)],
    );
  return { stranger, withdraw, read, waitingFor, inputsOf, timesAsked, holdOf, clear, age };
}
