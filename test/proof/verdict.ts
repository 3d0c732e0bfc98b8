import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../../src/base/db/index.ts';
import { systemClock, toHex } from '../../src/base/kernel/index.ts';
import { replayBreaks } from '../../src/books/ledger/index.ts';
import { readLanes } from '../../src/books/tx/index.ts';
import type { LocalInstallation } from '../support/processes.ts';
import type { ProofResult } from './proof.ts';
import { AMOUNT_ATOMIC, type Traffic } from './traffic.ts';

const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';
/** Blocks of one question for logs: a burst puts a thousand transfers into each. */
const PAGE = 25;

const OPEN = `SELECT (SELECT count(*)::int FROM job) AS jobs,
  (SELECT count(*)::int FROM withdrawal
    WHERE status IN ('REQUESTED', 'RESERVED', 'APPROVED', 'EXECUTING')) AS withdrawals,
  (SELECT count(*)::int FROM nonce_slot s WHERE s.nonce >= (
    SELECT max(to_nonce) FROM lane_stretch g WHERE g.lane_id = s.lane_id)) AS slots,
  (SELECT latest::int FROM chain_head) AS walked`;

/**
 * Resolves when nothing is on its way any more: no job, every withdrawal ended, every slot's gas booked. Blocks that only
 * the books wait for are made at once, after those before were walked.
 */
export async function untilSettled(
  on: LocalInstallation,
  options: { ms: number; say(line: string): void; signal: AbortSignal; ageClaims?: boolean },
): Promise<void> {
  const deadline = systemClock.monotonic() + options.ms;
  let told = systemClock.monotonic();
  let state = 'the database did not answer';
  let made = 0;
  for (;;) {
    options.signal.throwIfAborted();
    if (options.ageClaims === true) await ageClaims(on);
    const open = await on.db
      .query<{ jobs: number; withdrawals: number; slots: number; walked: number }>(OPEN)
      .then(({ rows }) => rows[0]!)
      .catch(() => null);
    if (open !== null) {
      if (open.jobs + open.withdrawals + open.slots === 0) return;
      if (open.jobs + open.withdrawals === 0 && open.walked >= made)
        made = await mine(on).catch(() => made);
      state = `${open.withdrawals} withdrawals, ${open.slots} slots, ${open.jobs} jobs are open`;
    }
    if (systemClock.monotonic() > deadline) throw new Error(`it does not come to rest: ${state}`);
    if (systemClock.monotonic() - told > 5_000) {
      told = systemClock.monotonic();
      options.say(state);
    }
    await systemClock.sleep(300, options.signal);
  }
}

/** As many blocks as finality moves by when gas is booked; the newest. */
async function mine(on: LocalInstallation): Promise<number> {
  await on.rpc('anvil_mine', '0x20');
  return Number(await on.rpc<string>('eth_blockNumber'));
}

/** Claims of a killed signer are taken over after 30 s; a short proof lets that time have passed. */
async function ageClaims(on: LocalInstallation): Promise<void> {
  await on.db
    .query(
      `UPDATE signature_request r SET claimed_at = claimed_at - interval '31 seconds'
       WHERE claimed_at BETWEEN now() - interval '31 seconds' AND now() - interval '3 seconds'
         AND NOT EXISTS (SELECT FROM signature s WHERE s.signature_request_id = r.signature_request_id)`,
    )
    .catch(() => {});
}

type Judged = Pick<
  ProofResult,
  'payments' | 'once' | 'twice' | 'missing' | 'openReserves' | 'broken' | 'notes'
>;

/** Counts at the chain who was paid, and holds the books against it. To be asked when all has settled. */
export async function judge(on: LocalInstallation, traffic: Traffic): Promise<Judged> {
  const repeated = await traffic.repeatAll();
  const paid = await transfersOut(on);
  let once = 0;
  let twice = 0;
  let missing = 0;
  const broken = [...repeated];
  for (const { to, key } of traffic.payments) {
    const amounts = paid.get(to) ?? [];
    paid.delete(to);
    if (amounts.length === 0) missing += 1;
    else if (amounts.length > 1) twice += 1;
    else once += 1;
    if (amounts.some((amount) => amount !== AMOUNT_ATOMIC))
      broken.push(`key ${key}: another amount`);
  }
  if (paid.size > 0) broken.push(`${paid.size} recipients were paid that nobody named`);
  const openReserves = await count(
    on,
    `SELECT count(*)::int AS n FROM reserve r LEFT JOIN reserve_resolution x USING (withdrawal_id, generation)
     WHERE x.withdrawal_id IS NULL`,
  );
  broken.push(...(await brokenLaws(on)));
  const verified = await verify(on);
  return {
    payments: traffic.payments.length,
    once,
    twice,
    missing,
    openReserves,
    broken: [...broken, ...verified.broken],
    notes: verified.notes,
  };
}

