import type { ChainPort } from '../../../base/chain/index.ts';
import { Assets, type Settings } from '../../../base/config/index.ts';
import type { Db } from '../../../base/db/index.ts';
import { type Log, systemClock } from '../../../base/kernel/index.ts';
import {
  findMerchant,
  type KeyMerchant,
  type Merchant,
  merchantOfKey,
  RateLimiter,
} from '../../../books/access/index.ts';
import { Ledger } from '../../../books/ledger/index.ts';
import { Policies } from '../../../books/policy/index.ts';
import { EndpointService, Forwarder, GatewayService } from '../../../roads/gateway/index.ts';
import {
  FacilitatorService,
  PaymentService,
  supportedOf,
  takerOf,
} from '../../../roads/x402/index.ts';
import type { Services } from '../../http/index.ts';
import { portOf } from '../chains.ts';

/** What is known of a merchant is as old as this at most. */
const HOLD_MS = 1_000;

/** Reads by a name, or remembers what was read a moment ago. */
function holding<T>(): (name: string, read: () => Promise<T>) => Promise<T> {
  const held = new Map<string, { until: number; found: Promise<T> }>();
  return (name, read) => {
    const now = systemClock.monotonic();
    const known = held.get(name);
    if (known !== undefined && now < known.until) return known.found;
    const found = read();
    held.set(name, { until: now + HOLD_MS, found });
    // A failure is nobody's to keep.
    found.catch(() => held.delete(name));
    return found;
  };
}

/** The facilitator for the API: verified against nodes of its own, settled by the worker. */
export function x402Services(
  db: Db,
  settings: Settings,
  log: Log,
  origin: () => string,
): {
  services: Pick<Services, 'x402' | 'gateway'>;
  headMoved(): void;
  drain(): Promise<void>;
} {
  const pools = new Map(settings.chains.map((chain) => [chain.chainId, portOf(chain, log)]));
  const assets = new Assets(settings.assets);
  const payments = new PaymentService({ db, assets, settings });
  const ledger = new Ledger(db);
  const facilitator = facilitatorOf({ db, ledger, settings, log, assets }, (chainId) =>
    pools.get(chainId),
  );
  const { priceDelayMs: delayMs, upstreamNetworks: opened } = settings.x402;
  const endpoints = new EndpointService({ db, assets, log, delayMs, opened });
  const forwarder = forwarderOf(db, settings, log);
  const { address: key, merchant: tenant } = settings.x402.challengeRates;
  const clock = systemClock;
  const challenges = new RateLimiter({ clock, key, tenant });
  const supported = supportedOf(settings);
  const gateway = new GatewayService({
    ...{ db, assets, facilitator, forwarder, challenges, clock },
    takerOf: (merchant, chainId) => takerOf(supported(merchant), chainId),
  });
  const anonymously = holding<Merchant | null>();
  const byKey = holding<KeyMerchant | null>();
  const { anonymous } = settings.x402;
  return {
    services: {
      gateway: {
        origin,
        answer: (request) => gateway.answer(request),
        put: (...asked) => endpoints.put(...asked),
        list: (by) => endpoints.list(by),
        get: (...asked) => endpoints.get(...asked),
        remove: (...asked) => endpoints.remove(...asked),
        veto: (...asked) => endpoints.veto(...asked),
      },
      x402: {
        supported,
        anonymous: async () =>
          anonymous === null
            ? null
            : anonymously('', () =>
                findMerchant(db, { tenant: anonymous.tenant, name: anonymous.merchant }),
              ),
        merchantOfKey: (keyId) => byKey(keyId, () => merchantOfKey(db, keyId)),
        verify: (...asked) => facilitator.verify(...asked),
        settle: (...asked) => facilitator.settle(...asked),
        get: (...asked) => payments.get(...asked),
        find: (...asked) => payments.find(...asked),
        refund: (...asked) => payments.refund(...asked),
        refunds: (...asked) => payments.refunds(...asked),
        usage: (...asked) => payments.usage(...asked),
      },
    },
    headMoved: facilitator.headMoved,
    async drain() {
      await forwarder.drain();
      await facilitator.drain();
    },
  };
}

export function facilitatorOf(
  parts: { db: Db; ledger: Ledger; settings: Settings; log: Log; assets: Assets },
  ports: (chainId: number) => ChainPort | undefined,
): FacilitatorService {
  const policies = new Policies();
  return new FacilitatorService({ ...parts, policies, ports, clock: systemClock });
}

export function forwarderOf(db: Db, { x402 }: Settings, log: Log): Forwarder {
  const { upstreamNetworks: opened, keepAnswersMs: keepMs } = x402;
  return new Forwarder({ db, log, clock: systemClock, opened, keepMs });
}
