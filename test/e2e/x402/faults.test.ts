import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Address } from '../../../src/base/kernel/index.ts';
import { Installation } from '../../support/installation.ts';
import { expectLaws, quiet } from '../../support/laws.ts';
import { RpcFaultProxy, type RpcRule } from '../../support/rpc-fault-proxy.ts';
import { seedOf } from '../../support/seed.ts';
import { until } from '../../support/until.ts';
import { ask, fundedPayer, merchantKey, PRICE, signedPayment } from '../../support/x402/payers.ts';

const COUNT = 40;
const SEND = 'eth_sendRawTransaction';
const GWEI = 1_000_000_000n;

const RULES: readonly RpcRule[] = [
  { method: SEND, probability: 0.2, fault: { kind: 'unanswered' } },
  { method: SEND, probability: 0.05, fault: { kind: 'lose_answer' } },
  { method: SEND, probability: 0.05, fault: { kind: 'drop' } },
  { method: SEND, probability: 0.02, fault: { kind: 'wrong_hash' } },
  { method: '*', probability: 0.04, fault: { kind: 'status', status: 503 } },
  { method: '*', probability: 0.02, fault: { kind: 'truncate' } },
];

let on: Installation;
let proxy: RpcFaultProxy;
let payTo: Address;
let key: string;
beforeAll(async () => {
  on = await Installation.start({
    lanes: 1,
    settings: async (settings) => {
      const chain = settings.chains[0]!;
      proxy = await RpcFaultProxy.start(chain.rpc[0]!.url, { seed: seedOf('lost settlements') });
      const rpc = [{ ...chain.rpc[0]!, url: proxy.url }];
      const x402 = { ...settings.x402, waitMs: 1_000 };
      return { ...settings, x402, chains: [{ ...chain, rpc, resendAfterMs: 1_000 }] };
    },
  });
  payTo = on.settings.lanes[0]!.address;
  key = await merchantKey(on, { payTo: [payTo], replays: true });
});
afterAll(async () => {
  await on?.stop();
  await proxy?.stop();
});

/** Asked again while nobody knows, as a merchant does whose answers are lost. */
const settled = (body: unknown) =>
  until('an outcome', async () => {
    const { body: told } = await ask(on.url, 'settle', body, key);
    const { success, errorReason } = told;
    const open = errorReason === 'settlement_pending' || errorReason === 'unexpected_settle_error';
    return (success === true || (success === false && !open)) && told;
  });

async function signed(amount = PRICE, over: { validBefore?: string } = {}) {
  const payer = await fundedPayer(on.anvil, on.token, 1_000_000n);
  return { payer, body: await signedPayment(payer, on.token, { payTo, amount, ...over }) };
}

async function ending(): Promise<void> {
  await quiet(on);
  await expectLaws(on);
  const attempts = await on.rows<{ n: number }>(
    `SELECT count(*)::int AS n FROM payment p JOIN tx t ON t.owner_id = p.payment_id
     JOIN attempt a USING (tx_id) JOIN inclusion i USING (attempt_id) WHERE a.kind = 'effect' AND i.succeeded
     GROUP BY p.payment_id HAVING count(DISTINCT a.attempt_id) > 1`,
  );
  expect(attempts).toEqual([]);
}

describe('a node that loses the answers to a fourth of the sends', () => {
  it('has every payment paid once and told as paid, however often each is asked for', async () => {
    const payer = await fundedPayer(on.anvil, on.token, 1_000_000n);
    const payments = await Promise.all(
      Array.from({ length: COUNT }, () => signedPayment(payer, on.token, { payTo })),
    );
    proxy.rule(RULES);
    const told = await Promise.all([...payments, ...payments].map(settled));
    const { faults } = proxy.counts();
    proxy.rule([]);
    expect(faults[`unanswered ${SEND}`] ?? 0).toBeGreaterThan(0);
    for (const [n, answer] of told.entries()) {
      expect(answer).toMatchObject({ success: true });
      expect(answer['transaction']).toBe(told[n % COUNT]!['transaction']);
    }
    expect(new Set(told.map(({ transaction }) => transaction)).size).toBe(COUNT);
    const left = 1_000_000n - BigInt(COUNT) * BigInt(PRICE);
    expect(await on.tokenBalance(payer.address as Address)).toBe(left);
    await ending();
  });
});

describe('a base fee above the cap', () => {
  it('holds payments up and loses none: paid once when it falls', async () => {
    const { payer, body } = await signed('20000');
    await on.anvil.hold();
    const high = async () => {
      await on.anvil.rpc('anvil_setNextBlockBaseFeePerGas', `0x${(60n * GWEI).toString(16)}`);
      await on.anvil.mine(1);
    };
    await high();
    await until('the payment to be told as pending', async () => {
      await high();
      const { body: told } = await ask(on.url, 'settle', body, key);
      expect(told['success']).not.toBe(true);
      return told['errorReason'] === 'settlement_pending';
    });
    await on.anvil.rpc('anvil_setNextBlockBaseFeePerGas', `0x${GWEI.toString(16)}`);
    on.anvil.resume();
    expect(await settled(body)).toMatchObject({ success: true });
    expect(await on.tokenBalance(payer.address as Address)).toBe(980_000n);
    await ending();
  });
});

describe('an authorization that runs out by the chain’s clock', () => {
  it('is expired when a final block says so, not before, and nothing is owed', async () => {
    const validBefore = String(Math.floor(Date.now() / 1000) + 600);
    const { payer, body } = await signed('30000', { validBefore });
    await on.anvil.hold();
    await until('the hash', async () => {
      const { body: told } = await ask(on.url, 'settle', body, key);
      return /^0x/.test(String(told['transaction']));
    });
    // The next block is past its end; its transaction reverts there.
    await on.anvil.rpc('evm_setNextBlockTimestamp', Number(validBefore) + 1);
    await on.anvil.mine(1);
    const { body: early } = await ask(on.url, 'settle', body, key);
    expect(early['errorReason']).toBe('settlement_pending');
    on.anvil.resume();
    expect(await settled(body)).toMatchObject({
      success: false,
      errorReason: 'invalid_exact_evm_payload_authorization_valid_before',
    });
    expect(await on.tokenBalance(payer.address as Address)).toBe(1_000_000n);
    await ending();
  });
});
