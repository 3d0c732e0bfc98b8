import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../test/support/main-database.ts';
import { advance, type Db, inTransaction } from '../../base/db/index.ts';
import { type Address, type Hex, sha256Hex, TX } from '../../base/kernel/index.ts';
import { insertDecisions } from '../policy/index.ts';
import {
  advanceLanes,
  collectSignatures,
  enqueueResends,
  haltChain,
  insertAdoption,
  insertBlocks,
  insertInclusions,
  insertSlots,
  insertStretches,
  leaseChain,
  leaseLanes,
  lockHeads,
  lockLanes,
  matchAttempts,
  moveHead,
  openTxs,
  orderReplacements,
  pauseLanes,
  readBids,
  readCrossings,
  readHeads,
  readLanes,
  readOpenStretches,
  readOrphans,
  readSendable,
  readSettled,
  readStretchTransactions,
  readTxs,
  recordSends,
  registerLane,
  releaseLanes,
  resumeLanes,
  rewind,
  setFinalProgress,
  startChain,
  stopUnclaimed,
  TX_TOPICS,
} from './index.ts';
import { ownersOf, readProgress } from './read.ts';

const CHAIN = 31337;
const FROM: Address = `0x${'aa'.repeat(20)}`;
const TO: Address = `0x${'bb'.repeat(20)}`;
const hash = (text: string): Hex => `0x${sha256Hex(text)}`;
const HOUR = 3_600_000;

let at: MainDatabase;
let signer: Db;
let laneId: number;
let nonce = 0n;
beforeAll(async () => {
  at = await MainDatabase.start();
  signer = at.pool('payonce_signer');
  await startChain(at.app, CHAIN, {
    number: 10,
    hash: hash('block 10'),
    parentHash: hash('block 9'),
    baseFeePerGas: 1n,
    timestamp: 1_700_000_000,
  });
  await registerLane(
    at.app,
    {
      tenantId: at.tenantId,
      chainId: CHAIN,
      address: FROM,
      purpose: 'pay',
      firstNonce: 0n,
      atBlock: 10,
    },
    'adopting',
  );
  expect(await resumeLanes(at.app, [1], ['funds'])).toEqual([]);
  laneId = (await readLanes(at.app))[0]!.laneId;
  await resumeLanes(at.app, [laneId], ['adopting']);
  await insertAdoption(at.app, { laneId, atBlock: 10, nativeBalance: 1_000_000n });
});
afterAll(() => at.stop());

