import { keccak256 } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLanes } from '../../src/books/tx/index.ts';
import { Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient, tokenPayments } from '../support/laws.ts';
import { until } from '../support/until.ts';
import { verifyOf } from '../support/verify.ts';

const REFUSES = '0x60006000fd';

/** Blocks come only when a test asks for them: anvil's safe is 4 below the latest, finalized 8. */
async function startPaused(): Promise<Installation> {
  const on = await Installation.start({ lanes: 1 });
  await on.anvil.hold();
  await on.deposit('alice', 'USDC', '100000');
  await on.deposit('alice', 'ETH', '10');
  return on;
}

const view = async (on: Installation, id: string) =>
  (await on.call('GET', `/v1/withdrawals/${id}`)).body;
const resolutions = async (on: Installation, id: string) =>
  (
    await on.rows<{ resolution: string }>(
      'SELECT resolution FROM reserve_resolution WHERE withdrawal_id = $1',
      [id],
    )
  ).map((row) => row.resolution);
const submit = async (on: Installation, body: Record<string, unknown>): Promise<string> => {
  const answer = await on.withdraw({ account: 'alice', asset: 'USDC', ...body });
  expect(answer.status).toBe(202);
  return answer.body['id'] as string;
};
const verifyNow = (on: Installation) => {
  const { mainUrl, signerUrl } = on.databases;
  return verifyOf({ mainUrl, signerUrl, nodes: [on.anvil.url] });
};
/** The walk stands at the node's latest block. */
const walked = (on: Installation) =>
  until('the walk to reach the latest block', async () => {
    const latest = Number(await on.anvil.rpc<string>('eth_blockNumber'));
    const [head] = await on.rows<{ latest: bigint }>('SELECT latest FROM chain_head');
    return Number(head!.latest) === latest;
  });
const mineTo = (on: Installation, id: string, status: string) =>
  until(status, async () => {
    await on.anvil.mine();
    await walked(on);
    return (await view(on, id))['status'] === status;
  });

