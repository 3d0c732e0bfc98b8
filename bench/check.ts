/** What must hold after every measurement; speed of a run that breaks it is worth nothing. */
import { TRANSFER_TOPIC } from '../src/base/kernel/index.ts';
import { replayBreaks } from '../src/books/ledger/index.ts';
import { DEV_TOKEN_ADDRESS, rpcCall } from '../src/doors/dev/index.ts';
import type { Stage } from './stage.ts';

export class CheckFailed extends Error {}

/** Every answer has its row and its reserve, and the ledger's replay gives its balances. */
export async function checkLedger(stage: Stage, expected: { reserved: number }): Promise<void> {
  const { rows } = await stage.owner.query<{ withdrawals: number; reserves: number }>(
    `SELECT (SELECT count(*) FROM withdrawal)::int AS withdrawals, (SELECT count(*) FROM reserve)::int AS reserves`,
  );
  const { withdrawals, reserves } = rows[0]!;
  if (withdrawals !== expected.reserved || reserves !== expected.reserved) {
    throw new CheckFailed(
      `${expected.reserved} withdrawals were accepted; the database has ${withdrawals} and ${reserves} reserves`,
    );
  }
  const breaks = await replayBreaks(stage.owner);
  if (breaks.length > 0) {
    const first = breaks[0]!;
    throw new CheckFailed(
      `the ledger's replay differs in ${breaks.length} accounts, first ${first.kind} ${first.owner}: balance ${first.balance}, replayed ${first.replayed}`,
    );
  }
}

type Log = { topics: string[]; data: string };

/** Every withdrawal is COMPLETED and its recipient has exactly one transfer of its amount, nobody else any. */
export async function checkPaidOnce(stage: Stage): Promise<number> {
  const { rows } = await stage.owner.query<{ recipient: string; amount: bigint; status: string }>(
    `SELECT encode(recipient, 'hex') AS recipient, amount, status FROM withdrawal`,
  );
  const logs = await rpcCall<Log[]>(stage.anvil!.url, 'eth_getLogs', [
    {
      address: DEV_TOKEN_ADDRESS,
      fromBlock: '0x0',
      toBlock: 'latest',
      topics: [TRANSFER_TOPIC, stage.lanes.map((lane) => `0x${lane.slice(2).padStart(64, '0')}`)],
    },
  ]);
  const paid = new Map<string, bigint[]>();
  for (const { topics, data } of logs) {
    const recipient = topics[2]!.slice(26);
    paid.set(recipient, [...(paid.get(recipient) ?? []), BigInt(data)]);
  }
  const wrong: string[] = [];
  for (const { recipient, amount, status } of rows) {
    const got = paid.get(recipient) ?? [];
    paid.delete(recipient);
    if (status === 'COMPLETED' && got.length === 1 && got[0] === amount) continue;
    wrong.push(`0x${recipient} (${status}) was paid ${got.length} times: ${got.join(', ')}`);
  }
  for (const recipient of paid.keys())
    wrong.push(`0x${recipient} was paid and nobody asked for it`);
  if (wrong.length > 0) {
    throw new CheckFailed(
      `${wrong.length} recipients were not paid exactly once; first: ${wrong[0]}`,
    );
  }
  return rows.length;
}
