import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Installation } from '../support/installation.ts';
import { expectLaws, quiet } from '../support/laws.ts';
import { ruleBy } from '../support/policy.ts';
import { screened } from '../support/screened.ts';
import { ScreeningStandIn } from '../support/screening-stand-in.ts';
import { until } from '../support/until.ts';
import { ask, fundedPayer, merchantKey, signedPayment } from '../support/x402/payers.ts';

let host: ScreeningStandIn;
let on: Installation;
beforeAll(async () => {
  host = await ScreeningStandIn.start();
  on = await Installation.start({
    ...{ lanes: 1, blockTime: 0.1 },
    settings: (settings) => ({
      ...settings,
      screening: {
        listFile: null,
        provider: {
          ...{ shape: 'payonce', url: host.url, header: { name: 'X-API-Key', value: 's3cret' } },
          ...{ timeoutMs: 500, maxConcurrent: 4 },
        },
        maxAgeMs: 3_600_000,
      },
    }),
  });
  for (const account of ['alice', 'held', 'free']) await on.deposit(account, 'USDC', '1000');
});
afterEach(() => {
  host.fault = null;
});
afterAll(async () => {
  await on?.stop();
  await host?.stop();
});

const { stranger, withdraw, read, waitingFor, inputsOf, timesAsked, holdOf, clear, age } = screened(
  () => ({
    host,
    on,
  }),
);

describe('by the configuration’s tiers', () => {
  it('a destination is asked about once, however many pay it, and what was said is kept with each decision', async () => {
    const to = stranger();
    const ids = await Promise.all([1, 2, 3].map(() => withdraw(to)));
    for (const id of ids) expect(await on.waitFor(id)).toMatchObject({ status: 'COMPLETED' });
    expect(timesAsked(to)).toBe(1);
    expect((await inputsOf(ids[0]!)).screening).toMatchObject({
      ...{ kind: 'known', score: 0, category: null, source: 'payonce', whenUnscreened: 'wait' },
    });
  });

  it('nobody under sanctions is paid, and the reserve is released', async () => {
    const to = stranger();
    host.risks.set(to, { riskScore: 100, category: 'sanctions' });
    expect(await on.waitFor(await withdraw(to))).toMatchObject({
      status: 'REJECTED',
      failure: { code: 'policy_denied', message: expect.stringMatching(/sanctions/) },
    });
  });

  it.each<[string, NonNullable<ScreeningStandIn['fault']>]>([
    ['does not answer', 'hang'],
    ['breaks', { status: 503 }],
    ['lies in shape', { text: '{"results":[{"riskScore":0}]}' }],
  ])('while the provider %s a payment waits, says so, and goes on by itself', async (_, fault) => {
    host.fault = fault;
    const to = stranger();
    const id = await withdraw(to);
    const waiting = await waitingFor(id, 'screening_unavailable');
    expect(waiting).toMatchObject({
      status: 'RESERVED',
      detail: expect.stringMatching(/^payonce: /),
    });
    expect(JSON.stringify(waiting)).not.toMatch(/s3cret|127\.0\.0\.1/);
    const preview = { account: 'alice', asset: 'USDC', amount: '1', to };
    const { body } = await on.call('POST', '/v1/withdrawals/preview', preview);
    expect(body).toMatchObject({ verdict: 'allow', waiting: 'screening' });
    host.fault = null;
    expect(await on.waitFor(id)).toMatchObject({ status: 'COMPLETED' });
  });

  it('what waits can be cancelled', async () => {
    host.fault = { status: 500 };
    const id = await withdraw(stranger());
    await waitingFor(id, 'screening_unavailable');
    const { body } = await on.call('POST', `/v1/withdrawals/${id}/cancel`);
    expect(body).toMatchObject({ status: 'CANCELLED' });
  });
});

