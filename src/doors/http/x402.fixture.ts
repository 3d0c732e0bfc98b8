import { refuse } from '../../base/kernel/index.ts';
import type { KeyMerchant, Merchant } from '../../books/access/index.ts';
import type { Answer, PaymentView, RefundVerdict, RefundView } from '../../roads/x402/index.ts';
import type { Services } from './services.ts';

type X402 = Services['x402'];

const PAYMENT_ID = '01890000-0000-7000-8000-00000000f402';

/** One payment of one tenant, in memory, for tests. */
export class FakeX402 implements X402 {
  merchant: KeyMerchant;
  anonymousMerchant: Merchant | null = null;
  answer: Answer = { status: 200, body: { isValid: true, success: true } };
  asked: { merchant: Merchant; body: unknown }[] = [];
  readonly #tenantId: string;

  constructor(tenantId: string) {
    this.#tenantId = tenantId;
    this.merchant = {
      merchantId: '01890000-0000-7000-8000-00000000f401',
      tenantId,
      name: 'shop',
      payTo: [`0x${'cd'.repeat(20)}`],
      assets: [],
      offers: [],
      replays: false,
      inService: true,
      wallets: [],
      lanes: [],
    };
  }

  supported() {
    return {
      kinds: [{ x402Version: 2 as const, scheme: 'exact' as const, network: 'eip155:31337' }],
      extensions: [],
      signers: {},
    };
  }

  async anonymous() {
    return this.anonymousMerchant;
  }

  async merchantOfKey(keyId: string) {
    return keyId === 'k2' ? null : this.merchant;
  }

  async verify(merchant: Merchant, body: unknown) {
    this.asked.push({ merchant, body });
    return this.answer;
  }

  async settle(merchant: Merchant, body: unknown) {
    return this.verify(merchant, body);
  }

  async get({ tenantId }: { tenantId: string }, id: string) {
    return tenantId === this.#tenantId && id === PAYMENT_ID ? PAYMENT : null;
  }

  async find({ tenantId }: { tenantId: string }) {
    return tenantId === this.#tenantId ? [PAYMENT] : [];
  }

  /** What it answers to a refund of its payment. */
  verdict: RefundVerdict = { kind: 'created', view: REFUND };

  /** For which merchants; null: for the tenant. */
  readonly refundedBy: (string | null)[] = [];

  async refund(
    { tenantId, merchantId }: { tenantId: string; merchantId: string | null },
    id: string,
  ): Promise<RefundVerdict> {
    this.refundedBy.push(merchantId);
    if (tenantId === this.#tenantId && id === PAYMENT_ID) return this.verdict;
    return { kind: 'refused', refusal: refuse('not_found', 'There is none.') };
  }

  async refunds({ tenantId }: { tenantId: string }, id: string) {
    return tenantId === this.#tenantId && id === PAYMENT_ID ? [REFUND] : null;
  }

  async usage({ tenantId, merchant }: { tenantId: string; merchant: string }) {
    return tenantId === this.#tenantId && merchant === this.merchant.name ? [] : null;
  }
}

const REFUND: RefundView = {
  id: '01890000-0000-7000-8000-00000000f403',
  paymentId: PAYMENT_ID,
  status: 'PENDING',
  amount: '0.01',
  amountAtomic: '10000',
  reason: 'late',
  withdrawalId: null,
  failure: null,
  idempotencyKey: 'k',
  correlationId: 'c',
  createdAt: '2026-01-01T00:00:00.000Z',
  endedAt: null,
};

const HASH = `0x${'ab'.repeat(32)}`;
const PAYMENT: PaymentView = {
  id: PAYMENT_ID,
  status: 'SETTLED',
  confirmation: { level: 'finalized', blockNumber: 7, blockHash: HASH },
  waiting: null,
  approvals: { required: 0, given: 0 },
  scheme: 'exact',
  network: 'eip155:31337',
  maxAmountAtomic: null,
  asset: 'eip155:31337/erc20:0x00',
  amountAtomic: '10000',
  payer: `0x${'11'.repeat(20)}`,
  payTo: `0x${'cd'.repeat(20)}`,
  authorizationId: HASH,
  assetTransferMethod: 'eip3009',
  paymentIdentifier: null,
  convergedOn: null,
  refundedAtomic: '0',
  resource: null,
  txHash: HASH,
  waitUntil: 'included',
  delivered: true,
  failure: null,
  decision: null,
  correlationId: 'c',
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:01.000Z',
};