async function decision(subjectId: string): Promise<string> {
  const [id] = await insertDecisions(at.app, [
    {
      tenantId: at.tenantId,
      subjectId,
      policyVersion: 'v',
      decision: {
        verdict: 'allow',
        tier: { name: 'low', commitAt: 'safe' },
        approvals: null,
        holds: [],
        auditSample: 0,
        waits: false,
        whenUnscreened: 'wait',
        reason: null,
        trace: [],
      },
    },
  ]);
  return id!;
}
async function wantedTx(more: { intentId?: Hex; decisionId?: string } = {}) {
  const ownerId = randomUUID();
  return {
    tenantId: at.tenantId,
    ownerKind: 'withdrawal',
    ownerId,
    intentId: more.intentId ?? hash(ownerId),
    operation: 'withdrawal',
    idempotencyKey: ownerId,
    chainId: CHAIN,
    asset: 'eip155:31337/slip44:60',
    token: null,
    recipient: TO,
    amount: 5n,
    decisionId: more.decisionId ?? (await decision(ownerId)),
    settleAt: 'safe' as const,
    expiresAt: null,
    correlationId: `c-${ownerId}`,
  };
}
async function openTx(): Promise<{ txId: string; ownerId: string }> {
  const wanted = await wantedTx();
  const [txId] = await inTransaction(at.app, (sql) => openTxs(sql, [wanted]));
  return { txId: txId!, ownerId: wanted.ownerId };
}
const slotFor = (txId: string, slotNonce: bigint) => ({
  txId,
  laneId,
  chainId: CHAIN,
  from: FROM,
  nonce: slotNonce,
  effectDigest: hash(`effect ${txId}`),
  gasReserved: 100_000n,
  laneEpoch: 1n,
  gasLimit: 21_000n,
  maxFeePerGas: 3n,
  maxPriorityFeePerGas: 1n,
  txType: 2 as const,
});
/** A transaction with the next nonce of the lane. */
async function slottedTx(): Promise<{ txId: string; ownerId: string; nonce: bigint }> {
  const tx = await openTx();
  const mine = nonce;
  nonce += 1n;
  await inTransaction(at.app, async (sql) => {
    await insertSlots(sql, [slotFor(tx.txId, mine)]);
    await advanceLanes(sql, new Map([[laneId, nonce]]));
    await advance(sql, TX, [{ id: tx.txId, from: 'CREATED', to: 'SLOTTED' }]);
  });
  return { ...tx, nonce: mine };
}
/** What the signer does with the open requests of a transaction; false when there was none. */
async function claimRequest(txId: string): Promise<string | null> {
  const { rows } = await signer.query<{ id: string }>(
    `UPDATE signature_request SET claimed_by = 's', claimed_at = now()
     WHERE tx_id = $1 AND claimed_at IS NULL AND cancelled_at IS NULL RETURNING signature_request_id AS id`,
    [txId],
  );
  return rows[0]?.id ?? null;
}
async function sign(txId: string): Promise<Hex> {
  const request = await claimRequest(txId);
  const txHash = hash(`signed ${request}`);
  await signer.query(
    `INSERT INTO signature (signature_request_id, tx_hash, raw) VALUES ($1, decode($2, 'hex'), '\\x01')`,
    [request, txHash.slice(2)],
  );
  return txHash;
}
const collect = () => inTransaction(at.app, (sql) => collectSignatures(sql, 100));
const statusOf = async (txId: string) => (await readTxs(at.app, [txId])).get(txId)!.status;
const jobsOf = async (subjectId: string) =>
  (
    await at.rows<{ topic: string }>('SELECT topic FROM job WHERE subject_id = $1 ORDER BY 1', [
      subjectId,
    ])
  ).map((row) => row.topic);

const attemptsOf = (txId: string) =>
  at.rows<{ attemptId: string }>(
    'SELECT attempt_id AS "attemptId" FROM attempt WHERE tx_id = $1 ORDER BY ordinal',
    [txId],
  ) as Promise<[{ attemptId: string }, ...{ attemptId: string }[]]>;

describe('a transaction', () => {
  it('is opened once for an intent, with a decision that is used once, and asks to be prepared', async () => {
    const wanted = await wantedTx();
    const [txId] = await inTransaction(at.app, (sql) => openTxs(sql, [wanted]));
    expect(await jobsOf(txId!)).toEqual([TX_TOPICS.prepare]);
    const sameIntent = await wantedTx({ intentId: wanted.intentId });
    await expect(inTransaction(at.app, (sql) => openTxs(sql, [sameIntent]))).rejects.toMatchObject({
      constraint: 'tx_intent_id_key',
    });
    const sameDecision = await wantedTx({ decisionId: wanted.decisionId });
    await expect(
      inTransaction(at.app, (sql) => openTxs(sql, [sameDecision])),
    ).rejects.toMatchObject({
      constraint: 'decision_consumed_pkey',
    });
    const events = await at.rows('SELECT to_state, owner_id FROM event WHERE subject_id = $1', [
      txId,
    ]);
    expect(events).toEqual([{ to_state: 'CREATED', owner_id: wanted.ownerId }]);
  });

  it('has one nonce slot for ever, and a nonce has one transaction', async () => {
    const first = await slottedTx();
    const second = await openTx();
    await expect(
      inTransaction(at.app, (sql) => insertSlots(sql, [slotFor(first.txId, 900n)])),
    ).rejects.toMatchObject({ constraint: 'nonce_slot_tx_id_key' });
    await expect(
      inTransaction(at.app, (sql) => insertSlots(sql, [slotFor(second.txId, first.nonce)])),
    ).rejects.toMatchObject({ code: '23505' });
    expect(await statusOf(second.txId)).toBe('CREATED');
  });
});

