import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseSince, readLaws } from '../../src/roads/reconcile/index.ts';
import { Installation } from '../support/installation.ts';
import { quiet, recipient } from '../support/laws.ts';
import { until } from '../support/until.ts';
import { verifyOf } from '../support/verify.ts';
import { copyDatabase, onServer } from './finished.ts';

/** Withdrawals that are on their way while verify looks, a part of them each time. */
const COUNT = 300;
const BURSTS = 4;

describe('verify beside a running installation', () => {
  let on: Installation;
  beforeAll(async () => {
    on = await Installation.start({ lanes: 2, blockTime: 0.1 });
    await on.deposit('alice', 'USDC', '100000');
    await on.deposit('alice', 'ETH', '10');
  });
  afterAll(() => on?.stop());

  const look = (more: Partial<Parameters<typeof verifyOf>[0]> = {}) =>
    verifyOf({
      mainUrl: on.databases.mainUrl,
      signerUrl: on.databases.signerUrl,
      nodes: [on.anvil.url],
      ...more,
    });
  const broken = (report: Awaited<ReturnType<typeof look>>) =>
    report.laws.filter(({ status }) => status !== 'ok');

  it('gives no false alarm in the middle of a burst with cancels and a reorg', async () => {
    const { idempotencyKey, ...first } = order(9_999);
    const { body } = await on.withdraw(first, idempotencyKey);
    await on.waitFor(String(body['id']), 'FINALIZED');
    for (let burst = 0; burst < BURSTS; burst += 1) {
      const withdrawals = Array.from({ length: COUNT / BURSTS }, (_, n) =>
        order(burst * (COUNT / BURSTS) + n),
      );
      const answer = await on.call('POST', '/v1/withdrawals/batch', { withdrawals });
      const results = answer.body['results'] as { withdrawal: { id: string } }[];
      await on.call('POST', `/v1/withdrawals/${results.at(-1)!.withdrawal.id}/cancel`);
      if (burst === 1) await on.anvil.reorg(2);
      expect(broken(await look())).toEqual([]);
    }
    await quiet(on);
    const report = await look();
    expect(broken(report)).toEqual([]);
    expect(report).toMatchObject({ result: 'clean', chains: [{ chainId: 31337 }] });
  });

  it('looks at what is younger than a time, a withdrawal or a block only', async () => {
    const [middle] = await on.rows<{ id: string; at: Date }>(
      `SELECT withdrawal_id AS id, created_at AS at FROM withdrawal ORDER BY 1 OFFSET ${COUNT / 2} LIMIT 1`,
    );
    const [first] = await on.rows<{ id: string }>(
      `SELECT withdrawal_id AS id FROM withdrawal WHERE status = 'COMPLETED' ORDER BY 1 LIMIT 1`,
    );
    const copy = await copyOfMain();
    try {
      await onServer(
        copy.url,
        `UPDATE withdrawal SET completed_at = NULL WHERE withdrawal_id = '${first!.id}'`,
      );
      const laws = readLaws().filter(({ name }) => name === 'state/end-told');
      const since = (text: string) =>
        look({ mainUrl: copy.url, laws, since: parseSince(text)! }).then(({ result }) => result);
      expect(await since('2020-01-01T00:00:00Z')).toBe('broken');
      expect(await since(first!.id)).toBe('broken');
      expect(await since(middle!.id)).toBe('clean');
      expect(await since(new Date(Date.now() + 60_000).toISOString())).toBe('clean');
    } finally {
      await copy.drop();
    }
    const [head] = await on.rows<{ finalized: bigint }>('SELECT finalized FROM chain_head');
    const block = Number(head!.finalized) - 3;
    const report = await look({ since: parseSince(String(block))! });
    expect(report).toMatchObject({ result: 'clean', chains: [{ walkedFrom: block }] });
    expect(parseSince('yesterday')).toBeNull();
    expect(parseSince('2026-02-30T00:00:00Z')).toBeNull();
  });

  it('tells what it could not check, and why', async () => {
    const alone = await look({ signerUrl: null, nodes: ['http://127.0.0.1:9'] });
    expect(alone.result).toBe('incomplete');
    const skipped = alone.laws.filter(({ status }) => status === 'skipped');
    expect([...new Set(skipped.map(({ law }) => law.split('/')[0]))]).toEqual(['chain', 'journal']);
    expect(skipped.every(({ reason }) => /none is named|127\.0\.0\.1:9/.test(reason!))).toBe(true);
    const away = await look({
      signerUrl: on.databases.signerUrl.replace(/[^/]+$/, 'not_there'),
    });
    expect(away.result).toBe('incomplete');
  });

  it('can not write: the transaction that it asks in refuses', async () => {
    const law = {
      name: 'a/writer',
      sentence: 'Draws a number.',
      asks: 'main' as const,
      query: `SELECT nextval('event_seq') AS subject, '' AS found, '' AS expected`,
    };
    await expect(look({ laws: [law] })).rejects.toMatchObject({ code: '25006' });
  });

  it('writes nothing at all', async () => {
    const copy = await copyOfMain();
    try {
      // Of tables alone: the server itself writes catalogs, when it analyses what was copied.
      const written = () =>
        onServer<{ rows: string }>(
          copy.url,
          'SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) AS rows FROM pg_stat_user_tables',
        );
      await onServer(copy.url, 'SELECT pg_stat_force_next_flush()');
      const before = await written();
      await look({ mainUrl: copy.url });
      await onServer(copy.url, 'SELECT pg_stat_force_next_flush()');
      expect(await written()).toEqual(before);
      await onServer(
        on.databases.serverUrl,
        `ALTER DATABASE ${new URL(copy.url).pathname.slice(1)} SET default_transaction_read_only = on`,
      );
      expect((await look({ mainUrl: copy.url })).result).toBe('clean');
    } finally {
      await copy.drop();
    }
  });

  it('finds what somebody else sent with the key of a lane', async () => {
    const [lane] = on.settings.lanes;
    const stray = { from: lane!.address, to: recipient(77), value: '0x7' };
    const hash = await on.anvil.rpc<string>('eth_sendTransaction', stray);
    await on.anvil.mine(48);
    const block = await on.anvil.rpc<{ blockNumber: string }>('eth_getTransactionReceipt', hash);
    await finalizedAt(Number(block.blockNumber));
    await until('a look at the lane', async () => {
      const rows = await on.rows('SELECT FROM lane_stretch WHERE up_to_block >= $1', [
        Number(block.blockNumber),
      ]);
      return rows.length > 0;
    });
    // Its nonce is in the books then, as a foreign one; what it did is not.
    await until('the tracker to note it', async () => {
      const rows = await on.rows(
        `SELECT FROM foreign_inclusion WHERE tx_hash = decode($1, 'hex')`,
        [hash.slice(2)],
      );
      return rows.length > 0;
    });
    const report = await look();
    const subjects = new Map(
      broken(report).map(({ law, first }) => [law, first.map(({ subject }) => subject)]),
    );
    const named = `transaction ${hash} in block ${Number(block.blockNumber)}`;
    expect(subjects.get('chain/transactions-owned')).toEqual([named]);
    expect(subjects.get('chain/payments-owned')).toEqual([named]);
    expect([...subjects.keys()]).toContain('chain/lane-balances');
    expect([...subjects.keys()]).not.toContain('chain/lane-nonces');
  });

  const order = (n: number) => ({
    idempotencyKey: `k-${n}`,
    account: 'alice',
    asset: n % 3 === 0 ? 'ETH' : 'USDC',
    amount: n % 3 === 0 ? '0.01' : '2',
    to: recipient(n),
  });

  /** Nobody may be connected to what is copied: the roles stop for the moment. */
  async function copyOfMain() {
    for (const role of ['api', 'worker', 'signer'] as const) await on.stopRole(role);
    await onServer(
      on.databases.serverUrl,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = '${new URL(on.databases.mainUrl).pathname.slice(1)}'`,
    );
    const copy = await copyDatabase(on.databases.mainUrl, { lawless: false });
    await on.startApi();
    await on.startSigner();
    await on.startWorker();
    return copy;
  }

  async function finalizedAt(height: number): Promise<void> {
    await until('the block to be final in the books', async () => {
      const [head] = await on.rows<{ finalized: bigint }>('SELECT finalized FROM chain_head');
      return Number(head!.finalized) >= height;
    });
  }
});
