import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Installation } from '../../support/installation.ts';
import { expectLaws, quiet } from '../../support/laws.ts';
import { until } from '../../support/until.ts';
import {
  ask,
  fundedPayer,
  impatient,
  landByHand,
  merchantKey,
  PAY_TO,
  PRICE,
  settledInTheEnd,
  signedPayment,
} from '../../support/x402/payers.ts';

/** Blocks come only when a test asks for them: anvil's safe is 4 below the latest, finalized 8. */
let on: Installation;
let key: string;
beforeAll(async () => {
  on = await Installation.start({ lanes: 1, settings: impatient(2_000) });
  key = await merchantKey(on);
});
afterAll(() => on?.stop());

const settle = (body: unknown) => ask(on.url, 'settle', body, key);
const untilTold = (body: unknown) => settledInTheEnd(on.url, body, key);
/** The first answer, which has the hash of what was signed. */
const untilSigned = (body: unknown) =>
  until('the hash', async () => {
    const answer = await settle(body);
    return answer.body['transaction'] !== '' && answer;
  });
const verify = (body: unknown) => ask(on.url, 'verify', body, key);
const paused = (work: () => Promise<void>) => async () => {
  await on.anvil.hold();
  try {
    await work();
  } finally {
    on.anvil.resume();
  }
};
const statusOf = async (hash: unknown) => {
  const [row] = await on.rows<{ status: string }>(
    `SELECT p.status FROM payment p LEFT JOIN tx t ON t.owner_id = p.payment_id LEFT JOIN attempt a USING (tx_id)
     WHERE a.tx_hash = decode(substr($1, 3), 'hex') OR p.authorization_id = decode(substr($1, 3), 'hex')`,
    [hash],
  );
  return row?.status;
};

describe('a payment under way', () => {
  it(
    'is told as pending with its hash, then as neither paid nor unpaid, and at last as paid once',
    paused(async () => {
      const payer = await paidIn();
      const body = await signedPayment(payer, on.token);
      const first = await untilSigned(body);
      expect(first).toMatchObject({
        status: 200,
        body: { success: false, errorReason: 'settlement_pending' },
      });
      const hash = first.body['transaction'] as string;
      expect(hash).toMatch(/^0x[0-9a-f]{64}$/);
      const second = await settle(body);
      expect(second).toMatchObject({
        status: 202,
        body: { errorReason: 'settlement_pending', transaction: hash },
      });
      expect(second.body).not.toHaveProperty('success');
      const asked = await verify(body);
      expect(asked.status).toBe(202);
      expect(asked.body).not.toHaveProperty('isValid');
      await on.anvil.mine(1);
      expect((await untilTold(body)).body).toMatchObject({ success: true, transaction: hash });
      expect((await settle(body)).body).toMatchObject({
        success: false,
        errorReason: 'duplicate_settlement',
        transaction: hash,
      });
      expect((await verify(body)).body).toMatchObject({
        isValid: false,
        invalidReason: 'duplicate_settlement',
      });
    }),
  );

  it(
    'stays paid by the same transaction when a reorg takes its block back',
    paused(async () => {
      const payer = await paidIn();
      const before = await on.tokenBalance(PAY_TO);
      const body = await signedPayment(payer, on.token);
      const { transaction } = (await untilSigned(body)).body;
      await until('its transaction in the pool', async () => {
        const pool = await on.anvil.rpc<{ pending: string }>('txpool_status');
        return Number(pool.pending) > 0;
      });
      await on.anvil.mine(1);
      expect((await untilTold(body)).body).toMatchObject({ success: true, transaction });
      await on.anvil.reorg(1);
      await on.anvil.mine(1);
      await until('the same bytes in a block again', async () => {
        await on.anvil.mine(1);
        return on.anvil.rpc<unknown>('eth_getTransactionReceipt', transaction);
      });
      expect((await on.tokenBalance(PAY_TO)) - before).toBe(BigInt(PRICE));
      await until('finality', async () => {
        await on.anvil.mine(2);
        return (await statusOf(transaction)) === 'SETTLED';
      });
    }),
  );

  it(
    'that somebody else landed is recognised, and settled with that hash',
    paused(async () => {
      const payer = await paidIn();
      const body = await signedPayment(payer, on.token);
      const before = await on.tokenBalance(PAY_TO);
      const first = await untilSigned(body);
      const ours = first.body['transaction'];
      await on.stopRole('worker');
      await on.anvil.rpc('anvil_dropTransaction', ours);
      const theirs = await landByHand(on, body);
      await on.anvil.mine(1);
      await on.startWorker();
      const told = await until('the payment to be told as paid', async () => {
        await on.anvil.mine(1);
        const answer = await settle(body);
        return answer.body['success'] === true && answer;
      });
      expect(told.body['transaction']).toBe(theirs);
      expect((await on.tokenBalance(PAY_TO)) - before).toBe(BigInt(PRICE));
    }),
  );
});