describe('stopping what nobody claimed', () => {
  const stop = async (txId: string) => {
    const observed = [...(await readTxs(at.app, [txId])).values()];
    return inTransaction(at.app, (sql) => stopUnclaimed(sql, observed, 'cancelled_by_client'));
  };

  it('ends one without a slot, and closes the slot of one that has one by its filler', async () => {
    const bare = await openTx();
    expect(await stop(bare.txId)).toEqual(new Set([bare.txId]));
    expect(await statusOf(bare.txId)).toBe('CANCELLED');
    const slotted = await slottedTx();
    expect(await stop(slotted.txId)).toEqual(new Set([slotted.txId]));
    expect(await statusOf(slotted.txId)).toBe('SLOTTED');
    expect(await jobsOf(slotted.txId)).toContain(TX_TOPICS.fill);
    expect(await claimRequest(slotted.txId)).toBeNull();
    expect((await readTxs(at.app, [slotted.txId])).get(slotted.txId)!.slot!.fillReason).toBe(
      'cancelled_by_client',
    );
  });

  it('leaves one alone whose request was claimed: it counts as signed', async () => {
    const tx = await slottedTx();
    expect(await claimRequest(tx.txId)).not.toBeNull();
    expect(await stop(tx.txId)).toEqual(new Set());
    expect(await jobsOf(tx.txId)).not.toContain(TX_TOPICS.fill);
  });

  it('and the claim exclude each other, whoever comes first', async () => {
    for (let round = 0; round < 15; round += 1) {
      const tx = await slottedTx();
      const [stopped, claimed] = await Promise.all([stop(tx.txId), claimRequest(tx.txId)]);
      expect([stopped.size === 1, claimed !== null].filter(Boolean)).toHaveLength(1);
    }
  });

  it('judges by the rows as they were observed', async () => {
    const tx = await openTx();
    const observed = [...(await readTxs(at.app, [tx.txId])).values()];
    await inTransaction(at.app, (sql) =>
      advance(sql, TX, [{ id: tx.txId, from: 'CREATED', to: 'SLOTTED' }]),
    );
    const stopped = await inTransaction(at.app, (sql) => stopUnclaimed(sql, observed, 'expired'));
    expect(stopped).toEqual(new Set());
  });
});

