import { afterEach, describe, expect, it } from 'vitest';
import type { Settings } from '../../src/base/config/index.ts';
import { Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient } from '../support/laws.ts';
import { until } from '../support/until.ts';

let on: Installation;
afterEach(() => on?.stop());

const limited = (settings: Settings, amount: bigint): Settings => {
  const { caip19 } = settings.assets.find(({ id }) => id === 'USDC')!;
  const [group] = settings.guard.walletGroups;
  const windows = [{ ms: 3_600_000, amount }];
  const limit = { walletGroup: group!.id, asset: caip19, perTransaction: null, windows };
  return { ...settings, guard: { ...settings.guard, limits: [limit] } };
};
async function pay(n: number, amount: string): Promise<Record<string, unknown>> {
  const made = await on.withdraw({ account: 'alice', asset: 'USDC', amount, to: recipient(n) });
  return on.waitFor(made.body['id'] as string);
}
const nonces = async () => (await on.rows('SELECT 1 FROM nonce_slot')).length;
const REFUSED = { status: 'FAILED', failure: { code: 'signer_refused' } };

describe('what the signer would refuse', () => {
  it('never has a nonce: it ends with the reason, its money free again', async () => {
    on = await Installation.start({
      blockTime: 0.1,
      settings: (settings) => limited(settings, 100_000_000n),
    });
    await on.deposit('alice', 'USDC', '1000');
    expect(await pay(1, '60')).toMatchObject({ status: 'COMPLETED' });
    const over = await pay(2, '60');
    expect(over).toMatchObject(REFUSED);
    expect((over['failure'] as { message: string }).message).toMatch(/^limit_window: 60000000 of /);
    expect(await pay(3, '40')).toMatchObject({ status: 'COMPLETED' });
    expect(await nonces()).toBe(2);
    await quiet(on);
    await expectLaws(on);
  });

  it('is asked about everything where the signer has another configuration than who gives nonces', async () => {
    on = await Installation.start({
      blockTime: 0.1,
      roleSettings: (role, settings) =>
        role === 'signer' ? limited(settings, 50_000_000n) : settings,
    });
    await on.deposit('alice', 'USDC', '1000');
    await until('the signer to tell its rules', async () =>
      on.rows('SELECT 1 FROM signer_rules').then(({ length }) => length > 0),
    );
    expect(await pay(1, '60')).toMatchObject(REFUSED);
    expect(await pay(2, '50')).toMatchObject({ status: 'COMPLETED' });
    expect(await nonces()).toBe(1);
    await quiet(on);
    await expectLaws(on);
  });

  it('waits for the signer, and says so, while that is away', async () => {
    on = await Installation.start({
      blockTime: 0.1,
      settings: (settings) => limited(settings, 100_000_000n),
    });
    await on.deposit('alice', 'USDC', '1000');
    await on.stopRole('signer');
    const made = await on.withdraw({
      account: 'alice',
      asset: 'USDC',
      amount: '5',
      to: recipient(1),
    });
    const id = made.body['id'] as string;
    await until('it to wait for the signer', async () => {
      const { body } = await on.call('GET', `/v1/withdrawals/${id}`);
      return (body['waiting'] as { reason?: string } | null)?.reason === 'signer_verdict';
    });
    expect(await nonces()).toBe(0);
    await on.startSigner();
    expect(await on.waitFor(id)).toMatchObject({ status: 'COMPLETED' });
  });
});
