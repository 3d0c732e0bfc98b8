import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';

let on: MainDatabase;
beforeAll(async () => {
  on = await MainDatabase.start();
  // Its price and its payment are others' rules.
  await on.rows('ALTER TABLE gateway_call DROP CONSTRAINT gateway_call_endpoint_id_fkey');
});
afterAll(() => on?.stop());

/** A call that is forwarded, of which its payer signed for 100 at most; or one whose price was paid before. */
async function forwarded(most: number | null = 100): Promise<string> {
  const [made] = await on.rows<{ id: string }>(
    `INSERT INTO gateway_call (call_id, tenant_id, endpoint_id, request_hash, authorization_id, payment_id, correlation_id,
       status, signature_hash, request, request_body, most, payment, receipt)
     VALUES (payonce_uuid7(), $1, $1, sha256(''), sha256(gen_random_uuid()::text::bytea), gen_random_uuid(), 'c', 'FORWARDING',
       sha256(''), '{}', '', $2::numeric, CASE WHEN $2::numeric IS NOT NULL THEN '{}'::jsonb END,
       CASE WHEN $2::numeric IS NULL THEN '{}'::jsonb END) RETURNING call_id AS id`,
    ['01890000-0000-7000-8000-000000000001', most],
  );
  return made!.id;
}

const ANSWER = `request = NULL, request_body = NULL, kept_until = now(), answer_status = 200, answer_headers = '{}', answer_body = ''`;
const set = (id: string, columns: string) =>
  on.rows(`UPDATE gateway_call SET ${columns} WHERE call_id = $1`, [id]);
const charging = async () => {
  const id = await forwarded();
  await set(id, `status = 'CHARGING', charge = 40, ${ANSWER}`);
  return id;
};

describe('a call that is charged by its answer', () => {
  it('has its answer and its charge at once, then what it paid, and keeps no payment', async () => {
    const id = await charging();
    await set(id, `status = 'SERVED', receipt = '{}', payment = NULL`);
    const [row] = await on.rows('SELECT status, charge FROM gateway_call WHERE call_id = $1', [id]);
    expect(row).toEqual({ status: 'SERVED', charge: 40n });
  });

  it('has its charge once and for ever', async () => {
    const id = await charging();
    await expect(set(id, 'charge = 41')).rejects.toThrow(/its charge is 40, and stays so/);
    await expect(set(id, 'charge = NULL')).rejects.toThrow(/its charge is 40, and stays so/);
  });

  it.each([
    ['more than was signed', `status = 'CHARGING', charge = 101, ${ANSWER}`, 'charge'],
    ['less than nothing', `status = 'CHARGING', charge = -1, ${ANSWER}`, 'charge'],
    ['no charge with its answer', `status = 'CHARGING', ${ANSWER}`, 'charge'],
    [
      'a charge without an answer',
      `status = 'CHARGING', charge = 1, request = NULL, request_body = NULL`,
      'served',
    ],
    ['a charge and no end', 'charge = 1', 'charge'],
    [
      'a charge of a failure',
      `status = 'FAILED', charge = 1, failure_code = 'a', payment = NULL, request = NULL, request_body = NULL`,
      'charge',
    ],
    ['an answer that is told unpaid', `status = 'SERVED', payment = NULL, ${ANSWER}`, 'charge'],
    ['a payment before its answer', `receipt = '{}'`, 'paid'],
    ['no payment to be charged by', 'payment = NULL', 'charge'],
  ])('never has %s', async (_, columns, constraint) => {
    const refused = set(await forwarded(), columns);
    await expect(refused).rejects.toThrow(`gateway_call_${constraint}`);
  });

  it('is told only with what was paid', async () => {
    const told = set(await charging(), `status = 'SERVED', payment = NULL`);
    await expect(told).rejects.toThrow('gateway_call_paid');
  });
});

describe('a call whose price is paid before', () => {
  it('has no charge, and is forwarded with what was paid alone', async () => {
    const id = await forwarded(null);
    await expect(set(id, `status = 'CHARGING', ${ANSWER}`)).rejects.toThrow('gateway_call_charge');
    await expect(set(id, 'charge = 1')).rejects.toThrow('gateway_call_charge');
    await expect(set(id, 'receipt = NULL')).rejects.toThrow('gateway_call_paid');
  });
});