describe('an x402 payment', () => {
  const words = {
    verify: ['isValid', 'invalidReason'],
    settle: ['success', 'errorReason'],
  } as const;

  it('of a payer under sanctions is told no at verify and at settle, and nothing is reserved', async () => {
    const key = await merchantKey(on);
    const payer = await fundedPayer(on.anvil, on.token);
    host.risks.set(payer.address.toLowerCase(), { riskScore: 100, category: 'sanctions' });
    const body = await signedPayment(payer, on.token);
    for (const question of ['verify', 'settle'] as const) {
      const [verdict, reason] = words[question];
      expect(await ask(on.url, question, body, key)).toMatchObject({
        status: 200,
        body: { [verdict]: false, [reason]: 'policy_denied' },
      });
    }
    const rows = await on.rows(
      `SELECT p.status, split_part(d.trace #>> '{}', ' ', 1) AS rule, d.inputs->'screening'->'payer'->>'category' AS payer
       FROM payment p JOIN decision d ON d.subject_id = p.payment_id WHERE p.payer = decode($1, 'hex')`,
      [payer.address.slice(2)],
    );
    expect(rows).toEqual([{ status: 'AUTH_REJECTED', rule: '@screening', payer: 'sanctions' }]);
  });

  it('to a payee under sanctions is told no', async () => {
    const payTo = stranger();
    host.risks.set(payTo, { riskScore: 100, category: 'sanctions' });
    const key = await merchantKey(on, { name: 'listed', payTo: [payTo] });
    const body = await signedPayment(await fundedPayer(on.anvil, on.token), on.token, { payTo });
    expect((await ask(on.url, 'settle', body, key)).body).toMatchObject({
      ...{ success: false, errorReason: 'policy_denied', transaction: '' },
    });
  });

  it('is not known while the provider breaks, neither yes nor no, and is paid when it answers', async () => {
    const key = await merchantKey(on);
    host.fault = { status: 503 };
    const body = await signedPayment(await fundedPayer(on.anvil, on.token), on.token);
    for (const question of ['verify', 'settle'] as const) {
      const told = await ask(on.url, question, body, key);
      expect([told.status, words[question][0] in told.body]).toEqual([202, false]);
    }
    expect(await on.rows(`SELECT 1 FROM payment WHERE status = 'RESERVED'`)).toEqual([]);
    host.fault = null;
    const paid = await until('the success', async () => {
      const told = await ask(on.url, 'settle', body, key);
      return told.body['success'] === true && told.body['transaction'];
    });
    expect(paid).toMatch(/^0x[0-9a-f]{64}$/);
    await quiet(on);
    await expectLaws(on);
  });
});

