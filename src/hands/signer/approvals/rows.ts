import { type Db, HEX_BYTES, inTransaction } from '../../../base/db/index.ts';
import { type Address, fromHex, type Hex } from '../../../base/kernel/index.ts';
import type { Asked, Order } from '../grammar.ts';
import type { SigningRules } from '../rules.ts';
import { requirementOf } from './check.ts';

type Row = {
  decision_id: string;
  wallet_group: string;
  chain_id: bigint;
  asset: string;
  recipient: Address;
  amount: bigint;
  fee_cap: bigint;
  intent_id: Hex;
  policy_version: string;
  initiator: string;
  expiry: bigint;
  approver_id: string | null;
  signature: Hex;
  authenticator_data: Hex | null;
  client_data: Hex | null;
  used_by: string | null;
};

/**
 * The orders with what persons were asked about them and gave, where this signer's own rules want it; no other order
 * is looked at twice. Raw rows: nothing of it is believed yet.
 */
export async function withApprovals(
  main: Db,
  rules: SigningRules,
  orders: readonly Order[],
): Promise<Order[]> {
  const wanting = orders.filter((order) => requirementOf(rules, order) !== null);
  if (wanting.length === 0) return [...orders];
  const asked = await askedGet(
    main,
    wanting.flatMap(({ decision }) => decision?.decisionId ?? []),
  );
  return orders.map((order) =>
    wanting.includes(order)
      ? { ...order, asked: asked.get(order.decision?.decisionId ?? '') ?? null }
      : order,
  );
}

async function askedGet(main: Db, decisionIds: readonly string[]): Promise<Map<string, Asked>> {
  const rows = await inTransaction(main, async (sql) => {
    const result = await sql.query<Row>({
      name: 'signer_approvals_get',
      types: HEX_BYTES,
      text: `SELECT r.decision_id, r.wallet_group, r.chain_id, r.asset, r.recipient, r.amount, r.fee_cap, r.intent_id,
          r.policy_version, r.initiator, r.expiry, a.approver_id, a.signature, a.authenticator_data,
          a.client_data, c.tx_id AS used_by
        FROM approval_request r
        LEFT JOIN approval a USING (request_id)
        LEFT JOIN approval_consumed c USING (approval_id)
        WHERE r.decision_id = ANY($1::uuid[]) ORDER BY a.approval_id`,
      values: [decisionIds],
    });
    return result.rows;
  });
  const asked = new Map<string, Asked>();
  for (const row of rows) {
    const one = asked.get(row.decision_id) ?? askedOf(row);
    asked.set(row.decision_id, one);
    if (row.approver_id === null) continue;
    const passkey =
      row.authenticator_data === null || row.client_data === null
        ? null
        : {
            authenticatorData: fromHex(row.authenticator_data),
            clientData: fromHex(row.client_data),
          };
    one.approvals.push({
      approverId: row.approver_id,
      proof: { signature: fromHex(row.signature), passkey },
      usedBy: row.used_by,
    });
  }
  return asked;
}

function askedOf(row: Row): Asked {
  return {
    content: {
      chainId: Number(row.chain_id),
      walletGroup: row.wallet_group,
      asset: row.asset,
      to: row.recipient,
      amount: row.amount,
      feeCap: row.fee_cap,
      intentId: row.intent_id,
      policyVersion: row.policy_version,
      initiator: row.initiator,
      expiry: Number(row.expiry),
    },
    approvals: [],
  };
}