describe('what the signer gave', () => {
  it('becomes an attempt once, which is sent, recorded and found by every id', async () => {
    const tx = await slottedTx();
    const txHash = await sign(tx.txId);
    const collected = await collect();
    expect(await collect()).toEqual({ taken: 0, attempts: [] });
    expect(await statusOf(tx.txId)).toBe('SIGNED');
    const own = (await matchAttempts(at.app, CHAIN, [txHash, hash('foreign')])).get(txHash)!;
    expect(own).toMatchObject({ txId: tx.txId, nonce: tx.nonce, kind: 'effect', from: FROM });
    expect(await jobsOf(own.attemptId)).toEqual([]);
    const [sendable] = await readSendable(at.app, [own.attemptId]);
    expect(sendable).toMatchObject({ txHash, settled: false, sends: 0, bytes: Buffer.from([1]) });
    expect(collected).toMatchObject({ taken: 1, attempts: [sendable!] });
    await recordSends(at.app, [{ attemptId: own.attemptId, accepted: true, answer: 'accepted' }]);
    await recordSends(at.app, [{ attemptId: own.attemptId, accepted: false, answer: 'unknown' }]);
    const progress = (await readProgress(at.app, [tx.ownerId])).get(tx.ownerId)!;
    expect(progress.attempts).toMatchObject([{ txHash, status: 'accepted' }]);
    expect(progress.nonceKey).toBe(`${CHAIN}:${FROM}:${tx.nonce}`);
    for (const key of [
      { txHash },
      { nonceKey: progress.nonceKey! },
      { attemptId: own.attemptId },
    ]) {
      expect(await ownersOf(at.app, key)).toEqual([tx.ownerId]);
    }
    expect(await ownersOf(at.app, { txHash: '0x12' })).toEqual([]);
    expect(await ownersOf(at.app, { nonceKey: 'none' })).toEqual([]);
  });

  it('is sent by whoever finds it, when it was stored and never sent', async () => {
    const tx = await slottedTx();
    await sign(tx.txId);
    await collect();
    const [{ attemptId }] = await attemptsOf(tx.txId);
    const due = { olderThanMs: 60_000, unsentMs: 60_000 };
    await enqueueResends(at.app, CHAIN, due, 100);
    expect(await jobsOf(attemptId)).toEqual([]);
    await at.rows(
      `UPDATE attempt SET created_at = now() - interval '1 minute' WHERE attempt_id = $1`,
      [attemptId],
    );
    await enqueueResends(at.app, CHAIN, { ...due, unsentMs: 50_000 }, 100);
    expect(await jobsOf(attemptId)).toEqual([TX_TOPICS.send]);
  });

  it('is sent again when a block could have shown it, else only where no node took it', async () => {
    const tx = await slottedTx();
    await sign(tx.txId);
    await collect();
    const [{ attemptId }] = await attemptsOf(tx.txId);
    const resent = async () => {
      await at.rows('DELETE FROM job WHERE topic = $1', [TX_TOPICS.send]);
      await enqueueResends(at.app, CHAIN, { olderThanMs: 60_000, unsentMs: 60_000 }, 100);
      return (await jobsOf(attemptId)).length > 0;
    };
    const ago = (text: string) =>
      at.rows(`UPDATE attempt SET last_sent_at = now() - $2::interval WHERE attempt_id = $1`, [
        attemptId,
        text,
      ]);
    const headAgo = (text: string) =>
      at.rows(`UPDATE chain_head SET advanced_at = now() - $1::interval`, [text]);
    await recordSends(at.app, [{ attemptId, accepted: false, answer: 'unknown' }]);
    await headAgo('1 hour');
    expect(await resent()).toBe(false);
    await ago('2 minutes');
    expect(await resent()).toBe(true);
    await recordSends(at.app, [{ attemptId, accepted: true, answer: 'accepted' }]);
    await ago('2 minutes');
    expect(await resent()).toBe(false);
    await headAgo('1 minute');
    expect(await resent()).toBe(true);
    await headAgo('1 hour');
    // A node may have lost its pool, on a chain that makes no block without transactions.
    await ago('21 minutes');
    expect(await resent()).toBe(true);
  });

  it('is sent again beside a dearer attempt that no node took yet', async () => {
    const tx = await slottedTx();
    await sign(tx.txId);
    await collect();
    const [first] = await attemptsOf(tx.txId);
    await recordSends(at.app, [{ ...first!, accepted: true, answer: 'accepted' }]);
    await leaseLanes(at.app, 'bidder', HOUR);
    const [slot] = await readBids(at.app, [tx.txId], 0);
    expect(slot).toMatchObject({ sent: true, pending: false, maxFeePerGas: 3n });
    const order = {
      slot: slot!,
      kind: 'effect' as const,
      gasLimit: 21_000n,
      maxFeePerGas: 4n,
      maxPriorityFeePerGas: 2n,
      txType: 2 as const,
      gasReserved: slot!.gasReserved,
      fillReason: null,
      wishId: null,
    };
    await inTransaction(at.app, (sql) => orderReplacements(sql, 'bidder', [order]));
    await releaseLanes(at.app, 'bidder');
    await sign(tx.txId);
    await collect();
    const both = await attemptsOf(tx.txId);
    const resent = async () => {
      await at.rows('DELETE FROM job WHERE topic = $1', [TX_TOPICS.send]);
      await at.rows(`UPDATE attempt SET last_sent_at = now() - interval '1 hour'`);
      await at.rows(`UPDATE chain_head SET advanced_at = now()`);
      await enqueueResends(at.app, CHAIN, { olderThanMs: 60_000, unsentMs: 60_000 }, 100);
      const jobs = await Promise.all(both.map(({ attemptId }) => jobsOf(attemptId)));
      return jobs.map((topics) => topics.length > 0);
    };
    await recordSends(at.app, [{ ...both[1]!, accepted: false, answer: 'underpriced' }]);
    expect(await resent()).toEqual([true, true]);
    await recordSends(at.app, [{ ...both[1]!, accepted: true, answer: 'accepted' }]);
    expect(await resent()).toEqual([false, true]);
    expect(await readBids(at.app, [tx.txId], 0)).toMatchObject([
      { ordinal: 2, sent: true, pending: false, maxFeePerGas: 4n, maxPriorityFeePerGas: 2n },
    ]);
  });

  it('that was a refusal leaves the attempt before it, and closes nothing', async () => {
    const tx = await slottedTx();
    await sign(tx.txId);
    await collect();
    await at.rows(
      `INSERT INTO signature_request (lane_id, nonce, ordinal, tx_id, kind, gas_limit, max_fee_per_gas,
         max_priority_fee_per_gas, lane_epoch)
       SELECT lane_id, nonce, 2, tx_id, 'effect', 21000, 4, 2, 1 FROM nonce_slot WHERE tx_id = $1`,
      [tx.txId],
    );
    await signer.query(
      `INSERT INTO signature (signature_request_id, refusal_code, refusal_message) VALUES ($1, 'cap', 'too much')`,
      [await claimRequest(tx.txId)],
    );
    expect(await collect()).toMatchObject({ taken: 1, attempts: [] });
    expect(await jobsOf(tx.txId)).not.toContain(TX_TOPICS.fill);
    expect((await readTxs(at.app, [tx.txId])).get(tx.txId)).toMatchObject({
      status: 'SIGNED',
      failureCode: null,
    });
    const told = await at.rows(
      `SELECT 1 FROM event WHERE type = 'tx.replacement_refused' AND subject_id = $1`,
      [tx.txId],
    );
    expect(told).toHaveLength(1);
    // What was refused is no bid.
    expect(await readBids(at.app, [tx.txId], 0)).toMatchObject([
      { ordinal: 2, maxFeePerGas: 3n, pending: false },
    ]);
  });

  it('closes the slot by its filler when it was a refusal, which is ordered once', async () => {
    const tx = await slottedTx();
    const request = await claimRequest(tx.txId);
    await signer.query(
      `INSERT INTO signature (signature_request_id, refusal_code, refusal_message) VALUES ($1, 'cap', 'too much')`,
      [request],
    );
    expect(await collect()).toMatchObject({ taken: 1, attempts: [] });
    expect(await jobsOf(tx.txId)).toContain(TX_TOPICS.fill);
    const row = (await readTxs(at.app, [tx.txId])).get(tx.txId)!;
    expect(row).toMatchObject({
      status: 'SLOTTED',
      failureCode: 'signer_refused',
      failureMessage: 'cap: too much',
    });
    await leaseLanes(at.app, 'filler', HOUR);
    const [slot] = await readBids(at.app, [tx.txId], 0);
    expect(slot).toMatchObject({ maxFeePerGas: 0n, filling: false, pending: false, sent: false });
    const order = {
      slot: slot!,
      kind: 'filler' as const,
      gasLimit: 21_000n,
      maxFeePerGas: 3n,
      maxPriorityFeePerGas: 1n,
      txType: 2 as const,
      gasReserved: slot!.gasReserved,
      fillReason: 'signer_refused',
      wishId: null,
    };
    const fill = (owner: string) =>
      inTransaction(at.app, (sql) => orderReplacements(sql, owner, [order]));
    expect(await fill('another')).toEqual(new Set());
    expect(await fill('filler')).toEqual(new Set([tx.txId]));
    expect(await fill('filler')).toEqual(new Set());
    expect(await readBids(at.app, [tx.txId], 0)).toMatchObject([
      { filling: true, pending: true, fillReason: 'signer_refused', ordinal: 2, maxFeePerGas: 3n },
    ]);
    await releaseLanes(at.app, 'filler');
    await sign(tx.txId);
    expect(await collect()).toMatchObject({ taken: 1, attempts: [{ kind: 'filler' }] });
    expect(await statusOf(tx.txId)).toBe('SIGNED');
  });
});