async function count(on: LocalInstallation, text: string): Promise<number> {
  const { rows } = await on.db.query<{ n: number }>(text);
  return rows[0]!.n;
}

/** Recipient → amounts of every Transfer log out of a lane, as the chain has them. */
async function transfersOut(on: LocalInstallation): Promise<Map<string, bigint[]>> {
  const lanes = (await readLanes(on.db)).map(
    ({ address }) => `0x${address.slice(2).padStart(64, '0')}`,
  );
  const token = on.dev.assets.find(({ address }) => address !== null)!.address;
  const latest = Number(await on.rpc<string>('eth_blockNumber'));
  const paid = new Map<string, bigint[]>();
  for (let from = 0; from <= latest; from += PAGE) {
    const logs = await on.rpc<{ topics: string[]; data: string }[]>('eth_getLogs', {
      fromBlock: `0x${from.toString(16)}`,
      toBlock: `0x${Math.min(latest, from + PAGE - 1).toString(16)}`,
      address: token,
      topics: [TRANSFER, lanes],
    });
    for (const { topics, data } of logs) {
      const to = `0x${topics[2]!.slice(26)}`;
      paid.set(to, [...(paid.get(to) ?? []), BigInt(data)]);
    }
  }
  return paid;
}

/** The laws that can be seen from outside, whatever `verify` says. */
async function brokenLaws(on: LocalInstallation): Promise<string[]> {
  const broken = (await replayBreaks(on.db)).map((row) => `replay: ${told(row)}`);
  const empty: [string, string][] = [
    ['a dead letter', 'SELECT topic, subject_id, reason FROM dead_letter'],
    [
      'a balance that is still on its way',
      `SELECT kind, owner, asset, balance FROM ledger_account
       WHERE kind IN ('reserved', 'in_transit', 'gas_in_transit') AND balance <> 0`,
    ],
    [
      'a withdrawal that did not complete',
      `SELECT withdrawal_id, status, failure_code FROM withdrawal WHERE status <> 'COMPLETED'`,
    ],
    [
      'a halted chain',
      'SELECT chain_id, halted_reason FROM chain_head WHERE halted_reason IS NOT NULL',
    ],
  ];
  for (const [what, text] of empty) {
    const { rows } = await on.db.query(text);
    broken.push(...rows.slice(0, 5).map((row) => `${what}: ${told(row)}`));
  }
  for (const lane of await readLanes(on.db)) {
    const { rows } = await on.db.query<{ asset: string; balance: bigint }>(
      `SELECT asset, balance FROM ledger_account WHERE kind = 'hot' AND owner = $1`,
      [String(lane.laneId)],
    );
    for (const { asset, balance } of rows) {
      const found = await balanceOf(on, asset, lane.address);
      if (found !== balance) {
        broken.push(`lane ${lane.address} holds ${found} of ${asset}, its books say ${balance}`);
      }
    }
  }
  return broken;
}

async function balanceOf(on: LocalInstallation, asset: string, address: string): Promise<bigint> {
  const token = /erc20:(0x[0-9a-f]{40})$/i.exec(asset)?.[1];
  if (token === undefined) return BigInt(await on.rpc<string>('eth_getBalance', address, 'latest'));
  const data = `0x70a08231${address.slice(2).padStart(64, '0')}`;
  return BigInt(await on.rpc<string>('eth_call', { to: token, data }, 'latest'));
}

function told(row: object): string {
  return JSON.stringify(row, (_, value) =>
    typeof value === 'bigint' ? String(value) : Buffer.isBuffer(value) ? toHex(value) : value,
  );
}

/** `payonce verify` as an operator runs it; an installation without the command is told as a note. */
function verify(on: LocalInstallation): Promise<{ broken: string[]; notes: string[] }> {
  const script = join(projectRoot(), 'scripts', 'payonce.mjs');
  const args = [script, 'verify', '--state-dir', on.stateDir];
  return new Promise((done) => {
    execFile(process.execPath, args, { maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      const text = `${stdout}\n${stderr}`.trim();
      if (error === null) done({ broken: [], notes: ['payonce verify: clean'] });
      else if (/unknown command/.test(text)) done({ broken: [], notes: ['no payonce verify'] });
      else
        done({ broken: [`payonce verify (exit ${error.code}): ${text.slice(-2_000)}`], notes: [] });
    });
  });
}