describe('the chain changes its mind', () => {
  let on: Installation;
  beforeAll(async () => {
    on = await startPaused();
  });
  afterAll(() => on?.stop());

  it('in a shallow reorg: the same bytes are sent again and are paid once', async () => {
    const to = recipient(1);
    // Above the low tier: committed at finalized, so that being included is not the end.
    const id = await submit(on, { amount: '2000', to });
    const seen: string[] = [];
    let watching = true;
    const watched = (async () => {
      while (watching) seen.push((await view(on, id))['status'] as string);
    })();
    await on.waitFor(id, 'BROADCASTED');
    await on.anvil.mine();
    const first = await on.waitFor(id, 'INCLUDED');
    expect(first['confirmation']).toMatchObject({ level: 'included' });
    await on.anvil.reorg(1);
    const orphaned = await until('the reorg to be followed', async () => {
      const now = await view(on, id);
      return now['reorgs'] === 1 && now;
    });
    expect(orphaned['status']).toBe('INCLUDED');
    expect(orphaned['confirmation']).toEqual({ level: 'none', blockNumber: null, blockHash: null });
    expect(await resolutions(on, id)).toEqual([]);
    await until('the bytes to be back in the pool', async () => {
      const pool = await on.anvil.rpc<{ pending: string }>('txpool_status');
      return Number(pool.pending) === 1;
    });
    await mineTo(on, id, 'COMPLETED');
    watching = false;
    await watched;

    const done = await view(on, id);
    expect(done).toMatchObject({ reorgs: 1, txHash: first['txHash'] });
    expect(done['attempts']).toHaveLength(1);
    const ladder = ['RESERVED', 'APPROVED', 'SIGNED', 'BROADCASTED', 'INCLUDED', 'SAFE'];
    const ranks = seen.map((status) => [...ladder, 'FINALIZED', 'COMPLETED'].indexOf(status));
    expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
    const blocks = await on.rows(
      `SELECT DISTINCT block_hash FROM inclusion JOIN attempt USING (attempt_id) JOIN tx USING (tx_id)
       WHERE owner_id = $1`,
      [id],
    );
    expect(blocks).toHaveLength(2);
    const events = (await on.call('GET', '/v1/events?limit=200')).body['events'] as {
      type: string;
      withdrawalId: string | null;
    }[];
    expect(events.filter((event) => event.type === 'tx.reorged')).toHaveLength(1);
    await on.anvil.mine(10);
    await quiet(on);
    expect(await resolutions(on, id)).toEqual(['COMMIT']);
    expect((await tokenPayments(on)).get(to)).toEqual([2_000_000_000n]);
    await expectLaws(on);
  });

  it('between simulation and block, native: FAILED at finality only, released, gas booked', async () => {
    const to = recipient(2);
    const id = await submit(on, { asset: 'ETH', amount: '2', to });
    await on.waitFor(id, 'BROADCASTED');
    await on.anvil.rpc('anvil_setCode', to, REFUSES);
    await on.anvil.mine();
    await on.waitFor(id, 'INCLUDED');
    await on.anvil.mine(5);
    await walked(on);
    expect((await view(on, id))['status']).toBe('SAFE');
    expect(await resolutions(on, id)).toEqual([]);
    await on.anvil.mine(5);
    const ended = await on.waitFor(id, 'FAILED');
    expect(ended).toMatchObject({ status: 'FAILED', failure: { code: 'reverted' } });
    await quiet(on);
    expect(await resolutions(on, id)).toEqual(['RELEASE']);
    expect(await on.nativeBalance(to)).toBe(0n);
    await expectLaws(on);
  });

  it('between simulation and block, token: the same, and a later one passes', async () => {
    const [lane] = await readLanes(on.owner);
    // Balances of the token are its first mapping.
    const slot = keccak256(`0x${lane!.address.slice(2).padStart(64, '0')}${'0'.repeat(64)}`);
    const held = await on.anvil.rpc<string>('eth_getStorageAt', on.token, slot, 'latest');
    expect(BigInt(held)).toBe(await on.tokenBalance(lane!.address));
    const to = recipient(3);
    const id = await submit(on, { amount: '5', to });
    await on.waitFor(id, 'BROADCASTED');
    await on.anvil.rpc('anvil_setStorageAt', on.token, slot, `0x${'0'.repeat(64)}`);
    await on.anvil.mine();
    await on.anvil.rpc('anvil_setStorageAt', on.token, slot, held);
    await on.waitFor(id, 'INCLUDED');
    const later = await submit(on, { amount: '6', to: recipient(4) });
    await on.waitFor(later, 'BROADCASTED');
    await mineTo(on, id, 'FAILED');
    expect((await view(on, id))['failure']).toMatchObject({ code: 'reverted' });
    await mineTo(on, later, 'COMPLETED');
    await on.anvil.mine(10);
    await quiet(on);
    expect(await resolutions(on, id)).toEqual(['RELEASE']);
    const paid = await tokenPayments(on);
    expect([paid.get(to), paid.get(recipient(4))]).toEqual([undefined, [6_000_000n]]);
    await expectLaws(on);
  });

  it('below finalized: the chain halts, nothing completes or is signed, and it is said why', async () => {
    // Enough below to be taken back.
    await on.anvil.mine(12);
    const flying = await submit(on, { amount: '2000', to: recipient(5) });
    await on.waitFor(flying, 'BROADCASTED');
    await on.anvil.mine(2);
    await on.waitFor(flying, 'INCLUDED');
    await walked(on);
    await on.anvil.reorg(38);
    const reason = await until('the halt', async () => {
      const { status, body } = await on.call<{
        checks: Record<string, { ok: boolean; detail: string }>;
      }>('GET', '/readyz');
      expect(status).toBe(200);
      const check = body.checks['chain:local']!;
      return !check.ok && check.detail;
    });
    expect(reason).toMatch(/halted: reorg below finalized/);
    const told = await on.rows<{ data: { reason: string } }>(
      `SELECT data FROM event WHERE type = 'chain.halted'`,
    );
    expect(told).toHaveLength(1);
    expect(told[0]!.data.reason).toMatch(/below finalized/);
    const chains = await on.call('GET', '/v1/chains');
    expect(chains.body['chains']).toMatchObject([{ halted: expect.stringMatching(/finalized/) }]);

    const late = await submit(on, { amount: '2', to: recipient(6) });
    const waiting = await until('a reason', async () => (await view(on, late))['waiting']);
    expect(waiting).toMatchObject({ reason: 'chain_halted' });
    const signed = await on.rows('SELECT signature_request_id FROM signature');
    await on.anvil.mine(20);
    // Several rounds of the tracker, told by the lease that each renews, and of the broadcaster, by when its job comes again.
    const rounds = async () => {
      const [row] = await on.rows<{ tracker: Date; broadcaster: Date }>(
        `SELECT h.lease_until AS tracker, j.run_at AS broadcaster FROM chain_head h, job j WHERE topic = 'tx.prepare'`,
      );
      return row!;
    };
    for (let round = 0; round < 5; round += 1) {
      const before = await rounds();
      // A new block is looked at at once.
      await on.anvil.mine();
      await until('a round of each', async () => {
        const now = await rounds();
        return (
          now.tracker.getTime() !== before.tracker.getTime() &&
          now.broadcaster.getTime() !== before.broadcaster.getTime()
        );
      });
    }
    expect((await view(on, flying))['status']).toBe('INCLUDED');
    expect((await view(on, late))['status']).toBe('APPROVED');
    expect(await resolutions(on, flying)).toEqual([]);
    expect(await resolutions(on, late)).toEqual([]);
    expect(await on.rows('SELECT signature_request_id FROM signature')).toEqual(signed);
    const cancelled = await on.call('POST', `/v1/withdrawals/${late}/cancel`);
    expect(cancelled.body['status']).toBe('CANCELLED');
  });

  it('and goes on by the word of two: all is paid once, or ends as it had ended', async () => {
    const ends = async () =>
      new Map(
        (
          await on.rows<{ id: string; status: string }>(
            'SELECT withdrawal_id AS id, status FROM withdrawal',
          )
        ).map(({ id, status }) => [id, status]),
      );
    const before = await ends();
    const persons = [on.apiKey, (await on.addKey({ scopes: ['admin'] })).key];
    const say = async (path: string, body: object) => {
      const said = [];
      for (const key of persons) {
        const headers = { authorization: `Bearer ${key}` };
        said.push(await on.call('POST', path, body, headers));
      }
      return said;
    };
    const evidence = 'compared with two other nodes';
    const [first, second] = await say('/v1/chains/local/resume', { evidence });
    expect([first!.status, first!.body['status']]).toEqual([202, 'proposed']);
    expect(second!.body).toMatchObject({ status: 'ordered', evidence });
    await until('the chain to go on', async () => {
      const [head] = await on.rows<{ why: string | null }>(
        'SELECT halted_reason AS why FROM chain_head',
      );
      return head!.why === null;
    });
    await until('every withdrawal to end', async () => {
      await on.anvil.mine();
      await walked(on);
      return [...(await ends()).values()].every(
        (end) => !['INCLUDED', 'EXECUTING', 'REVERSED'].includes(end),
      );
    });
    await on.anvil.mine(10);
    await quiet(on);
    for (const [id, status] of await ends()) {
      const paid = ['COMPLETED', 'RESETTLED'].includes(status);
      expect([id, paid]).toEqual([id, !['FAILED', 'CANCELLED'].includes(before.get(id)!)]);
    }

    // What the nonces that were final cost on the new chain is booked by itself; persons are told.
    const { body } = await on.call('GET', '/v1/reconciliation/breaks?state=open');
    const [open, ...others] = body['breaks'] as { id: string; kind: string }[];
    expect([open!.kind, others]).toEqual(['final_taken_back', []]);
    const path = `/v1/reconciliation/breaks/${open!.id}/resolve`;
    const [proposed, done] = await say(path, { action: 'adjust', evidence, adjustments: [] });
    expect([proposed!.status, done!.status]).toEqual([202, 200]);
    expect(done!.body).toMatchObject({ state: 'resolved', proposal: null });
    for (const amounts of (await tokenPayments(on)).values()) expect(amounts).toHaveLength(1);
    await expectLaws(on);
  });
});