describe('what is not valid', () => {
  it('is told by its own reason: no money, a used nonce, nobody who signed', async () => {
    const payer = await fundedPayer(on.anvil, on.token, BigInt(PRICE));
    const body = await signedPayment(payer, on.token);
    expect((await untilTold(body)).body).toMatchObject({ success: true });
    expect((await verify(await signedPayment(payer, on.token))).body).toMatchObject({
      isValid: false,
      invalidReason: 'invalid_exact_evm_insufficient_balance',
    });
    const used = await signedPayment(await fundedPayer(on.anvil, on.token), on.token);
    const landed = await landByHand(on, used);
    await until('the landing', () => on.anvil.rpc<unknown>('eth_getTransactionReceipt', landed));
    expect((await verify(used)).body).toMatchObject({
      isValid: false,
      invalidReason: 'invalid_exact_evm_nonce_already_used',
    });
    const forged = await signedPayment(payer, on.token);
    forged.paymentPayload.payload.authorization['nonce'] = `0x${'ab'.repeat(32)}`;
    expect((await verify(forged)).body).toMatchObject({
      isValid: false,
      invalidReason: 'invalid_exact_evm_signature',
    });
  });

  it('is another merchant’s: 409, and not whose', async () => {
    const other = await merchantKey(on, { name: 'other' });
    const payer = await fundedPayer(on.anvil, on.token);
    const body = await signedPayment(payer, on.token);
    expect((await untilTold(body)).body).toMatchObject({ success: true });
    const answer = await ask(on.url, 'settle', body, other);
    expect(answer.status).toBe(409);
    expect(answer.body).toEqual({
      success: false,
      errorReason: 'credential_bound_elsewhere',
      transaction: '',
      network: 'eip155:31337',
      payer: payer.address,
    });
  });

  it('is no JSON, too long, or without a key: refused as everywhere, never a 500', async () => {
    expect((await ask(on.url, 'verify', 'bm90IGpzb24=', key)).status).toBe(400);
    expect((await ask(on.url, 'settle', { a: 'x'.repeat(2 ** 20) }, key)).status).toBe(413);
    expect((await ask(on.url, 'settle', {})).status).toBe(401);
    expect(await ask(on.url, 'settle', {}, key)).toMatchObject({
      status: 200,
      body: { success: false, errorReason: 'invalid_payload', transaction: '' },
    });
  });
});

describe('the books', () => {
  it('agree with every law when all is quiet', async () => {
    await quiet(on);
    await expectLaws(on);
  });
});

describe('a chain that does not answer', () => {
  it('is no word about a payment: 503, and nothing is reserved', async () => {
    const body = await signedPayment(await fundedPayer(on.anvil, on.token), on.token);
    await on.anvil.stop();
    const invalid = { isValid: false, invalidReason: 'unexpected_verify_error' };
    expect(await verify(body)).toMatchObject({ status: 503, body: invalid });
    const failed = { success: false, errorReason: 'unexpected_settle_error', transaction: '' };
    expect(await settle(body)).toMatchObject({ status: 503, body: failed });
    const nonce = body.paymentPayload.payload.authorization['nonce'];
    expect(
      await on.rows(`SELECT FROM payment WHERE nonce = decode(substr($1, 3), 'hex')`, [nonce]),
    ).toEqual([]);
  });
});

/** Funded while no block comes by itself. */
async function paidIn() {
  const payer = fundedPayer(on.anvil, on.token);
  await until('the mint in the pool', async () => {
    const pool = await on.anvil.rpc<{ pending: string }>('txpool_status');
    return Number(pool.pending) > 0;
  });
  await on.anvil.mine(1);
  return payer;
}
