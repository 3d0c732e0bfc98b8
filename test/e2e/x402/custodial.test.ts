import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Address } from '../../../src/base/kernel/index.ts';
import { booksChecks } from '../../../src/roads/reconcile/index.ts';
import { Installation } from '../../support/installation.ts';
import { expectLaws, quiet } from '../../support/laws.ts';
import { ruleBy } from '../../support/policy.ts';
import { until } from '../../support/until.ts';
import {
  ask,
  fundedPayer,
  impatient,
  landByHand,
  merchantKey,
  PRICE,
  settledInTheEnd,
  signedPayment,
} from '../../support/x402/payers.ts';

/** The payee is our own wallet: the money is here, and owed to the merchant. */
let on: Installation;
let key: string;
let payTo: Address;
beforeAll(async () => {
  on = await Installation.start({ lanes: 1, settings: impatient(2_000) });
  payTo = on.settings.lanes[0]!.address;
  key = await merchantKey(on, { payTo: [payTo] });
});
afterAll(() => on?.stop());

const settle = (body: unknown) => ask(on.url, 'settle', body, key);
const untilPaid = (body: unknown) =>
  until('the success', async () => {
    const { body: told } = await settle(body);
    return (told['success'] === true || told['errorReason'] === 'duplicate_settlement') && told;
  });

type Balance = { available: string; pending: string; reserved: string };
async function has(merchant = 'shop'): Promise<[available: string, pending: string]> {
  const path = `/v1/accounts/merchant:${merchant}/balances`;
  const { body } = await on.call<{ balances: Balance[] }>('GET', path);
  const [balance] = body.balances;
  return balance === undefined ? ['0', '0'] : [balance.available, balance.pending];
}

async function bookedAs(kind: string): Promise<bigint> {
  const rows = await on.rows<{ balance: bigint }>(
    `SELECT balance FROM ledger_account WHERE kind = $1 AND asset LIKE '%erc20%'`,
    [kind],
  );
  return rows.reduce((sum, { balance }) => sum + balance, 0n);
}

/** Blocks come only when they are asked for: safe is 4 below the latest, finalized 8. */
async function paused(work: () => Promise<void>): Promise<void> {
  await on.anvil.hold();
  try {
    await work();
  } finally {
    on.anvil.resume();
  }
}

/** Blocks one by one until it is so. */
const mineUntil = (what: string, so: () => Promise<unknown>) =>
  until(what, async () => {
    await on.anvil.mine(1);
    return so();
  });

/** '' while nothing is signed: a busy machine may take longer for it than one answer waits. */
const untilSigned = (body: unknown, by = key) =>
  until(
    'the hash',
    async () => (await ask(on.url, 'settle', body, by)).body['transaction'] || null,
  );

/** Ours is lost by the node, and nobody sends it again before somebody else's is in a block. */
async function overtake(hash: unknown, theirs: Parameters<typeof landByHand>[1]): Promise<void> {
  await on.stopRole('worker');
  await on.anvil.rpc('anvil_dropTransaction', hash);
  const landed = await landByHand(on, theirs);
  await mineUntil('the block', () => on.anvil.rpc('eth_getTransactionReceipt', landed));
  await on.startWorker();
}

