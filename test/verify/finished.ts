import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { openPool } from '../../src/base/db/index.ts';
import { sweepLanes, topUpLanes } from '../../src/hands/treasury/index.ts';
import { Installation } from '../support/installation.ts';
import { mintTo, quiet, recipient } from '../support/laws.ts';
import { ruleBy } from '../support/policy.ts';
import { movesOf, TOP_UP, withTreasury } from '../support/treasury-wallet.ts';
import { until } from '../support/until.ts';
import { ask, fundedPayer, merchantKey, refund, signedPayment } from '../support/x402/payers.ts';
import { charging, permittingPayer, plantPermit2, signedUpto } from '../support/x402/permits.ts';

/** Refuses every call. */
const REFUSES = '0x60006000fd';

/**
 * A small installation with every end of a withdrawal in its books: paid at safe and at finalized, token and
 * native, failed, rejected, cancelled with a slot that its filler closed; a top-up and a sweep; and one on its way to the signer and one that
 * waits for the worker, for ever, since no process runs any more.
 */
export async function finishedInstallation(): Promise<Installation> {
  const settings = withTreasury(TOP_UP);
  const on = await Installation.start({ lanes: 1, blockTime: 0.1, settings });
  await on.anvil.rpc('anvil_setCode', recipient(6), REFUSES);
  await on.deposit('alice', 'USDC', '100000');
  await on.deposit('alice', 'ETH', '10');
  await on.deposit('bob', 'USDC', '50');
  // Funds that come after the wallet was taken into the books.
  const [from] = await on.anvil.rpc<string[]>('eth_accounts');
  const to = on.settings.lanes[0]!.address;
  await on.anvil.rpc('eth_sendTransaction', { from, to, value: '0xde0b6b3a7640000' });
  await on.anvil.rpc('eth_sendTransaction', { from, to: on.token, data: mintTo(to, 7_000_000n) });
  const order = async (n: number, asset: string, amount: string, more = {}) => {
    const answer = await on.withdraw({
      account: 'alice',
      asset,
      amount,
      to: recipient(n),
      ...more,
    });
    return answer.body['id'] as string;
  };
  await ruleBy(on, POLICY);
  await order(1, 'USDC', '5', { externalId: 'first' });
  await order(2, 'USDC', '6');
  await order(3, 'ETH', '0.25');
  await order(4, 'USDC', '2000');
  await order(5, 'USDC', '99999999', { externalId: 'too much' });
  await order(6, 'ETH', '0.5');
  await quiet(on);
  await pay(on);
  await moveFunds(on);
  await on.stopRole('signer');
  const stopped = await order(7, 'USDC', '7');
  await slotted(on, stopped);
  await on.call('POST', `/v1/withdrawals/${stopped}/cancel`);
  await on.startSigner();
  await quiet(on);
  await on.stopRole('signer');
  await slotted(on, await order(8, 'USDC', '8'));
  await on.anvil.hold();
  await looked(on);
  await on.stopRole('worker');
  await order(9, 'USDC', '9');
  await on.stopRole('api');
  return on;
}

/** Everything that the rest asks for, under limits of every kind. */
const POLICY = `version: 1
rules:
  - { id: all, type: allow }
  - { id: day, type: window, match: { assets: [USDC] }, per: account, window: 24h, amount: "50000", count: 1000 }
  - { id: tenant, type: window, per: tenant, window: 1h, count: 1000 }
  - { id: ever, type: lifetime, match: { assets: [ETH] }, per: destination, amount: "5" }
  - { id: usdc, type: tiers, match: { assets: [USDC] }, tiers: [{ name: low, upTo: "1000", commitAt: safe }, { name: medium, commitAt: finalized }] }
  - { id: eth, type: tiers, match: { assets: [ETH] }, tiers: [{ name: low, commitAt: safe }] }
`;

