import { hostname } from 'node:os';
import { type ChainPool, type ChainPort, EndpointReport } from '../../../base/chain/index.ts';
import {
  Assets,
  type ChainSettings,
  type Settings,
  signingRulesDigest,
} from '../../../base/config/index.ts';
import { type Db, Listener, openPool } from '../../../base/db/index.ts';
import {
  type Address,
  ConfigurationError,
  type Log,
  messageOf,
  randomToken,
  systemClock,
} from '../../../base/kernel/index.ts';
import { type Handler, Loop, postgresTransport, Runner } from '../../../base/queue/index.ts';
import { WAKE_SCREENING } from '../../../books/destination/index.ts';
import { Ledger } from '../../../books/ledger/index.ts';
import { checkRuledChains, Policies } from '../../../books/policy/index.ts';
import { releaseChains, WAKE_COLLECT, WAKE_REPLACE } from '../../../books/tx/index.ts';
import {
  type BroadcasterContext,
  broadcasterHandlers,
  collectLoop,
  FeeMarkets,
  LaneLeases,
  replaceLoop,
  resendLoop,
  TransferGas,
} from '../../../hands/broadcaster/index.ts';
import { Mismatches, TipWatch, trackRound } from '../../../hands/tracker/index.ts';
import { treasuryHandlers } from '../../../hands/treasury/index.ts';
import { type Forwarder, gatewayHandlers } from '../../../roads/gateway/index.ts';
import {
  settlerHandlers,
  validatorHandlers,
  type WithdrawalContext,
} from '../../../roads/withdrawal/index.ts';
import { PaymentService, paymentHandlers } from '../../../roads/x402/index.ts';
import { eachChain, openChain, portOf, tellQuorum } from '../chains.ts';
import { cronLoops } from '../loops/cron-loops.ts';
import { freezeLoop, screeningLoop } from '../loops/quiet-loops.ts';
import { facilitatorOf, forwarderOf } from '../services/x402.ts';
import { databaseReady, installationOf, type RoleHandle } from './role.ts';

export const WORKER_ROLES = ['validator', 'broadcaster', 'tracker', 'settler', 'cron'] as const;
export type WorkerRole = (typeof WORKER_ROLES)[number];

type WorkerOptions = {
  settings: Settings;
  log: Log;
  roles: readonly WorkerRole[];
  /** Called when a chain's configuration does not fit the chain; such a worker must end. */
  onMisfit(error: ConfigurationError): void;
};

type Worker = {
  db: Db;
  ledger: Ledger;
  assets: Assets;
  settings: Settings;
  log: Log;
  /** Names this process in leases; a restarted one is another. */
  owner: string;
  has(role: WorkerRole): boolean;
  /** Of every chain, open or not, since what its endpoints do is told in both cases. */
  pools: Map<number, ChainPool>;
  /** Chains that were held against their configuration and may be used; the rest is tried again. */
  chains: Map<number, { settings: ChainSettings; port: ChainPool }>;
  /** The same, as far as enough of their nodes agree: what ends rest on. */
  agreed: Map<number, { port: ChainPort }>;
};

/** Everything but api and signer, or the roles asked for. */
export async function startWorker(options: WorkerOptions): Promise<RoleHandle> {
  const { settings, log } = options;
  const db = openPool({
    url: settings.database.url,
    role: 'payonce_app',
    name: 'payonce-worker',
    max: Math.max(settings.database.poolSize, 12),
  });
  await databaseReady(db, 'main', log);
  await checkRuledChains(
    db,
    settings.chains.map(({ id }) => id),
  );
  const worker: Worker = {
    db,
    ledger: new Ledger(db),
    assets: new Assets(settings.assets),
    settings,
    log,
    owner: `${hostname()}:${process.pid}:${randomToken().slice(0, 8)}`,
    has: (role) => options.roles.includes(role),
    pools: new Map(settings.chains.map((chain) => [chain.chainId, poolOf(chain, db, log)])),
    chains: new Map(),
    agreed: new Map(),
  };
  const leases = new LaneLeases({ db, owner: worker.owner, clock: systemClock, log });
  const broadcaster: BroadcasterContext = {
    ...worker,
    leases,
    rulesDigest: signingRulesDigest(settings),
    transferGas: new TransferGas(systemClock),
    feeMarkets: new FeeMarkets(systemClock),
    clock: systemClock,
  };
  const forwarder = forwarderOf(db, settings, log);
  const runner = new Runner({
    db,
    transport: postgresTransport,
    handlers: await handlersOf(worker, broadcaster, forwarder),
    clock: systemClock,
    log,
  });
  const collect = collectLoop(broadcaster);
  const replace = replaceLoop(broadcaster);
  const freezes = freezeLoop(worker);
  const screening = screeningLoop(worker);
  const loops = [
    ...(worker.has('broadcaster') ? [collect, resendLoop(broadcaster), replace] : []),
    ...cronLoops(worker),
    ...(worker.has('cron') ? [freezes] : []),
    ...(screening === null ? [] : [screening]),
    openLoop(worker, options.onMisfit),
    ...(worker.has('tracker') ? settings.chains.map((chain) => trackerLoop(worker, chain)) : []),
    ...(worker.has('tracker') ? [endpointsLoop(worker)] : []),
  ];
  const listener = new Listener({
    url: settings.database.url,
    role: 'payonce_app',
    name: 'payonce-worker-listen',
  })
    .on('payonce_job', (topic) => runner.wake(topic))
    .on(WAKE_COLLECT, () => collect.wake())
    .on(WAKE_REPLACE, () => replace.wake())
    .on('payonce_freeze', () => freezes.wake())
    .on(WAKE_SCREENING, () => screening?.wake());
  await listener.start();
  if (worker.has('broadcaster')) leases.start();
  for (const loop of loops) loop.start();
  runner.start();
  return {
    async stop() {
      await listener.stop();
      await Promise.all([runner.stop(), ...loops.map((loop) => loop.stop())]);
      await forwarder.drain();
      await leases.stop(log);
      await releaseChains(db, worker.owner).catch((error) =>
        log.warn({ error: messageOf(error) }, 'chain leases run out by themselves'),
      );
      await db.end();
    },
  };
}

