import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient } from '../support/laws.ts';
import { ruleBy } from '../support/policy.ts';

/** Refuses every call. */
const REFUSES = '0x60006000fd';
const BAD = recipient(666);

let on: Installation;
beforeAll(async () => {
  on = await Installation.start({ lanes: 1, blockTime: 0.1 });
  await on.anvil.rpc('anvil_setCode', recipient(6), REFUSES);
  await ruleBy(
    on,
    `version: 1
rules:
  - { id: customers, type: allow, match: { kinds: [withdrawal] } }
  - { id: sanctioned, type: deny, match: { destinations: ["${BAD}"] } }
  - { id: day, type: window, match: { assets: [USDC] }, per: account, window: 24h, amount: "100" }
  - { id: eth-day, type: window, match: { assets: [ETH] }, per: account, window: 24h, count: 1 }
  - { id: usdc, type: tiers, match: { assets: [USDC] }, tiers: [{ name: small, upTo: "50", commitAt: safe }, { name: large, commitAt: finalized }] }
  - { id: eth, type: tiers, match: { assets: [ETH] }, tiers: [{ name: small, commitAt: finalized }] }
`,
  );
  for (const account of ['alice', 'bob', 'carol', 'dave']) {
    await on.deposit(account, 'USDC', '1000');
    await on.deposit(account, 'ETH', '5');
  }
}, 60_000);
afterAll(() => on?.stop());

async function ended(account: string, amount: string, more: object = {}) {
  const body = { account, asset: 'USDC', amount, to: recipient(1), ...more };
  const { body: made } = await on.withdraw(body);
  await quiet(on);
  const { body: view } = await on.call('GET', `/v1/withdrawals/${made['id']}`);
  return view as Record<string, unknown> & {
    decision: { policyVersion: string; trace: { rule: string; verdict: string }[] };
  };
}

describe('a policy document', () => {
  it('decides about withdrawals, and tells every rule’s verdict', async () => {
    const view = await ended('alice', '60');
    expect(view).toMatchObject({ status: 'COMPLETED', riskTier: 'large' });
    expect(view.decision.policyVersion).toMatch(/^policy:[0-9a-f]{64}$/);
    expect(view.decision.trace.map(({ rule, verdict }) => `${rule} ${verdict}`)).toEqual([
      'customers allow',
      'day pass',
      'usdc pass',
      '* no_match',
    ]);
  });

  it('denies above a window with the reserve released, and still takes what fits', async () => {
    expect(await ended('alice', '41')).toMatchObject({
      status: 'REJECTED',
      failure: { code: 'policy_denied', message: 'day: 101000000 of 100000000' },
    });
    expect(await ended('alice', '40')).toMatchObject({ status: 'COMPLETED', riskTier: 'small' });
  });

  it('denies a destination whatever else allows it', async () => {
    expect(await ended('bob', '1', { to: BAD })).toMatchObject({
      status: 'REJECTED',
      failure: { code: 'policy_denied', message: 'sanctioned: denied' },
    });
  });

  it('gives back what a payment took that the chain refused', async () => {
    const refused = await ended('carol', '1', { asset: 'ETH', to: recipient(6) });
    expect(refused).toMatchObject({ status: 'FAILED' });
    expect(await ended('carol', '1', { asset: 'ETH' })).toMatchObject({ status: 'COMPLETED' });
    expect(await ended('carol', '1', { asset: 'ETH' })).toMatchObject({ status: 'REJECTED' });
  });

  it('gives back what a cancelled withdrawal took', async () => {
    await on.stopRole('signer');
    const { body: made } = await on.withdraw({
      account: 'dave',
      asset: 'USDC',
      amount: '100',
      to: recipient(2),
    });
    await on.call('GET', `/v1/withdrawals/${made['id']}?waitFor=APPROVED&timeoutMs=20000`);
    await on.call('POST', `/v1/withdrawals/${made['id']}/cancel`);
    await on.startSigner();
    await quiet(on);
    expect(await ended('dave', '100')).toMatchObject({ status: 'COMPLETED' });
    expect(await ended('dave', '1')).toMatchObject({ status: 'REJECTED' });
  });

  it('leaves books that every law holds in', async () => {
    await expectLaws(on);
  });
});
