import { randomUUID } from 'node:crypto';
import type { Person } from '../../../../test/support/persons.ts';
import type { Db } from '../../../base/db/index.ts';
import {
  type ApprovalContent,
  approvalDigest,
  effectDigest,
  effectOf,
  intentId,
} from '../../../base/effect/index.ts';
import { type Address, caip19, fromHex, type Hex } from '../../../base/kernel/index.ts';
import { CHAIN, type Installation, LANES, PAYEE, TOKEN } from '../installation.fixture.ts';

/** What one attempt writes; everything that the app's role may write is free to be wrong. */
export type Attempt = {
  token: Address | null;
  recipient: Address;
  amount: bigint;
  maxFeePerGas: bigint;
  gasLimit: bigint;
  lane: number;
  /** What the row calls the asset; absent: its CAIP-19 id. */
  assetName?: string;
  /** What the approvers were shown and signed; null: nobody was asked. */
  content: ApprovalContent | null;
  /** What the request's row says instead of what they signed. */
  rewritten: Partial<ApprovalContent>;
  signers: Person[];
  /** Under whose name a signature stands. */
  names: string[];
  usedByAnother: boolean;
};

/**
 * A control plane that somebody else has taken over: it writes rows with the app's own role, decides everything with
 * yes, and lets the signer sign.
 */
export class HostileControlPlane {
  readonly #at: Installation;
  readonly #app: Db;
  #nonce = 0;

  constructor(at: Installation, app: Db) {
    this.#at = at;
    this.#app = app;
  }

  /** The payment as an honest control plane would have it approved. */
  content(key: string, over: Partial<ApprovalContent>): ApprovalContent {
    return {
      chainId: CHAIN,
      walletGroup: 'demo',
      asset: caip19(CHAIN, TOKEN),
      to: PAYEE,
      amount: 1n,
      feeCap: 50_000_000_000n * 1_000_000n,
      intentId: this.intentId(key),
      policyVersion: this.#at.settings.policyVersion,
      initiator: 'somebody',
      expiry: Math.floor(Date.now() / 1000) + 3_600,
      ...over,
    };
  }

  intentId(key: string): Hex {
    const { installationId, tenantId } = this.#at;
    return intentId({ installationId, tenantId, operation: 'withdrawal', idempotencyKey: key });
  }

  /** Writes decision, tx, slot, request for approval, approvals and the order; the id of the order. */
  async order(key: string, wanted: Attempt): Promise<{ requestId: string; intentId: Hex }> {
    const { token, recipient, amount, lane, content } = wanted;
    const [ownerId, decisionId, txId] = [randomUUID(), randomUUID(), randomUUID()];
    const from = LANES[lane]!;
    const digest = effectDigest(CHAIN, from, effectOf({ token, recipient, amount }));
    const nonce = this.#nonce++;
    await this.#app.query(
      `INSERT INTO decision (decision_id, tenant_id, subject_id, policy_version, verdict, tier, commit_at, trace)
       VALUES ($1, $2, $3, $4, 'allow', 'medium', 'finalized', '[]')`,
      [decisionId, this.#at.tenantId, ownerId, this.#at.settings.policyVersion],
    );
    await this.#app.query(
      `INSERT INTO tx (tx_id, tenant_id, owner_kind, owner_id, intent_id, operation, idempotency_key, chain_id, asset,
         token, recipient, amount, decision_id, settle_at, status, correlation_id)
       VALUES ($1, $2, 'withdrawal', $3, $4, 'withdrawal', $5, $6, $7, $8, $9, $10, $11, 'finalized', 'CREATED', 'c')`,
      [
        ...[txId, this.#at.tenantId, ownerId, fromHex(this.intentId(key)), key, CHAIN],
        ...[wanted.assetName ?? caip19(CHAIN, token), token === null ? null : fromHex(token)],
        ...[fromHex(recipient), amount, decisionId],
      ],
    );
    await this.#app.query('INSERT INTO decision_consumed VALUES ($1, $2)', [decisionId, txId]);
    await this.#app.query(
      `INSERT INTO nonce_slot (lane_id, nonce, chain_id, from_address, tx_id, effect_digest, gas_reserved)
       VALUES ($1, $2, $3, $4, $5, $6, 1)`,
      [this.#at.laneIds[lane], nonce, CHAIN, fromHex(from), txId, fromHex(digest)],
    );
    if (content !== null) await this.#approve({ ownerId, decisionId, txId }, content, wanted);
    const { rows } = await this.#app.query<{ id: string }>(
      `INSERT INTO signature_request (lane_id, nonce, ordinal, tx_id, kind, gas_limit, max_fee_per_gas,
         max_priority_fee_per_gas, lane_epoch)
       VALUES ($1, $2, 0, $3, 'effect', $4, $5, 1, 10) RETURNING signature_request_id AS id`,
      [this.#at.laneIds[lane], nonce, txId, wanted.gasLimit, wanted.maxFeePerGas],
    );
    return { requestId: rows[0]!.id, intentId: this.intentId(key) };
  }

  async #approve(
    { ownerId, decisionId, txId }: { ownerId: string; decisionId: string; txId: string },
    signed: ApprovalContent,
    { rewritten, signers, names, usedByAnother }: Attempt,
  ): Promise<void> {
    const row = { ...signed, ...rewritten };
    const { rows } = await this.#app.query<{ id: string }>(
      `INSERT INTO approval_request (tenant_id, owner_id, decision_id, requirements, wallet_group, chain_id, asset,
         recipient, amount, fee_cap, intent_id, policy_version, initiator, expiry, correlation_id, status)
       VALUES ($1, $2, $3, '[]', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'c', 'PENDING')
       RETURNING request_id AS id`,
      [
        ...[this.#at.tenantId, ownerId, decisionId, row.walletGroup, row.chainId, row.asset],
        ...[fromHex(row.to), row.amount, row.feeCap, fromHex(row.intentId), row.policyVersion],
        ...[row.initiator, row.expiry],
      ],
    );
    const requestId = rows[0]!.id;
    for (const [index, signer] of signers.entries()) {
      const given = await this.#app.query<{ id: string }>(
        `INSERT INTO approval (request_id, approver_id, signature) VALUES ($1, $2, $3)
         RETURNING approval_id AS id`,
        [requestId, names[index], signer.sign(approvalDigest(signed))],
      );
      await this.#app.query('INSERT INTO approval_consumed VALUES ($1, $2)', [
        given.rows[0]!.id,
        usedByAnother ? randomUUID() : txId,
      ]);
    }
    await this.#app.query(`UPDATE approval_request SET status = 'APPROVED' WHERE request_id = $1`, [
      requestId,
    ]);
  }
}