/** A payment that is settled, one that is charged less than was signed, one to a wallet of our own and given back, one that only was verified, and a duplicate. */
async function pay(on: Installation): Promise<void> {
  const key = await merchantKey(on);
  const payer = await fundedPayer(on.anvil, on.token);
  const identifier = 'finished-installation';
  await ask(on.url, 'settle', await signedPayment(payer, on.token, { identifier }), key);
  await ask(on.url, 'settle', await signedPayment(payer, on.token, { identifier }), key);
  await ask(on.url, 'verify', await signedPayment(payer, on.token), key);
  await plantPermit2(on);
  const most = await signedUpto(await permittingPayer(on), on.token, on.settings.lanes[0]!.address);
  await ask(on.url, 'settle', charging(most, '4000'), key);
  const payTo = on.settings.lanes[0]!.address;
  const custodial = await merchantKey(on, { name: 'custodial', payTo: [payTo] });
  await ask(on.url, 'settle', await signedPayment(payer, on.token, { payTo }), custodial);
  await quiet(on);
  const [paid] = await on.rows<{ id: string }>(
    'SELECT payment_id AS id FROM payment WHERE lane_id IS NOT NULL',
  );
  await refund(on, custodial, paid!.id, { reason: 'a test' });
  await quiet(on);
}

/** Its lane is filled from the treasury wallet, and swept to it. */
async function moveFunds(on: Installation): Promise<void> {
  const db = openPool({ url: on.databases.mainUrl, role: 'payonce_app', name: 'test', max: 1 });
  try {
    const context = await movesOf(on, db);
    await topUpLanes(context);
    await sweepLanes(context, [1], 'a test');
  } finally {
    await db.end();
  }
  await until('top-up and sweep to arrive', async () => {
    const rows = await on.rows(`SELECT FROM treasury_move WHERE outcome = 'arrived'`);
    return rows.length === 2;
  });
  await quiet(on);
}

async function slotted(on: Installation, id: string): Promise<void> {
  await until('a slot', async () => {
    const rows = await on.rows(`SELECT FROM tx WHERE owner_id = $1 AND status = 'SLOTTED'`, [id]);
    return rows.length === 1;
  });
}

/** Every block was walked, and the lanes were looked at where finality asked for it: no job of that is left for ever. */
async function looked(on: Installation): Promise<void> {
  await until('the walk to stand still, and no look at a lane to be due', async () => {
    const latest = Number(await on.anvil.rpc<string>('eth_blockNumber'));
    const rows = await on.rows(
      `SELECT FROM chain_head WHERE latest = $1 AND NOT EXISTS (SELECT FROM job WHERE topic = 'tx.gas')`,
      [latest],
    );
    return rows.length === 1;
  });
}

/** A copy of a database that nobody is connected to; its constraints and triggers are gone where asked. */
export async function copyDatabase(
  from: string,
  options: { lawless: boolean },
): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `copy_${randomBytes(6).toString('hex')}`;
  const server = new URL(from);
  const source = server.pathname.slice(1);
  server.pathname = '/postgres';
  const url = new URL(from);
  url.pathname = `/${name}`;
  await onServer(server.href, `CREATE DATABASE ${name} TEMPLATE ${source}`);
  if (options.lawless) await onServer(url.href, LAWLESS);
  return {
    url: url.href,
    drop: async () => {
      await onServer(server.href, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

const LAWLESS = `DO $$
DECLARE
  row record;
BEGIN
  FOR row IN SELECT conrelid::regclass AS place, conname FROM pg_constraint
    WHERE contype IN ('c', 'u', 'p', 'f') AND conislocal AND conrelid <> 0 AND connamespace = 'public'::regnamespace
    ORDER BY contype = 'p'
  LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I CASCADE', row.place, row.conname);
  END LOOP;
END $$`;

/** Rows of a statement as the superuser, triggers off. */
export async function onServer<Row extends pg.QueryResultRow>(
  url: string,
  sql: string,
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('SET session_replication_role = replica');
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}