async function handlersOf(
  worker: Worker,
  broadcaster: BroadcasterContext,
  forwarder: Forwarder,
): Promise<Handler[]> {
  const { db, ledger, assets, settings, log } = worker;
  const policies = new Policies();
  const withdrawal: WithdrawalContext = {
    db,
    ledger,
    assets,
    log,
    installationId: await installationOf(db),
    policyVersion: settings.policyVersion,
    settings,
    policies,
  };
  const payments = new PaymentService({ db, assets, settings });
  // What a job has begun it finds at its next look.
  const unwaiting = { ...settings, x402: { ...settings.x402, waitMs: 0 } };
  const facilitator = facilitatorOf(
    { db, ledger, assets, log, settings: unwaiting },
    (chainId) => worker.chains.get(chainId)?.port,
  );
  return [
    ...(worker.has('validator') ? validatorHandlers(withdrawal) : []),
    ...(worker.has('broadcaster') ? broadcasterHandlers(broadcaster) : []),
    ...(worker.has('settler')
      ? [
          ...settlerHandlers(withdrawal),
          ...paymentHandlers({ ...worker, policies }),
          ...gatewayHandlers({ db, payments, forwarder, facilitator }),
          ...treasuryHandlers({ ...worker, chains: worker.agreed }),
        ]
      : []),
  ];
}

/** Between two looks at wallets whose transactions are not final. */
const ADOPT_AGAIN_MS = 10_000;

/** Chains are opened when their node answers and fits; a dead node at the start is no reason not to start. */
function openLoop(worker: Worker, onMisfit: (error: ConfigurationError) => void): Loop {
  const adoptAgainAt = new Map<number, number>();
  return new Loop({
    name: 'open-chains',
    idleMs: 2_000,
    clock: systemClock,
    log: worker.log,
    round: async () => {
      await eachChain(worker.settings.chains, async (chain) => {
        const again = adoptAgainAt.get(chain.chainId) ?? Number.POSITIVE_INFINITY;
        const open = worker.chains.has(chain.chainId);
        if (open && systemClock.monotonic() < again) return;
        const port = worker.pools.get(chain.chainId)!;
        try {
          const { told, waiting } = await openChain(worker, chain, port.agreed);
          for (const line of told) worker.log.info({ chain: chain.id }, line);
          if (waiting) adoptAgainAt.set(chain.chainId, systemClock.monotonic() + ADOPT_AGAIN_MS);
          else adoptAgainAt.delete(chain.chainId);
          if (open) return;
          worker.chains.set(chain.chainId, { settings: chain, port });
          worker.agreed.set(chain.chainId, { port: port.agreed });
          worker.log.info({ chain: chain.id, quorum: tellQuorum(chain) }, 'chain opened');
        } catch (error) {
          if (error instanceof ConfigurationError) onMisfit(error);
          throw error;
        }
      });
      return false;
    },
  });
}

function trackerLoop(worker: Worker, settings: ChainSettings): Loop {
  const { db, owner, log } = worker;
  const { chainId } = settings;
  const tip = new TipWatch(systemClock, settings.pollMs);
  return new Loop({
    name: `track:${settings.id}`,
    idleMs: () => tip.restMs(),
    clock: systemClock,
    log,
    round: async () => {
      const chain = worker.agreed.get(chainId);
      if (chain === undefined) return false;
      const { port } = chain;
      const tokens = tokensOn(worker.assets, chainId);
      return tip.round(port, () =>
        trackRound({ db, owner, chainId, settings, port, tokens, clock: systemClock, log }),
      );
    },
  });
}

function poolOf(chain: ChainSettings, db: Db, log: Log): ChainPool {
  const { chainId } = chain;
  const mismatches = new Mismatches({ db, chainId, clock: systemClock, log });
  return portOf(chain, log, (dispute) => mismatches.heard(dispute));
}

function tokensOn(assets: Assets, chainId: number): Address[] {
  return assets.all.flatMap((asset) =>
    asset.chainId === chainId && asset.address !== null ? [asset.address] : [],
  );
}

/** What endpoints do, for processes that hold no pool; as the one sees it that walks the chain. */
function endpointsLoop({ db, owner, pools, log }: Worker): Loop {
  const reports = [...pools].map(
    ([chainId, pool]) => new EndpointReport({ db, owner, chainId, pool, clock: systemClock }),
  );
  return new Loop({
    name: 'tell-endpoints',
    idleMs: 5_000,
    clock: systemClock,
    log,
    round: async () => {
      for (const report of reports) await report.write();
      return false;
    },
  });
}
