import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeFunctionData, parseAbi, parseSignature } from 'viem';
import { privateKeyToAccount, privateKeyToAddress } from 'viem/accounts';
import { beforeAll, describe, expect, test } from 'vitest';
import { compileContracts } from '../../../scripts/compile-contracts.ts';
import { startTestAnvil, type TestAnvil } from '../../../test/support/anvil.ts';
import { until } from '../../../test/support/until.ts';
import type { Address } from '../../base/kernel/index.ts';
import {
  DEV_TOKEN_ADDRESS,
  deployToken,
  fundLane,
  PUBLIC_DEVELOPMENT_KEYS,
  tokenBalance,
} from './chain.ts';
import { projectFolder } from './process.ts';

const LANE: Address = '0x00000000000000000000000000000000000000a1';
const OTHER_LANE: Address = '0x00000000000000000000000000000000000000a2';
const AUTHORIZATION = [
  { name: 'from', type: 'address' },
  { name: 'to', type: 'address' },
  { name: 'value', type: 'uint256' },
  { name: 'validAfter', type: 'uint256' },
  { name: 'validBefore', type: 'uint256' },
  { name: 'nonce', type: 'bytes32' },
] as const;
let anvil: TestAnvil;

beforeAll(async () => {
  anvil = await startTestAnvil();
});

describe('the development chain', () => {
  test('gets the token once, at the address known beforehand', async () => {
    expect(DEV_TOKEN_ADDRESS).toBe('0x5fbdb2315678afecb367f032d93f642f64180aa3');
    expect(await deployToken(anvil.url)).toBe(DEV_TOKEN_ADDRESS);
    const block = await anvil.rpc('eth_blockNumber');
    expect(await deployToken(anvil.url)).toBe(DEV_TOKEN_ADDRESS);
    expect(await anvil.rpc('eth_blockNumber')).toBe(block);
  });

  test('the token takes an authorization signed for the domain of USDC', async () => {
    await deployToken(anvil.url);
    const payer = privateKeyToAccount(PUBLIC_DEVELOPMENT_KEYS[5]);
    const holder = payer.address.toLowerCase() as Address;
    await fundLane(anvil.url, holder, { nativeWei: 0n, tokenAmount: 100n });
    const nonce = `0x${'07'.repeat(32)}` as const;
    const message = {
      from: payer.address,
      to: LANE,
      value: 100n,
      validAfter: 0n,
      validBefore: 2n ** 40n,
      nonce,
    };
    const signature = await payer.signTypedData({
      domain: {
        name: 'USD Coin',
        version: '2',
        chainId: 31337,
        verifyingContract: DEV_TOKEN_ADDRESS,
      },
      types: { TransferWithAuthorization: AUTHORIZATION },
      primaryType: 'TransferWithAuthorization',
      message,
    });
    const { v, r, s } = parseSignature(signature);
    const data = encodeFunctionData({
      abi: parseAbi([
        'function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s)',
      ]),
      args: [payer.address, LANE, 100n, 0n, 2n ** 40n, nonce, Number(v), r, s],
    });
    const [from] = await anvil.rpc<string[]>('eth_accounts');
    const before = await tokenBalance(anvil.url, LANE);
    await anvil.rpc('eth_sendTransaction', { from, to: DEV_TOKEN_ADDRESS, data });
    await until(
      'the transfer to be mined',
      async () => (await tokenBalance(anvil.url, LANE)) - before === 100n,
    );
    const decimals = { to: DEV_TOKEN_ADDRESS, data: '0x313ce567' };
    expect(Number(await anvil.rpc<string>('eth_call', decimals, 'latest'))).toBe(6);
  });

  test('a lane is funded up to its target and no further', async () => {
    await deployToken(anvil.url);
    const target = { nativeWei: 10n ** 18n, tokenAmount: 5_000_000n };
    await fundLane(anvil.url, OTHER_LANE, target);
    await fundLane(anvil.url, OTHER_LANE, target);
    expect(BigInt(await anvil.rpc<string>('eth_getBalance', OTHER_LANE, 'latest'))).toBe(
      10n ** 18n,
    );
    expect(await tokenBalance(anvil.url, OTHER_LANE)).toBe(5_000_000n);
    await fundLane(anvil.url, OTHER_LANE, { nativeWei: 0n, tokenAmount: 6_000_000n });
    expect(await tokenBalance(anvil.url, OTHER_LANE)).toBe(6_000_000n);
  });

  test('a chain whose first nonce went elsewhere is refused in one line', async () => {
    const other = await startTestAnvil();
    const [from] = await other.rpc<string[]>('eth_accounts');
    await other.rpc('eth_sendTransaction', { from, to: LANE, value: '0x1' });
    await expect(deployToken(other.url)).rejects.toThrow(/^the development chain .* --fresh$/);
    await other.stop();
  });

  test('a chain that is not 31337 is refused', async () => {
    const other = await startTestAnvil({ chainId: 1 });
    await expect(deployToken(other.url)).rejects.toThrow(/is chain 1:/);
    await other.stop();
  });

  test("the public keys are those of the node's own accounts", async () => {
    const accounts = await anvil.rpc<string[]>('eth_accounts');
    expect(PUBLIC_DEVELOPMENT_KEYS.map((key) => privateKeyToAddress(key).toLowerCase())).toEqual(
      accounts.map((account) => account.toLowerCase()),
    );
  });
});

test.each(compileContracts())('%s is what its sources compile to, byte for byte', (path, text) => {
  expect(text).toBe(readFileSync(join(projectFolder(), path), 'utf8'));
});
