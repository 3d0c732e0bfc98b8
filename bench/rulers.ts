/**
 * The rulers: what a plain program without this project's means does on the same PostgreSQL and the same
 * chain. Each is written as well as its own idea allows (prepared statements, keep-alive, native
 * signatures), so that a ratio to it says what the idea costs and not how badly it was written.
 */
import { createHash } from 'node:crypto';
import { Agent, request } from 'node:http';
import { performance } from 'node:perf_hooks';
import type pg from 'pg';
import secp256k1 from 'secp256k1';
import { inTransaction, openPool, type Sql } from '../src/base/db/index.ts';
import {
  effectOf,
  signedTransaction,
  signingDigest,
  unsignedTransaction,
} from '../src/base/effect/index.ts';
import { type Address, fromHex, toHex } from '../src/base/kernel/index.ts';
import { serve } from './child.ts';

export type RulerOrder =
  | {
      kind: 'rows';
      databaseUrl: string;
      tenantId: string;
      asset: string;
      tag: string;
      accounts: number;
      connections: number;
      durationMs: number;
    }
  | {
      kind: 'transfers';
      rpcUrl: string;
      privateKey: string;
      token: Address;
      /** What is awaited before the next one: the hash, or the receipt. */
      until: 'hash' | 'receipt';
      firstNonce: number;
      durationMs: number;
    };

export type RulerResult = { done: number; seconds: number; perSecond: number };

