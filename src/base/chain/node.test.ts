import { readFileSync } from 'node:fs';
import secp256k1 from 'secp256k1';
import { encodeFunctionData, parseAbi } from 'viem';
import { privateKeyToAddress } from 'viem/accounts';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ChainUnderTest, chainPortConformance } from '../../../test/conformance/chain-port.ts';
import { startTestAnvil, type TestAnvil } from '../../../test/support/anvil.ts';
import {
  checkEffect,
  type Effect,
  effectOf,
  fillerOf,
  signedTransaction,
  signingDigest,
  unsignedTransaction,
} from '../effect/index.ts';
import { type Address, fromHex, type Hex } from '../kernel/index.ts';
import { NodeChain } from './index.ts';

// Public development key: account 1 of the "test … junk" mnemonic.
const KEY: Hex = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d';
const LANE = privateKeyToAddress(KEY).toLowerCase() as Address;
const PAYEE: Address = `0x${'5c'.repeat(20)}`;

let anvil: TestAnvil;
let chain: NodeChain;

function signed(nonce: bigint, effect: Effect, maxFeePerGas = 10n ** 10n) {
  const unsigned = unsignedTransaction({
    chainId: 31337,
    nonce,
    effect,
    gasLimit: 100_000n,
    maxFeePerGas,
    maxPriorityFeePerGas: 10n ** 9n,
  });
  const { signature, recid } = secp256k1.ecdsaSign(signingDigest(unsigned), fromHex(KEY));
  const { raw, hash } = signedTransaction(unsigned, {
    r: Buffer.from(signature.subarray(0, 32)),
    s: Buffer.from(signature.subarray(32)),
    yParity: recid as 0 | 1,
  });
  return { hash, bytes: raw };
}

beforeAll(async () => {
  anvil = await startTestAnvil({ noMining: true });
  chain = new NodeChain({ url: anvil.url });
});

describe('NodeChain on anvil', () => {
  chainPortConformance(
    (): ChainUnderTest => ({
      chain,
      chainId: 31337,
      mine: (blocks) => anvil.mine(blocks),
      lane: LANE,
      transfer: ({ nonce, to, value, maxFeePerGas }) =>
        signed(nonce, effectOf({ token: null, recipient: to, amount: value }), maxFeePerGas),
    }),
  );

  it('reads a token, and a transfer of it and a filler do what their effects say', async () => {
    const token = await deployToken();
    expect(await chain.tokenDecimals(token)).toBe(6);
    expect(await chain.code(token)).not.toBe('0x');
    const [nonce] = await chain.transactionCounts([LANE], 'latest');
    const intent = { token, recipient: PAYEE, amount: 1_234_567n };
    const effect = effectOf(intent);
    const [fine, tooMuch] = await chain.estimateGas([
      { from: LANE, ...effect },
      { from: LANE, ...effectOf({ ...intent, amount: 10n ** 18n }) },
    ]);
    expect(fine).toMatchObject({ ok: true });
    expect(tooMuch).toMatchObject({ ok: false, kind: 'reverted' });
    const raw = [
      signed(nonce!, effect),
      signed(nonce! + 1n, fillerOf(LANE)),
      signed(nonce! + 2n, effectOf({ ...intent, amount: 10n ** 18n })),
    ];
    expect((await chain.send(raw)).map((answer) => answer.class)).toEqual(
      Array(3).fill('accepted'),
    );
    await anvil.mine();
    const [paid, filler, reverted] = await chain.receipts(raw.map(({ hash }) => hash));
    expect(checkEffect({ ...intent, from: LANE }, paid!)).toBe('paid');
    expect(checkEffect({ ...intent, from: LANE, amount: 1n }, paid!)).toBe('mismatch');
    expect(checkEffect({ ...intent, from: LANE }, reverted!)).toBe('reverted');
    expect(filler).toMatchObject({ status: 'success', from: LANE, to: LANE, gasUsed: 21_000n });
    expect(await chain.tokenBalances(token, [PAYEE, LANE], 'latest')).toEqual([
      1_234_567n,
      10_000_000n - 1_234_567n,
    ]);
    expect(await chain.tokenBalances(token, [PAYEE], paid!.blockNumber - 1)).toEqual([0n]);
  });
});

/** Deploys the development token from anvil's account 0 and gives the lane 10. */
async function deployToken(): Promise<Address> {
  const file = new URL('../../../contracts/artifacts/DevToken.json', import.meta.url);
  const { bytecode } = JSON.parse(readFileSync(file, 'utf8')) as { bytecode: Hex };
  const [owner] = await anvil.rpc<Address[]>('eth_accounts');
  const gas = '0x2dc6c0';
  const deployed = await anvil.rpc<Hex>('eth_sendTransaction', {
    from: owner,
    data: bytecode,
    gas,
  });
  await anvil.mine();
  const receipt = await anvil.rpc<{ contractAddress: Address }>(
    'eth_getTransactionReceipt',
    deployed,
  );
  const data = encodeFunctionData({
    abi: parseAbi(['function mint(address to, uint256 value)']),
    args: [LANE, 10_000_000n],
  });
  await anvil.rpc('eth_sendTransaction', { from: owner, to: receipt.contractAddress, data, gas });
  await anvil.mine();
  return receipt.contractAddress;
}
