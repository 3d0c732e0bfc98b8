import { afterEach, expect, test } from 'vitest';
import { run, ScriptedApi } from '../cli.fixture.ts';

let api: ScriptedApi | undefined;
afterEach(() => api?.close());

const PAYMENT = '01890000-0000-7000-8000-00000000f402';
const REFUND = { id: 'r', status: 'PENDING', amount: '0.4', paymentId: PAYMENT };

test('refund asks with a key that is told first, and says what goes back', async () => {
  api = await ScriptedApi.listen(() => ({ status: 202, body: REFUND }));
  const order = ['refund', PAYMENT, '--amount', '0.4', '--reason', 'late'];
  const { code, out } = await run(order, { env: api.env });
  const [heard] = api.heard;
  expect([code, out]).toEqual([
    0,
    `idempotency key: ${heard!.headers['idempotency-key']}\nrefund r: PENDING, 0.4 of payment ${PAYMENT}\n`,
  ]);
  expect(heard).toMatchObject({
    method: 'POST',
    path: `/v1/payments/${PAYMENT}/refunds`,
    body: { amount: '0.4', reason: 'late' },
  });
});

test('refund without an amount asks for all, and a refusal is its exit code', async () => {
  api = await ScriptedApi.listen(() => ({
    status: 409,
    body: { code: 'not_refundable', detail: 'The payment is not final.' },
  }));
  const { code, err } = await run(['refund', PAYMENT, '--reason', 'late'], { env: api.env });
  expect(code).toBe(1);
  expect(err).toContain('not final');
  expect(api.heard[0]!.body).toEqual({ reason: 'late' });
});

test('refund wants a reason', async () => {
  expect((await run(['refund', PAYMENT], { env: {} })).code).toBe(2);
});