describe('a payment to a wallet of ours', () => {
  it('is pending for its merchant, then available, and arrives once', async () => {
    const before = { capital: await bookedAs('capital'), hot: await bookedAs('hot') };
    const body = await signedPayment(await fundedPayer(on.anvil, on.token), on.token, { payTo });
    await paused(async () => {
      await until('the reserve', async () => {
        await settle(body);
        return (await has())[1] === '0.01';
      });
      expect(await has()).toEqual(['0', '0.01']);
      await mineUntil('the commit', async () => (await has())[0] === '0.01');
      expect(await has()).toEqual(['0.01', '0']);
    });
    await quiet(on);
    expect(await bookedAs('expected')).toBe(0n);
    expect((await bookedAs('hot')) - before.hot).toBe(BigInt(PRICE));
    // What came as a payment is nobody's gift.
    expect(await bookedAs('capital')).toBe(before.capital);
    await expectLaws(on);
  });

  it('is told from what the same payer sends beside it', async () => {
    const before = { capital: await bookedAs('capital'), hot: await bookedAs('hot') };
    const payer = await fundedPayer(on.anvil, on.token);
    const gift = await signedPayment(payer, on.token, { payTo });
    const body = await signedPayment(payer, on.token, { payTo });
    await paused(async () => {
      await until('the hash', async () => (await settle(body)).body['transaction'] !== '');
      // The other authorization, of the same amount to the same wallet, which nobody handed in.
      await landByHand(on, gift);
    });
    await untilPaid(body);
    await quiet(on);
    await until('the gift to be booked', async () => {
      return (await bookedAs('capital')) - before.capital === BigInt(PRICE);
    });
    expect((await bookedAs('hot')) - before.hot).toBe(2n * BigInt(PRICE));
    expect(await has()).toEqual(['0.02', '0']);
    await expectLaws(on);
  });

  it('that somebody else landed is owed all the same', async () => {
    const body = await signedPayment(await fundedPayer(on.anvil, on.token), on.token, { payTo });
    await paused(async () => {
      const hash = await untilSigned(body);
      await overtake(hash, body);
    });
    await untilPaid(body);
    await quiet(on);
    expect(await has()).toEqual(['0.03', '0']);
    expect(await bookedAs('expected')).toBe(0n);
    await expectLaws(on);
  });

  it('that never comes lapses', async () => {
    const payer = await fundedPayer(on.anvil, on.token, BigInt(PRICE));
    const body = await signedPayment(payer, on.token, { payTo });
    const other = await signedPayment(payer, on.token, { payTo });
    await paused(async () => {
      const hash = await untilSigned(body);
      expect(await has()).toEqual(['0.03', '0.01']);
      // The payer's money goes another way before ours is mined.
      await overtake(hash, other);
    });
    await until(
      'the failure',
      async () =>
        (await settle(body)).body['errorReason'] === 'invalid_exact_evm_transaction_failed',
    );
    await quiet(on);
    expect(await has()).toEqual(['0.03', '0']);
    expect(await bookedAs('expected')).toBe(0n);
    await expectLaws(on);
  });
});

/** What the regular check finds that merchants owe. */
async function owing() {
  const check = booksChecks(on.owner, { stuckAfterMs: 60_000, progress: () => {} })['status-check'];
  const found = (await check.run()).filter(({ kind }) => kind === 'account.owes');
  return found.map(({ detail: { asset: _, ...detail } }) => detail);
}

describe('a reorg below what was committed', () => {
  it('takes back what the merchant has, lets it owe what it spent, and gives it again', async () => {
    const own = await merchantKey(on, { name: 'second', payTo: [payTo] });
    const body = await signedPayment(await fundedPayer(on.anvil, on.token), on.token, {
      payTo,
      amount: '5000000',
    });
    const statusOf = async () => {
      const [row] = await on.rows<{ status: string }>(
        `SELECT status FROM payment WHERE amount = 5000000`,
      );
      return row?.status;
    };
    await paused(async () => {
      const hash = await untilSigned(body, own);
      const mined = await until('the block', async () => {
        await on.anvil.mine(1);
        return on.anvil.rpc<{ blockNumber: string } | null>('eth_getTransactionReceipt', hash);
      });
      // To safe and not to finality.
      const latest = () => on.anvil.rpc<string>('eth_blockNumber').then(Number);
      await on.anvil.mine(Number(mined.blockNumber) + 5 - (await latest()));
      await until('the commit', async () => (await statusOf()) === 'SETTLED');
      expect(await has('second')).toEqual(['5', '0']);
      const paidOut = await on.withdraw({
        account: 'merchant:second',
        asset: 'USDC',
        amount: '4',
        to: `0x${'ee'.repeat(20)}`,
      });
      expect(paidOut.status).toBe(202);
      await on.anvil.reorg((await latest()) - Number(mined.blockNumber) + 1);
      await until('the reversal', async () => (await statusOf()) === 'REVERSED');
      const owed = await bookedAs('receivable');
      expect(owed).toBeGreaterThan(0n);
      expect(await has('second')).toEqual(['0', '5']);
      expect(await owing()).toEqual([{ account: 'merchant:second', owedAtomic: `${owed}` }]);
      await mineUntil('the same bytes in a block', () =>
        on.anvil.rpc('eth_getTransactionReceipt', hash),
      );
    });
    await until('the second settling', async () => (await statusOf()) === 'RESETTLED');
    await quiet(on);
    expect(await bookedAs('receivable')).toBe(0n);
    expect(await owing()).toEqual([]);
    await expectLaws(on);
  });
});

