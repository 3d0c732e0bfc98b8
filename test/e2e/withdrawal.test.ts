import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { replayBreaks } from '../../src/books/ledger/index.ts';
import { Installation } from '../support/installation.ts';

describe('a withdrawal', () => {
  let on: Installation;
  beforeAll(async () => {
    on = await Installation.start({ lanes: 2, ...(process.env['LOG'] ? { log: pino() } : {}) });
    await on.deposit('alice', 'USDC', '1000');
    await on.deposit('alice', 'ETH', '5');
  });
  afterAll(() => on?.stop());

  it('of a token lands on the chain once and is committed in the ledger', async () => {
    const to = '0x00000000000000000000000000000000000000a1';
    const accepted = await on.withdraw({ account: 'alice', asset: 'USDC', amount: '12.50', to });
    expect(accepted.status).toBe(202);
    expect(accepted.body['status']).toBe('RESERVED');
    const done = await on.waitFor(accepted.body['id'] as string);
    expect(done['status']).toBe('COMPLETED');
    expect(await on.tokenBalance(to)).toBe(12_500_000n);
    const balances = await on.call('GET', '/v1/accounts/alice/balances');
    expect(balances.body['balances']).toContainEqual(
      expect.objectContaining({ asset: 'USDC', available: '987', reserved: '0' }),
    );
    expect(await replayBreaks(on.owner)).toEqual([]);
  });
});
