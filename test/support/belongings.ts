import type { Installation } from './installation.ts';

/** Rows of a tenant as its steps would write them, for routes that take their ids. */

export async function freeze(on: Installation): Promise<string> {
  const [made] = await on.rows<{ id: string }>(
    `INSERT INTO operator_freeze (scope, tenant_id, reason, frozen_by)
     SELECT 'tenant', $1, 'a test', person_id FROM person LIMIT 1 RETURNING freeze_id AS id`,
    [on.tenantId],
  );
  return made!.id;
}

export async function hold(on: Installation, withdrawalId: string): Promise<string> {
  const [made] = await on.rows<{ id: string }>(
    `INSERT INTO policy_hold (tenant_id, subject_id, decision_id, rule_id, gate, expires_at)
     VALUES ($1, $2, gen_random_uuid(), 'a rule', 'manual_review', now() + interval '1 day') RETURNING hold_id AS id`,
    [on.tenantId, withdrawalId],
  );
  return made!.id;
}

export async function payment(on: Installation): Promise<string> {
  const [made] = await on.rows<{ id: string }>(
    `WITH m AS (INSERT INTO merchant (tenant_id, name, pay_to) VALUES ($1, 'shop', '{}'::bytea[] || $2::bytea)
       RETURNING merchant_id)
     INSERT INTO payment (tenant_id, merchant_id, status, endpoint, fingerprint, authorization_id, chain_id, asset, token,
       payer, pay_to, amount, valid_after, valid_before, nonce, signature, wait_until, commit_at, risk_tier,
       correlation_id, method)
     SELECT $1, merchant_id, 'AUTH_SIGNED', '', gen_random_uuid(), $3, 31337, 'a token', $2, $2, $2, 1, 0, 1, $3, '',
       'included', 'safe', 'low', 'c', 'eip3009' FROM m RETURNING payment_id AS id`,
    [on.tenantId, Buffer.alloc(20, 8), Buffer.alloc(32, 8)],
  );
  return made!.id;
}

export async function destination(on: Installation): Promise<string> {
  const [made] = await on.rows<{ id: string }>(
    `INSERT INTO address_book_entry (tenant_id, address, label, added_by)
     SELECT $1, $2, 'a supplier', person_id FROM person LIMIT 1 RETURNING entry_id AS id`,
    [on.tenantId, Buffer.alloc(20, 7)],
  );
  return made!.id;
}

/** Of the merchant that the payment is of. */
export async function pricedEndpoint(on: Installation): Promise<string> {
  const [made] = await on.rows<{ id: string }>(
    `INSERT INTO priced_endpoint (tenant_id, merchant_id, method, path, asset, price, pay_to, upstream, on_failure,
       timeout_ms, max_response_bytes, transfer_method)
     SELECT tenant_id, merchant_id, 'GET', '/report', 'a token', 1, $2, 'https://api.example.com', 'keep', 1000, 1000,
       'eip3009'
     FROM merchant WHERE tenant_id = $1 AND name = 'shop' RETURNING endpoint_id AS id`,
    [on.tenantId, Buffer.alloc(20, 8)],
  );
  return made!.id;
}
