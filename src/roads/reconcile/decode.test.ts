import { encodeFunctionData, type Hex, parseAbi, serializeTransaction } from 'viem';
import { describe, expect, it } from 'vitest';
import { decodePayment, decodeTransaction, decodeTransfer } from './decode.ts';

const bytes = (hex: Hex) => Buffer.from(hex.slice(2), 'hex');
const recipient: Hex = `0x${'c0'.repeat(20)}`;
const data = (amount: bigint): Hex =>
  `0xa9059cbb${recipient.slice(2).padStart(64, '0')}${amount.toString(16).padStart(64, '0')}`;
const transaction = {
  type: 'eip1559',
  chainId: 31337,
  nonce: 300,
  maxPriorityFeePerGas: 1n,
  maxFeePerGas: 2n ** 70n,
  gas: 21_000n,
  to: `0x${'aa'.repeat(20)}`,
  value: 0n,
} as const;
const signature = { r: `0x${'11'.repeat(32)}`, s: `0x${'22'.repeat(32)}`, yParity: 1 } as const;

describe('the decoder', () => {
  it.each([0n, 1n, 127n, 128n, 2n ** 256n - 1n])('reads what others wrote, value %s', (value) => {
    const whole = { ...transaction, value, data: data(12n) };
    const read = decodeTransaction(bytes(serializeTransaction(whole)), 'unsigned');
    expect(read).toMatchObject({
      chainId: 31337n,
      nonce: 300n,
      maxPriorityFeePerGas: 1n,
      maxFeePerGas: 2n ** 70n,
      gasLimit: 21_000n,
      value,
    });
    expect(read?.to.toString('hex')).toBe('aa'.repeat(20));
    expect(decodeTransaction(bytes(serializeTransaction(whole, signature)), 'signed')).toEqual(
      read,
    );
    const paid = decodeTransfer(read!.data);
    expect([paid?.recipient.toString('hex'), paid?.amount]).toEqual(['c0'.repeat(20), 12n]);
  });

  it.each([1, 31337, 2 ** 52])(
    'reads what others wrote for a chain without base fees, chain id %s',
    (chainId) => {
      const { nonce, gas, to } = transaction;
      const whole = {
        type: 'legacy',
        chainId,
        nonce,
        gas,
        to,
        gasPrice: 7n,
        data: data(12n),
      } as const;
      const read = decodeTransaction(bytes(serializeTransaction(whole)), 'unsigned');
      expect(read).toMatchObject({
        txType: 0,
        chainId: BigInt(chainId),
        nonce: 300n,
        maxPriorityFeePerGas: 7n,
        maxFeePerGas: 7n,
        gasLimit: 21_000n,
        value: 0n,
      });
      const { r, s } = signature;
      for (const parity of [0n, 1n]) {
        const signed = bytes(
          serializeTransaction(whole, { r, s, v: BigInt(chainId) * 2n + 35n + parity }),
        );
        expect(decodeTransaction(signed, 'signed')).toEqual(read);
        expect(decodeTransaction(signed, 'unsigned')).toBeNull();
      }
      expect(decodeTransaction(bytes(serializeTransaction(whole)), 'signed')).toBeNull();
    },
  );

  it('reads nothing into a legacy transaction that any chain would take', () => {
    const { r, s } = signature;
    const anyChain = serializeTransaction(
      { type: 'legacy', to: transaction.to, gasPrice: 1n },
      { r, s, v: 27n },
    );
    expect(decodeTransaction(bytes(anyChain), 'signed')).toBeNull();
  });

  it('reads nothing into bytes that are another thing', () => {
    const good = bytes(serializeTransaction(transaction));
    for (const wrong of [
      Buffer.alloc(0),
      good.subarray(1),
      good.subarray(0, -1),
      Buffer.concat([good, Buffer.from([0])]),
      Buffer.from([0x02, 0xf8]),
      bytes(
        serializeTransaction({ type: 'eip2930', chainId: 31337, to: transaction.to, gasPrice: 1n }),
      ),
      bytes(
        serializeTransaction({
          ...transaction,
          accessList: [{ address: transaction.to, storageKeys: [] }],
        }),
      ),
    ]) {
      expect(decodeTransaction(wrong, 'unsigned')).toBeNull();
    }
    expect(decodeTransaction(good, 'signed')).toBeNull();
  });

  it('takes only a plain transfer call for a payment', () => {
    const call = bytes(data(5n));
    expect(decodeTransfer(call)?.amount).toBe(5n);
    const dirty = Buffer.from(call);
    dirty[6] = 1;
    const other = Buffer.from(call);
    other[0] = 0x23;
    for (const wrong of [
      dirty,
      other,
      call.subarray(0, 67),
      Buffer.concat([call, Buffer.from([0])]),
    ])
      expect(decodeTransfer(wrong)).toBeNull();
  });

  it('takes a settle of the proxy for a payment of the token that its payer permitted', () => {
    const token = `0x${'22'.repeat(20)}` as const;
    const args = [
      [[token, 5n], 7n, 9n],
      `0x${'55'.repeat(20)}`,
      [`0x${'33'.repeat(20)}`, 1n],
      `0x${'77'.repeat(65)}`,
    ] as const;
    const call = bytes(
      encodeFunctionData({
        abi: parseAbi([
          'function settle(((address, uint256), uint256, uint256), address, (address, uint256), bytes)',
        ]),
        args,
      }),
    );
    const proxy = bytes('0x402085c248EeA27D92E8b30b2C58ed07f9E20001');
    expect(decodePayment(proxy, call)).toEqual({
      token: bytes(token),
      recipient: bytes(`0x${'33'.repeat(20)}`),
      amount: 5n,
    });
    const dirty = Buffer.from(call);
    dirty[4] = 1;
    for (const [to, wrong] of [
      [bytes(token), call],
      [proxy, dirty],
      [proxy, call.subarray(0, 291)],
      [proxy, bytes(data(5n))],
    ] as const) {
      expect(decodePayment(to, wrong)).toBeNull();
    }
  });

  it('takes what is charged for what a settle of upto moves, not what was permitted', () => {
    const token = `0x${'22'.repeat(20)}` as const;
    const call = bytes(
      encodeFunctionData({
        abi: parseAbi([
          'function settle(((address, uint256), uint256, uint256), uint256, address, (address, address, uint256), bytes)',
        ]),
        args: [
          [[token, 9n], 7n, 9n],
          5n,
          `0x${'55'.repeat(20)}`,
          [`0x${'33'.repeat(20)}`, `0x${'44'.repeat(20)}`, 1n],
          `0x${'77'.repeat(65)}`,
        ],
      }),
    );
    const proxy = bytes('0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002');
    expect(decodePayment(proxy, call)).toEqual({
      token: bytes(token),
      recipient: bytes(`0x${'33'.repeat(20)}`),
      amount: 5n,
    });
    expect(decodePayment(bytes('0x402085c248EeA27D92E8b30b2C58ed07f9E20001'), call)).toBeNull();
  });
});
