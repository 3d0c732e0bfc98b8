import { USDC } from '../document/document.fixture.ts';
import type { PolicySubject } from './subject.ts';

export const PAYEE = '0x1111111111111111111111111111111111111111';
export const OTHER = '0x2222222222222222222222222222222222222222';

/** A withdrawal of 100 USDC by alice of acme. */
export const subjectOf = (over: Partial<PolicySubject> = {}): PolicySubject => ({
  kind: 'withdrawal',
  tenantId: '01900000-0000-7000-8000-000000000001',
  tenant: 'acme',
  account: 'alice',
  asset: USDC.caip19,
  amount: 100_000_000n,
  chain: 'main',
  wallet: 'acme',
  destination: PAYEE,
  merchant: null,
  endpoint: null,
  spender: null,
  contract: USDC.address,
  method: 'transfer',
  riskScore: null,
  riskCategory: null,
  unscreened: null,
  lookAlike: null,
  knownSince: null,
  configured: null,
  ...over,
});

/** 100 USDC that OTHER pays to shop. */
export const PAYMENT: Partial<PolicySubject> = {
  ...{ kind: 'payment', account: null, merchant: 'shop', spender: OTHER },
  ...{ endpoint: 'https://shop.example/paid', method: 'transferWithAuthorization' },
  configured: { name: 'low', commitAt: 'safe' },
};