describe('by a document', () => {
  const RULES = `version: 1
rules:
  - { id: all, type: allow }
  - { id: mixers, type: deny, match: { riskCategories: [mixer] } }
  - { id: gate, type: hold, match: { accounts: [alice] }, hold: manual_review, timeout: 24h }
  - id: alice
    type: tiers
    match: { assets: [USDC], accounts: [alice] }
    tiers: [{ name: low, maxRisk: 30, commitAt: safe }, { name: high, commitAt: safe }]
  - { id: held, type: tiers, match: { assets: [USDC], accounts: [held] }, tiers: [{ name: t, commitAt: safe, screening: { whenUnavailable: hold } }] }
  - { id: free, type: tiers, match: { assets: [USDC], accounts: [free] }, tiers: [{ name: t, commitAt: safe, screening: { whenUnavailable: allow } }] }
`;
  beforeAll(() => ruleBy(on, RULES));

  it('score and category choose tier and rule', async () => {
    const risky = stranger();
    host.risks.set(risky, { riskScore: 31 });
    const id = await withdraw(risky, 'alice');
    await holdOf(id);
    expect(await read(id)).toMatchObject({ riskTier: 'high' });
    expect((await inputsOf(id)).score).toBe(31);
    await clear(id);
    expect(await on.waitFor(id)).toMatchObject({ status: 'COMPLETED' });
    const mixer = stranger();
    host.risks.set(mixer, { riskScore: 1, category: 'mixer' });
    expect(await on.waitFor(await withdraw(mixer, 'free'))).toMatchObject({
      status: 'REJECTED',
      failure: { message: 'mixers: denied' },
    });
  });

  it('a tier may let a person decide, or nobody, while the provider is away', async () => {
    host.fault = { status: 500 };
    const free = await withdraw(stranger(), 'free');
    expect(await on.waitFor(free)).toMatchObject({ status: 'COMPLETED' });
    expect((await inputsOf(free)).screening).toMatchObject({ kind: 'unavailable' });
    const held = await withdraw(stranger(), 'held');
    expect(await holdOf(held)).toMatchObject({ hold: 'screening' });
    await clear(held);
    expect(await on.waitFor(held)).toMatchObject({ status: 'COMPLETED' });
  });

  it('a word that is too old is asked for again before the nonce: the same again pays', async () => {
    const to = stranger();
    const id = await withdraw(to, 'alice');
    await holdOf(id);
    await age(to);
    await clear(id);
    expect(await on.waitFor(id)).toMatchObject({ status: 'COMPLETED' });
    expect(timesAsked(to)).toBe(2);
  });

  it('a word that is too old is asked for again before the nonce: a worse one ends it without a nonce', async () => {
    for (const worse of [{ riskScore: 100, category: 'sanctions' }, { riskScore: 40 }]) {
      const to = stranger();
      const id = await withdraw(to, 'alice');
      await holdOf(id);
      await age(to);
      host.risks.set(to, worse);
      await clear(id);
      expect(await on.waitFor(id)).toMatchObject({
        ...{ status: 'FAILED', nonceKey: null },
        failure: { code: 'screening_refused' },
      });
    }
  });

  it('a name that comes after a person let an unknown one pass ends it, with its money free again', async () => {
    const balance = async () => (await on.call('GET', '/v1/accounts/held/balances')).body;
    const [before, to] = [await balance(), stranger()];
    host.fault = { status: 500 };
    const id = await withdraw(to, 'held');
    await holdOf(id);
    host.risks.set(to, { riskScore: 1, category: 'mixer' });
    host.fault = null;
    const known = `SELECT 1 FROM screening WHERE address = decode($1, 'hex') AND category = 'mixer'`;
    await until('it is known', async () => (await on.rows(known, [to.slice(2)]))[0]);
    await clear(id);
    expect(await on.waitFor(id)).toMatchObject({
      ...{ status: 'FAILED', nonceKey: null },
      failure: { code: 'screening_refused', message: expect.stringMatching(/called mixer since/) },
    });
    expect(await balance()).toEqual(before);
    const signed = 'SELECT FROM signature_request JOIN tx USING (tx_id) WHERE owner_id = $1';
    expect(await on.rows(signed, [id])).toEqual([]);
  });

  it('a word that is too old and can not be had again is waited for without a nonce', async () => {
    const to = stranger();
    const id = await withdraw(to, 'alice');
    await holdOf(id);
    await age(to);
    host.fault = 'hang';
    await clear(id);
    expect(await waitingFor(id, 'screening_unavailable')).toMatchObject({ status: 'APPROVED' });
    expect((await read(id))['nonceKey']).toBeNull();
    host.fault = null;
    expect(await on.waitFor(id)).toMatchObject({ status: 'COMPLETED' });
  });

  it('who waits for a word while it is decided anew keeps what it took from its windows', async () => {
    const windowed = `${RULES}  - { id: day, type: window, match: { assets: [USDC] }, per: destination, window: 24h, amount: "100" }\n`;
    await ruleBy(on, windowed);
    const to = stranger();
    const id = await withdraw(to, 'alice');
    const { id: first } = await holdOf(id);
    await age(to);
    host.fault = { status: 500 };
    await ruleBy(on, `${windowed}  - { id: no, type: deny, match: { accounts: [nobody] } }\n`);
    /** When it is looked at next, of looks for which the provider has said that it can not say. */
    const nextLook = async () =>
      (
        await on.rows<{ at: Date }>(
          `SELECT run_at AS at FROM job WHERE topic = 'withdrawal.decide_again' AND subject_id = $1
             AND EXISTS (SELECT FROM screening WHERE address = decode($2, 'hex') AND failure IS NOT NULL)`,
          [id, to.slice(2)],
        )
      )[0]?.at.getTime();
    const before = await until('a look', nextLook);
    const after = await until('another look', async () => {
      const at = await nextLook();
      return at !== undefined && at > before && at;
    });
    await until('one that began behind it', async () => {
      const at = await nextLook();
      return at !== undefined && at > after;
    });
    const charges = () =>
      on.rows<{ given: boolean }>(
        'SELECT released_at IS NOT NULL AS given FROM policy_charge WHERE subject_id = $1 ORDER BY at',
        [id],
      );
    expect(await charges()).toEqual([{ given: false }]);
    host.fault = null;
    await on.rows(`UPDATE screening SET ask_at = now() WHERE address = decode($1, 'hex')`, [
      to.slice(2),
    ]);
    await until('asked anew', async () => (await holdOf(id)).id !== first);
    expect(await charges()).toEqual([{ given: true }, { given: false }]);
    await clear(id);
    expect(await on.waitFor(id)).toMatchObject({ status: 'COMPLETED' });
  });

  it('and the books agree with the chain', async () => {
    await quiet(on);
    await expectLaws(on);
  });
});