describe('lanes', () => {
  it('change hands only when the lease ran out, and whoever lost it has no power left', async () => {
    const held = await leaseLanes(at.app, 'one', HOUR);
    expect(await leaseLanes(at.app, 'one', HOUR)).toEqual(held);
    expect(await leaseLanes(at.app, 'two', HOUR)).toEqual(new Map());
    const lock = (owner: string, epochs: ReadonlyMap<number, bigint>) =>
      inTransaction(at.app, (sql) => lockLanes(sql, owner, epochs));
    expect((await lock('one', held)).get(laneId)).toEqual({ nextNonce: nonce });
    await leaseLanes(at.app, 'one', -1);
    const taken = await leaseLanes(at.app, 'two', HOUR);
    expect(taken.get(laneId)!).toBeGreaterThan(held.get(laneId)!);
    expect(await lock('one', held)).toEqual(new Map());
    expect(await lock('two', held)).toEqual(new Map());
    expect([...(await lock('two', taken)).keys()]).toEqual([laneId]);
    expect(await pauseLanes(at.app, [laneId], { reason: 'low_gas' })).toMatchObject([{ laneId }]);
    // What opens the lane for the lighter reason must not open it for the weightier one.
    expect(await pauseLanes(at.app, [laneId], { reason: 'funds' })).toEqual([]);
    expect(await resumeLanes(at.app, [laneId], ['funds'])).toEqual([]);
    const pause = { reason: 'operator', by: 'a key', note: 'looking' } as const;
    expect(await pauseLanes(at.app, [laneId], pause)).toMatchObject([
      { pausedReason: 'operator', pausedBy: 'a key', pausedNote: 'looking' },
    ]);
    expect(await lock('two', taken)).toEqual(new Map());
    expect(await resumeLanes(at.app, [laneId], ['operator'])).toEqual([laneId]);
    await releaseLanes(at.app, 'two');
    expect((await leaseLanes(at.app, 'three', HOUR)).get(laneId)).toBe(taken.get(laneId)! + 1n);
  });
});