describe('a reorg that takes back what was committed at safe', () => {
  let on: Installation;
  beforeAll(async () => {
    on = await startPaused();
  });
  afterAll(() => on?.stop());

  /** Committed at safe, then taken back with everything above it. */
  async function reversed(to: `0x${string}`): Promise<string> {
    const id = await submit(on, { amount: '5', to });
    await on.waitFor(id, 'BROADCASTED');
    await on.anvil.mine();
    await on.waitFor(id, 'INCLUDED');
    await mineTo(on, id, 'COMPLETED');
    const before = await view(on, id);
    const { blockNumber } = before['confirmation'] as { blockNumber: string };
    const latest = BigInt(await on.anvil.rpc<string>('eth_blockNumber'));
    await on.anvil.reorg(Number(latest - BigInt(blockNumber) + 1n));
    // COMPLETED is an end to a waiting client: it has to look again.
    await until('REVERSED', async () => (await view(on, id))['status'] === 'REVERSED');
    return id;
  }
  const available = async () => {
    const { body } = await on.call('GET', '/v1/accounts/alice/balances');
    const balances = body['balances'] as { asset: string; available: string; reserved: string }[];
    return balances.find(({ asset }) => asset === 'USDC')!;
  };

  it('is reversed, told, paid by the same bytes, and settled again at finality only', async () => {
    const to = recipient(7);
    const before = await available();
    const id = await reversed(to);
    const now = await view(on, id);
    expect(now).toMatchObject({ status: 'REVERSED', reorgs: 1, failure: null });
    expect(now['confirmation']).toMatchObject({ level: 'none' });
    expect(await available()).toMatchObject({ reserved: '5.5' });
    expect(await resolutions(on, id)).toEqual(['COMMIT']);
    const report = await verifyNow(on);
    expect(report.laws.filter(({ status }) => status === 'broken')).toEqual([]);

    await mineTo(on, id, 'RESETTLED');
    const done = await view(on, id);
    expect(done['confirmation']).toMatchObject({ level: 'finalized' });
    expect(done['attempts']).toHaveLength(1);
    expect(await resolutions(on, id)).toEqual(['COMMIT', 'COMMIT']);
    await on.anvil.mine(10);
    await quiet(on);
    expect((await tokenPayments(on)).get(to)).toEqual([5_000_000n]);
    expect(Number((await available()).available)).toBe(Number(before.available) - 5.5);
    await expectLaws(on);
    const told = await on.rows<{ to: string }>(
      `SELECT to_state AS to FROM event WHERE subject_id = $1 AND from_state IN ('COMPLETED', 'REVERSED') ORDER BY seq`,
      [id],
    );
    expect(told.map((event) => event.to)).toEqual(['REVERSED', 'RESETTLED']);
  });

  it('is FAILED and released when the same bytes revert in the new chain', async () => {
    const [lane] = await readLanes(on.owner);
    const slot = keccak256(`0x${lane!.address.slice(2).padStart(64, '0')}${'0'.repeat(64)}`);
    const held = await on.anvil.rpc<string>('eth_getStorageAt', on.token, slot, 'latest');
    const before = await available();
    const to = recipient(8);
    const id = await reversed(to);
    const back = await on.anvil.rpc<string>('eth_getStorageAt', on.token, slot, 'latest');
    expect(BigInt(back)).toBe(BigInt(held));
    await on.anvil.rpc('anvil_setStorageAt', on.token, slot, `0x${'0'.repeat(64)}`);
    await until('the bytes to be mined', async () => {
      await on.anvil.mine();
      await walked(on);
      return (await view(on, id))['confirmation']!['level' as never] !== 'none';
    });
    await on.anvil.rpc('anvil_setStorageAt', on.token, slot, back);
    await mineTo(on, id, 'FAILED');
    const done = await view(on, id);
    expect(done).toMatchObject({ failure: { code: 'reverted' }, completedAt: null });
    expect(await resolutions(on, id)).toEqual(['COMMIT', 'RELEASE']);
    expect(await available()).toEqual(before);
    await on.anvil.mine(10);
    await quiet(on);
    expect((await tokenPayments(on)).get(to)).toBeUndefined();
    await expectLaws(on);
  });
});
