import fc from 'fast-check';
import { hashTypedData } from 'viem';
import { describe, expect, it } from 'vitest';
import { MAX_UINT256, toHex } from '../kernel/index.ts';
import { type ApprovalContent, approvalDigest, approvalTypedData } from './approval.ts';

const CONTENT: ApprovalContent = {
  chainId: 8453,
  walletGroup: 'hot',
  asset: 'eip155:8453/erc20:0x833589fcd6edb6e08f4c7c32d4f71b54bda02913',
  to: `0x${'33'.repeat(20)}`,
  amount: 2_500_000_000n,
  feeCap: 50_000_000_000_000_000n,
  intentId: `0x${'ab'.repeat(32)}`,
  policyVersion: 'config:0f',
  initiator: '01890000-0000-7000-8000-000000000001',
  expiry: 1_900_000_000,
};

/** As another implementation has it, from the typed data that a wallet is shown. */
function digestByViem(content: ApprovalContent) {
  return hashTypedData(approvalTypedData(content) as Parameters<typeof hashTypedData>[0]);
}

describe('the digest of an approval', () => {
  it('is what it always was: approvals that were given stay good', () => {
    expect(approvalDigest(CONTENT)).toBe(
      '0x5ca6a02bb417788908215ea45c21463c150536b91cd4f8846c63a4ece641b96c',
    );
  });

  it("is EIP-712's of the typed data that approvers are shown", () => {
    const hex = (length: number) =>
      fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => toHex(bytes));
    const content = fc.record<ApprovalContent>({
      chainId: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      walletGroup: fc.string({ unit: 'grapheme' }),
      asset: fc.string(),
      to: hex(20),
      amount: fc.bigInt({ min: 0n, max: MAX_UINT256 }),
      feeCap: fc.bigInt({ min: 0n, max: MAX_UINT256 }),
      intentId: hex(32),
      policyVersion: fc.string(),
      initiator: fc.string(),
      expiry: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    });
    fc.assert(
      fc.property(content, (one) => {
        expect(approvalDigest(one)).toBe(digestByViem(one));
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    { chainId: 1 },
    { walletGroup: 'cold' },
    { asset: 'eip155:8453/slip44:60' },
    { to: `0x${'34'.repeat(20)}` },
    { amount: 2_500_000_001n },
    { feeCap: 50_000_000_000_000_001n },
    { intentId: `0x${'ac'.repeat(32)}` },
    { policyVersion: 'config:10' },
    { initiator: '01890000-0000-7000-8000-000000000002' },
    { expiry: 1_900_000_001 },
  ] as const satisfies readonly Partial<ApprovalContent>[])('is another one with %o', (changed) => {
    expect(approvalDigest({ ...CONTENT, ...changed })).not.toBe(approvalDigest(CONTENT));
  });

  it('refuses a number that is no uint256', () => {
    expect(() => approvalDigest({ ...CONTENT, amount: MAX_UINT256 + 1n })).toThrow(RangeError);
    expect(() => approvalDigest({ ...CONTENT, feeCap: -1n })).toThrow(RangeError);
  });
});
