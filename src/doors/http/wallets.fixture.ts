import type { Refusal } from '../../base/kernel/index.ts';
import type { WalletView } from '../../hands/treasury/index.ts';
import type { Services } from './services.ts';

type Wallets = Services['wallets'];

/** One wallet of one tenant, in memory, for tests. */
export class FakeWallets implements Wallets {
  refusal: Refusal | null = null;
  wallet: WalletView = {
    id: '1',
    chain: 'local',
    chainId: 31337,
    address: `0x${'ab'.repeat(20)}`,
    nonces: { next: '3', mined: '2', final: '1' },
    inFlight: 1,
    window: 64,
    purpose: 'pay',
    retired: false,
    paused: null,
    low: [{ asset: 'ETH', minimum: '2' }],
    balances: [{ asset: 'ETH', available: '1', availableAtomic: '1', gasSetAside: '0' }],
  };
  readonly #tenantId: string;

  constructor(tenantId: string) {
    this.#tenantId = tenantId;
  }

  async list(tenantId: string): Promise<WalletView[]> {
    return tenantId === this.#tenantId ? [this.wallet] : [];
  }

  pause: Wallets['pause'] = async (tenantId, id, { by, note }) =>
    this.#change(tenantId, id, { reason: 'operator', since: '2026-01-31T12:00:00.000Z', by, note });

  resume: Wallets['resume'] = async (tenantId, id) =>
    this.refusal ?? this.#change(tenantId, id, null);

  sweep: Wallets['sweep'] = async (tenantId, id, by) => {
    if (tenantId !== this.#tenantId || id !== this.wallet.id) return null;
    if (this.refusal !== null) return this.refusal;
    return [{ id: by, kind: 'sweep', from: id, to: '2', asset: 'USDC', amount: '7' }];
  };

  rebalancing: Wallets['rebalancing'] = async (tenantId) =>
    tenantId === this.#tenantId ? [{ from: '2', to: '1', asset: 'ETH', amount: '1' }] : [];

  #change(tenantId: string, id: string, paused: WalletView['paused']): WalletView | null {
    if (tenantId !== this.#tenantId || id !== this.wallet.id) return null;
    this.wallet = { ...this.wallet, paused };
    return this.wallet;
  }
}
