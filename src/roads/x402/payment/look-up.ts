import { HEX_BYTES, type Sql } from '../../../base/db/index.ts';
import { fromHex, type Hex } from '../../../base/kernel/index.ts';
import type { Checked } from '../check/check.ts';

/** The payment that an authorization stands for, or the one that its identifier names. */
export type Known = {
  id: string;
  merchantId: string;
  isOpen: boolean;
  /** Its authorization was seen before, and not only the identifier of another one. */
  isSeen: boolean;
  /** What was handed in now is what was found to be its payer's signature then. */
  isProven: boolean;
};

/** What is known before anybody is asked about the chain; a hint, which the claim judges again. */
export async function lookUp(
  sql: Sql,
  items: readonly (Checked & { merchantId: string })[],
): Promise<(Known | null)[]> {
  const { rows } = await sql.query<Known & { place: bigint }>({
    name: 'payment_look_up',
    types: HEX_BYTES,
    text: `
      SELECT DISTINCT ON (u.place) u.place, f.payment_id AS id, f.merchant_id AS "merchantId",
        f.status IN ('AUTH_SIGNED', 'AUTH_VERIFIED') AND f.decision_id IS NULL AS "isOpen",
        p.authorization_id = u.authorization_id AS "isSeen",
        (p.authorization_id, p.signature) IS NOT DISTINCT FROM (u.authorization_id, u.signature) AS "isProven"
      FROM unnest($1::bytea[], $2::uuid[], $3::text[], $4::text[], $5::bytea[]) WITH ORDINALITY
        AS u(authorization_id, merchant_id, endpoint, idempotency_key, signature, place)
      JOIN payment p ON p.authorization_id = u.authorization_id OR (p.merchant_id = u.merchant_id
        AND p.endpoint = u.endpoint AND p.idempotency_key = u.idempotency_key)
      JOIN payment f ON f.payment_id = coalesce(p.converged_on, p.payment_id)
      ORDER BY u.place, p.authorization_id = u.authorization_id DESC`,
    values: [
      items.map(({ authorizationId }) => fromHex(authorizationId as Hex)),
      items.map(({ merchantId }) => merchantId),
      items.map(({ request }) => request.endpoint),
      items.map(({ request }) => request.identifier),
      items.map(({ request }) => fromHex(request.signed.signature)),
    ],
  });
  const found = new Map(rows.map(({ place, ...known }) => [Number(place) - 1, known]));
  return items.map((_, index) => found.get(index) ?? null);
}

/**
 * What became of a payment is for who can show that its payer asks: payers and nonces stand on the chain for everybody to
 * copy, and where no key signed, only the chain can say so of another signature than the first.
 */
export function isPayers(checked: Checked, known: Known | null): known is Known {
  return known !== null && (known.isProven || checked.signedByKey());
}
