import { privateKeyToAccount } from 'viem/accounts';
import { effectOf, packAuthorization } from '../../src/base/effect/index.ts';
import type { Address, Hex } from '../../src/base/kernel/index.ts';
import { signedPayment } from '../support/x402/payers.ts';
import { PAYEE } from './chain-under-test.ts';

/** Calldata that pays from the payer's tokens, signed by a key that may be another one's. */
export async function authorized(of: {
  token: Address;
  payer: Hex;
  by: Hex;
  amount: bigint;
}): Promise<Hex> {
  const { token, amount } = of;
  const payer = privateKeyToAccount(of.payer).address.toLowerCase() as Address;
  const account = { ...privateKeyToAccount(of.by), address: payer };
  const terms = { payTo: PAYEE, amount: amount.toString(), validBefore: '99999999999' };
  const { paymentPayload } = await signedPayment(account, token, terms);
  const { signature, authorization } = paymentPayload.payload;
  const payerAuthorization = packAuthorization({
    ...{ method: 'eip3009', payer, signature, ceiling: null },
    validAfter: BigInt(authorization['validAfter']!),
    validBefore: BigInt(authorization['validBefore']!),
    nonce: authorization['nonce'] as Hex,
  });
  return effectOf({ token, recipient: PAYEE, amount, payerAuthorization }).data;
}