/** One transaction per withdrawal, the same rows as intake writes, one connection beside the other. */
async function rows(order: Extract<RulerOrder, { kind: 'rows' }>): Promise<RulerResult> {
  const { databaseUrl, connections } = order;
  const db = openPool({
    url: databaseUrl,
    role: 'payonce_app',
    name: 'payonce-ruler',
    max: connections,
  });
  const { rows: found } = await db.query<{ owner: string; account_no: bigint }>(
    `SELECT owner, account_no FROM ledger_balance WHERE tenant_id = $1 AND asset = $2 AND kind = 'customer'`,
    [order.tenantId, order.asset],
  );
  const numbers = new Map(found.map((row) => [row.owner, row.account_no]));
  let next = 0;
  const started = performance.now();
  const worker = async () => {
    while (performance.now() - started < order.durationMs) {
      const index = next++;
      const account = `customer-${String(index % order.accounts).padStart(6, '0')}`;
      const accountNo = numbers.get(account)!;
      await inTransaction(db, (sql) => oneWithdrawal(sql, order, { index, account, accountNo }));
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  const seconds = (performance.now() - started) / 1_000;
  await db.end();
  return { done: next, seconds, perSecond: next / seconds };
}

const AMOUNT = 1_000_000n;
const FEE = 500_000n;

async function oneWithdrawal(
  sql: Sql,
  { tenantId, asset, tag }: { tenantId: string; asset: string; tag: string },
  at: { index: number; account: string; accountNo: bigint },
): Promise<void> {
  const key = `${tag}-${at.index}`;
  const correlation = `ruler-${at.index}`;
  const [hash, content] = [
    uuidOf(`${tenantId}|withdrawal|${key}`),
    uuidOf(`${at.account}|${at.index}`),
  ];
  const run = <Row extends pg.QueryResultRow>(name: string, text: string, values: unknown[]) =>
    sql.query<Row>({ name, text, values });
  const taken = await run<{ id: string }>(
    'ruler_key',
    `INSERT INTO idempotency_key (key_hash, resource_id, content_hash) VALUES ($1, payonce_uuid7(), $2)
     ON CONFLICT (key_hash) DO NOTHING RETURNING resource_id AS id`,
    [hash, content],
  );
  const { id } = taken.rows[0]!;
  const locked = await run<{ balance: bigint }>(
    'ruler_lock',
    'SELECT balance FROM ledger_balance WHERE account_no = $1 FOR NO KEY UPDATE',
    [at.accountNo],
  );
  const total = AMOUNT + FEE;
  if (locked.rows[0]!.balance < total) throw new Error('no funds');
  const recipient = Buffer.alloc(20, at.index % 251);
  await run(
    'ruler_withdrawal',
    `INSERT INTO withdrawal (withdrawal_id, tenant_id, account, asset, amount, fee, recipient, idempotency_key,
       correlation_id, status, risk_tier) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'RESERVED', 'low')`,
    [id, tenantId, at.account, asset, AMOUNT, FEE, recipient, key, correlation],
  );
  await run(
    'ruler_transfer',
    `INSERT INTO transfer (transfer_id, tenant_id, kind, account, subject_id, generation, correlation_id, debit_nos,
       credit_nos, amounts) VALUES ($1, $2, 'RESERVE', $3, $1, 1, $4, ARRAY[$5::bigint], ARRAY[$5::bigint + 1], ARRAY[$6::numeric])`,
    [id, tenantId, at.account, correlation, at.accountNo, total],
  );
  await run(
    'ruler_reserve',
    'INSERT INTO reserve (withdrawal_id, generation, transfer_id) VALUES ($1, 1, $2)',
    [id, id],
  );
  await run(
    'ruler_balance',
    'UPDATE ledger_balance SET balance = balance - $2, reserved = reserved + $2 WHERE account_no = $1',
    [at.accountNo, total],
  );
  await run(
    'ruler_event',
    `INSERT INTO event_batch (tenant_id, type, to_state, size, subject_ids, correlation_ids)
     VALUES ($1, 'withdrawal', 'RESERVED', 1, ARRAY[$2::uuid], ARRAY[$3])`,
    [tenantId, id, correlation],
  );
  await run(
    'ruler_job',
    `INSERT INTO job (topic, subject_id, tenant_id, trace) VALUES ('withdrawal.requested', $1, $2, $3)
     ON CONFLICT (topic, subject_id) DO UPDATE SET gen = job.gen + 1`,
    [id, tenantId, correlation],
  );
}

function uuidOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

const RECEIPT_POLL_MS = 50;

/** Sign, send, await the hash or the receipt, next: from one wallet and without any record. */
async function transfers(order: Extract<RulerOrder, { kind: 'transfers' }>): Promise<RulerResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const secret = fromHex(order.privateKey as `0x${string}`);
  const started = performance.now();
  let done = 0;
  while (performance.now() - started < order.durationMs) {
    const recipient = `0xc0${done.toString(16).padStart(38, '0')}` as Address;
    const unsigned = unsignedTransaction({
      chainId: 31337,
      nonce: BigInt(order.firstNonce + done),
      effect: effectOf({ token: order.token, recipient, amount: 1n }),
      gasLimit: 100_000n,
      maxFeePerGas: 50_000_000_000n,
      maxPriorityFeePerGas: 1_000_000_000n,
    });
    const { signature, recid } = secp256k1.ecdsaSign(signingDigest(unsigned), secret);
    const { raw } = signedTransaction(unsigned, {
      r: Buffer.from(signature.subarray(0, 32)),
      s: Buffer.from(signature.subarray(32, 64)),
      yParity: recid === 0 ? 0 : 1,
    });
    const hash = await ask(agent, order.rpcUrl, 'eth_sendRawTransaction', toHex(raw));
    while (order.until === 'receipt') {
      if ((await ask(agent, order.rpcUrl, 'eth_getTransactionReceipt', String(hash))) !== null)
        break;
      await new Promise((resolve) => setTimeout(resolve, RECEIPT_POLL_MS));
    }
    done += 1;
  }
  const seconds = (performance.now() - started) / 1_000;
  agent.destroy();
  return { done, seconds, perSecond: done / seconds };
}

function ask(agent: Agent, url: string, method: string, param: string): Promise<unknown> {
  const body = `{"jsonrpc":"2.0","id":1,"method":"${method}","params":["${param}"]}`;
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const asked = request(url, { method: 'POST', agent, headers }, (answer) => {
      let text = '';
      answer.setEncoding('latin1').on('data', (chunk) => {
        text += chunk;
      });
      answer.on('end', () => {
        if (text.includes('"error"')) reject(new Error(`${method}: ${text}`));
        else resolve((JSON.parse(text) as { result: unknown }).result);
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

serve((order: RulerOrder) => (order.kind === 'rows' ? rows(order) : transfers(order)));