const GUARDED = `version: 1
rules:
  - { id: twice, type: window, match: { merchants: [guarded], assets: [USDC] }, per: spender, window: 24h, amount: "0.02" }
  - { id: late, type: tiers, match: { merchants: [guarded], assets: [USDC] }, tiers: [{ name: late, commitAt: finalized, waitUntil: safe }] }
`;

describe('a payment under a policy document', () => {
  it('is reserved within its payer’s window, however many come at once, and told no before it is served', async () => {
    const version = await ruleBy(on, GUARDED);
    const own = await merchantKey(on, { name: 'guarded', payTo: [payTo] });
    const payer = await fundedPayer(on.anvil, on.token);
    const signed = () => signedPayment(payer, on.token, { payTo });
    const bodies = await Promise.all(Array.from({ length: 10 }, signed));
    const told = await Promise.all(bodies.map((body) => settledInTheEnd(on.url, body, own)));
    const words = told.map(({ body }) => body['errorReason'] ?? body['success']);
    expect([...words].sort()).toEqual([...Array(8).fill('policy_denied'), true, true]);
    const refusal = { status: 200, body: { isValid: false, invalidReason: 'policy_denied' } };
    expect(await ask(on.url, 'verify', await signed(), own)).toMatchObject(refusal);
    // Nothing is stored of a question: what was refused may be asked again, and one that was settled is refused for ever.
    const refused = bodies[words.indexOf('policy_denied')]!;
    expect((await ask(on.url, 'verify', refused, own)).body['isValid']).not.toBe(true);
    const decided = await on.rows(
      `SELECT p.status, p.risk_tier, p.wait_until, d.verdict, count(*)::int AS n,
         bool_and(d.policy_version = $1 AND d.inputs ? 'at') AS told, min(split_part(d.trace #>> '{}', ' ', 1)) AS rule
       FROM payment p JOIN merchant m USING (merchant_id) JOIN decision d ON d.subject_id = p.payment_id
       WHERE m.name = 'guarded' GROUP BY 1, 2, 3, 4 ORDER BY n`,
      [version],
    );
    expect(decided).toMatchObject([
      { risk_tier: 'late', wait_until: 'safe', verdict: 'allow', n: 2, told: true, rule: 'twice' },
      { status: 'AUTH_REJECTED', verdict: 'deny', n: 8, told: true, rule: 'twice' },
    ]);
    // Its merchant sees which rule it was, its tenant by which numbers.
    const id = (told[words.indexOf('policy_denied')]!.body['extra'] as { paymentId: string })
      .paymentId;
    const { key: tenants } = await on.addKey({ scopes: ['payments:read'] });
    const read = async (by: string) => {
      const headers = { authorization: `Bearer ${by}` };
      return (await fetch(`${on.url}/v1/payments/${id}`, { headers })).json();
    };
    const is = (...trace: object[]) => ({
      ...{ status: 'AUTH_REJECTED', failure: { code: 'policy_denied' } },
      decision: { policyVersion: version, verdict: 'deny', trace },
    });
    const denied = { rule: 'twice', verdict: 'deny' };
    expect(await read(own)).toMatchObject(is(denied));
    const { decision } = (await read(tenants)) as { decision: { trace: object[] } };
    expect(decision.trace[0]).toEqual({ ...denied, detail: '30000 of 20000' });
  });

  it('of a merchant that no rule is about goes by the configuration', async () => {
    const body = await signedPayment(await fundedPayer(on.anvil, on.token), on.token, { payTo });
    await untilPaid(body);
    const [row] = await on.rows<{ version: string }>(
      `SELECT policy_version AS version FROM decision ORDER BY decision_id DESC LIMIT 1`,
    );
    expect(row!.version).toMatch(/^policy:/);
    await quiet(on);
    await expectLaws(on);
  });
});

describe('a wallet of another tenant', () => {
  it('is nobody’s payee', async () => {
    await on.addTenant('stranger');
    const theirs = await merchantKey(on, { tenant: 'stranger', payTo: [payTo] });
    const body = await signedPayment(await fundedPayer(on.anvil, on.token), on.token, { payTo });
    for (const question of ['verify', 'settle'] as const) {
      expect(await ask(on.url, question, body, theirs)).toMatchObject({
        status: 200,
        body: {
          [question === 'verify' ? 'invalidReason' : 'errorReason']: 'invalid_payment_requirements',
        },
      });
    }
  });
});
