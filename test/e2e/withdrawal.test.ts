import pino from 'pino';
import { encodeErrorResult, parseAbi } from 'viem';
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

  it('to a contract that refuses coins ends without a nonce, in the words of the contract', async () => {
    const to = '0x00000000000000000000000000000000000000c0';
    const reason = encodeErrorResult({
      abi: parseAbi(['error Error(string)']),
      errorName: 'Error',
      args: ['no coins, please'],
    });
    // Copies what follows these twelve bytes, and reverts with it.
    const size = ((reason.length - 2) / 2).toString(16);
    const code = `0x60${size}600c60003960${size}6000fd${reason.slice(2)}`;
    await on.anvil.rpc('anvil_setCode', to, code);
    const accepted = await on.withdraw({ account: 'alice', asset: 'ETH', amount: '1', to });
    const ended = await on.waitFor(accepted.body['id'] as string);
    expect(ended).toMatchObject({
      status: 'FAILED',
      failure: {
        code: 'simulation_reverted',
        message: 'the transfer would revert: no coins, please',
      },
      waiting: null,
      nonceKey: null,
    });
    const balances = await on.call('GET', '/v1/accounts/alice/balances');
    expect(balances.body['balances']).toContainEqual(
      expect.objectContaining({ asset: 'ETH', available: '5', reserved: '0' }),
    );
  });
});