describe('the canonical chain', () => {
  const block = (number: number, name = `block ${number}`) => ({
    number,
    hash: hash(name),
    parentHash: hash(`block ${number - 1}`),
    baseFeePerGas: 1n,
    timestamp: 1_700_000_000 + number,
  });
  async function included(
    txId: string,
    txHash: Hex,
    number: number,
    name?: string,
  ): Promise<string> {
    const attempt = (await matchAttempts(at.app, CHAIN, [txHash])).get(txHash)!;
    await insertInclusions(at.app, CHAIN, [
      {
        attemptId: attempt.attemptId,
        blockNumber: number,
        blockHash: block(number, name).hash,
        succeeded: true,
        effectOk: true,
        gasUsed: null,
        effectiveGasPrice: null,
        toLane: null,
      },
    ]);
    expect(attempt.txId).toBe(txId);
    return attempt.attemptId;
  }

  it('gives an inclusion its level by the heads, and takes it away in a reorg that is remembered', async () => {
    const tx = await slottedTx();
    const txHash = await sign(tx.txId);
    await collect();
    await insertBlocks(at.app, CHAIN, [block(11), block(12), block(13)]);
    await moveHead(at.app, CHAIN, { latest: 13, safe: 10, finalized: 10 });
    await included(tx.txId, txHash, 12);
    const level = async () => (await readSettled(at.app, [tx.txId])).levels.get(tx.txId);
    expect(await level()).toEqual({ level: 'included', paid: true, replaced: false });
    await moveHead(at.app, CHAIN, { latest: 13, safe: 12, finalized: 10 });
    expect(await level()).toEqual({ level: 'safe', paid: true, replaced: false });
    expect(await readCrossings(at.app, CHAIN, 10, 12)).toMatchObject([{ txId: tx.txId }]);
    expect(await readCrossings(at.app, CHAIN, 12, 12)).toEqual([]);

    const orphans = await readOrphans(at.app, CHAIN, 11);
    expect(orphans).toMatchObject([{ txId: tx.txId, blockNumber: 12 }]);
    await inTransaction(at.app, (sql) => rewind(sql, CHAIN, 11, orphans));
    expect(await level()).toEqual({ level: 'none', paid: false, replaced: false });
    const after = (await readProgress(at.app, [tx.ownerId])).get(tx.ownerId)!;
    expect(after).toMatchObject({ furthestLevel: 'safe', reorgs: 1, level: 'none' });

    await insertBlocks(at.app, CHAIN, [block(12, 'other 12'), block(13, 'other 13')]);
    await moveHead(at.app, CHAIN, { latest: 13, safe: 11, finalized: 11 });
    await included(tx.txId, txHash, 13, 'other 13');
    expect(await level()).toEqual({ level: 'included', paid: true, replaced: false });
    const open = async () => (await readOpenStretches(at.app, [laneId]))[0];
    await setFinalProgress(at.app, [{ laneId, nonce: tx.nonce }]);
    expect(await open()).toMatchObject({ upToBlock: 11, fromNonce: 0n, toNonce: 0n, sent: 0n });
    await moveHead(at.app, CHAIN, { latest: 13, safe: 13, finalized: 13 });
    expect(await level()).toEqual({ level: 'finalized', paid: true, replaced: false });
    const stretch = (await open())!;
    // The price of its block: a base fee of one and a tip of one, of at most three.
    expect(stretch).toMatchObject({
      ...{ aboveBlock: 10, upToBlock: 13, toNonce: tx.nonce + 1n, opening: 1_000_000n },
      ...{ gasLeast: 42_000n, gasMost: 42_000n, sent: 5n },
    });
    expect(stretch.gasReserved).toBe(100_000n * (tx.nonce + 1n));
    expect(await readStretchTransactions(at.app, stretch, null)).toEqual([
      { txHash, blockNumber: 13, blockHash: block(13, 'other 13').hash },
    ]);
    const booked = {
      ...stretch,
      ...{ gasCost: 42_000n, gasBy: 'balance' as const, gasTransferId: randomUUID() },
      ...{ arrived: 7n, arrivalTransferId: randomUUID() },
    };
    const elsewhere = { ...booked, aboveBlock: 11, upToBlock: 14 };
    await expect(insertStretches(at.app, [elsewhere])).rejects.toMatchObject({ code: '23503' });
    await insertStretches(at.app, [booked]);
    await expect(insertStretches(at.app, [booked])).rejects.toMatchObject({ code: '23505' });
    const branch = { ...booked, upToBlock: 14 };
    await expect(insertStretches(at.app, [branch])).rejects.toMatchObject({ code: '23505' });
    expect(await open()).toBeUndefined();
    await insertBlocks(at.app, CHAIN, [block(14)]);
    await moveHead(at.app, CHAIN, { latest: 14, safe: 14, finalized: 14 });
    expect(await open()).toMatchObject({
      ...{ aboveBlock: 13, fromNonce: tx.nonce + 1n, toNonce: tx.nonce + 1n },
      ...{ opening: 1_000_000n - 42_000n - 5n + 7n, gasReserved: 0n },
    });
  });

  it('never lets a head’s levels fall, nor finalized pass safe', async () => {
    const head = async () => (await readHeads(at.app)).get(CHAIN)!;
    const before = await head();
    await moveHead(at.app, CHAIN, { latest: before.latest, safe: 0, finalized: 0 });
    expect(await head()).toMatchObject({ safe: before.safe, finalized: before.finalized });
    await expect(
      at.app.query('UPDATE chain_head SET finalized = latest + 1 WHERE chain_id = $1', [CHAIN]),
    ).rejects.toMatchObject({ code: '23514' });
  });

  it('is walked by one holder of its lease, and who settles waits for who walks', async () => {
    const epoch = await leaseChain(at.app, CHAIN, 'one', HOUR);
    expect(await leaseChain(at.app, CHAIN, 'one', HOUR)).toBe(epoch);
    expect(await leaseChain(at.app, CHAIN, 'two', HOUR)).toBeNull();
    await leaseChain(at.app, CHAIN, 'one', -1);
    expect(await leaseChain(at.app, CHAIN, 'two', HOUR)).toBe(epoch! + 1n);
    const walker = await at.app.connect();
    await walker.query('BEGIN');
    await lockHeads(walker, [CHAIN], 'update');
    const settler = await at.app.connect();
    await settler.query('BEGIN');
    await settler.query(`SET LOCAL lock_timeout = '50ms'`);
    await expect(lockHeads(settler, [CHAIN], 'share')).rejects.toMatchObject({ code: '55P03' });
    await settler.query('ROLLBACK');
    await walker.query('ROLLBACK');
    settler.release();
    walker.release();
  });

  it('keeps the first reason of a halt', async () => {
    expect(await haltChain(at.app, CHAIN, 'first')).toBe(true);
    expect(await haltChain(at.app, CHAIN, 'second')).toBe(false);
    expect((await readHeads(at.app)).get(CHAIN)!.haltedReason).toBe('first');
    const tx = await slottedTx();
    expect([...(await readSettled(at.app, [tx.txId])).halted]).toEqual([CHAIN]);
  });
});
