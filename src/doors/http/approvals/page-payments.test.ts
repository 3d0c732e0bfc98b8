import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../../../base/db/index.ts';
import {
  type ApprovalContent,
  approvalDigest,
  authorizationDigest,
} from '../../../base/effect/index.ts';
import { type Address, checksummed, type Hex, toHex } from '../../../base/kernel/index.ts';

/** The modules as browsers get them, asked about x402 payments. */
async function module<T>(name: string): Promise<T> {
  const file = join(projectRoot(), 'console', 'access', name);
  return (await import(/* @vite-ignore */ pathToFileURL(file).href)) as T;
}

type Authorized = {
  assetTransferMethod: 'eip3009' | 'permit2';
  chainId: number;
  token: Address;
  payer: Address;
  nonce: Hex;
};
type Request = { kind: string; id: string };
const digests = await module<{ authorizationId(parts: Authorized): Hex }>('digest.js');
const page = await module<{
  readRequest(view: unknown, now: number): Request;
  tellRequest(request: Request, shown: unknown): [string, string][];
}>('approval-request.js');

const hex = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => toHex(bytes));
const idOf = ({ assetTransferMethod: method, ...parts }: Authorized) =>
  authorizationDigest({ method, ...parts });

const TOKEN: Address = '0x833589fcd6edb6e08f4c7c32d4f71b54bda02913';
const PAYER: Address = `0x${'cd'.repeat(20)}`;
const AUTHORIZED: Authorized = {
  ...{ assetTransferMethod: 'permit2', chainId: 8453, token: TOKEN, payer: PAYER },
  nonce: `0x${'ef'.repeat(32)}`,
};
const CONTENT: ApprovalContent = {
  ...{ chainId: 8453, walletGroup: 'hot', asset: `eip155:8453/erc20:${TOKEN}` },
  ...{ to: `0x${'ab'.repeat(20)}`, amount: 12_500_000n, feeCap: 7n, intentId: idOf(AUTHORIZED) },
  ...{ policyVersion: 'policy:0f', initiator: PAYER, expiry: 1_900_000_000 },
};
const NOW = 1_800_000_000_000;
const PAYMENT = '01890000-0000-7000-8000-000000000004';

/** As the API has it; `lie` is what it says of the authorization instead. */
function viewOf(content: ApprovalContent, lie: object = {}) {
  return {
    ...{ withdrawalId: null, paymentId: PAYMENT, digest: approvalDigest(content) },
    content: { ...content, amount: String(content.amount), feeCap: String(content.feeCap) },
    intent: { operation: 'payment', ...AUTHORIZED, ...lie },
  };
}

describe('a request for approval of a payment in the page', () => {
  it('has the id that the signer computes, by either way to pay', () => {
    const authorized = fc.record<Authorized>({
      assetTransferMethod: fc.constantFrom('eip3009', 'permit2'),
      chainId: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      ...{ token: hex(20), payer: hex(20), nonce: hex(32) },
    });
    fc.assert(
      fc.property(authorized, (one) => {
        expect(digests.authorizationId(one)).toBe(idOf(one));
      }),
      { numRuns: 50 },
    );
  });

  it('tells who pays it, and whose wallets pay its gas', () => {
    const request = page.readRequest(viewOf(CONTENT), NOW);
    expect([request.kind, request.id]).toEqual(['payment', PAYMENT]);
    expect(Object.fromEntries(page.tellRequest(request, {}))).toMatchObject({
      ...{ From: checksummed(PAYER), 'Gas from': 'a wallet of hot', 'Asked by': 'its payer' },
      Payment: `${PAYMENT} (not signed)`,
    });
  });

  it.each<[string, unknown, RegExp]>([
    ['another payer', viewOf(CONTENT, { payer: TOKEN }), /initiator is 0xcd.*parts/],
    ['another token', viewOf(CONTENT, { token: PAYER }), /the asset is .*parts/],
    ['another nonce', viewOf(CONTENT, { nonce: `0x${'ee'.repeat(32)}` }), /intentId is .*parts/],
    ['a nonce that is none', viewOf(CONTENT, { nonce: '0xee' }), /nonce is not 0x and 64/],
    ['another keeper', viewOf(CONTENT, { assetTransferMethod: 'eip3009' }), /intentId is 0x/],
    ['no way to pay', viewOf(CONTENT, { assetTransferMethod: 'upto' }), /upto is no way to pay/],
    ['no id', { ...viewOf(CONTENT), paymentId: null }, /installationId is no plain text/],
  ])('with %s is not signed', (_, view, why) => {
    expect(() => page.readRequest(view, NOW)).toThrow(why);
  });
});
