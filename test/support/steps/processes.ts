import type { ChainPort } from '../../../src/base/chain/index.ts';
import { Assets, type Settings, signingRulesDigest } from '../../../src/base/config/index.ts';
import type { Db } from '../../../src/base/db/index.ts';
import { sequenceEvents } from '../../../src/base/event/index.ts';
import { type Clock, type Log, Transient } from '../../../src/base/kernel/index.ts';
import {
  type Handler,
  type Loop,
  postgresTransport,
  runClaim,
} from '../../../src/base/queue/index.ts';
import { Ledger } from '../../../src/books/ledger/index.ts';
import { Policies } from '../../../src/books/policy/index.ts';
import { readLanes } from '../../../src/books/tx/index.ts';
import {
  broadcasterHandlers,
  collectLoop,
  FeeMarkets,
  LaneLeases,
  replaceLoop,
  resendLoop,
  TransferGas,
} from '../../../src/hands/broadcaster/index.ts';
import {
  Handshake,
  judgeQuestions,
  OwnTime,
  type SignerContext,
  signBatch,
  takeOverBatch,
  type Witness,
} from '../../../src/hands/signer/index.ts';
import { trackRound } from '../../../src/hands/tracker/index.ts';
import {
  adoptAgain,
  sweepLanes,
  topUpLanes,
  treasuryHandlers,
} from '../../../src/hands/treasury/index.ts';
import {
  EndpointService,
  Forwarder,
  GatewayService,
  gatewayHandlers,
} from '../../../src/roads/gateway/index.ts';
import {
  settlerHandlers,
  sweepStanding,
  validatorHandlers,
  WithdrawalService,
} from '../../../src/roads/withdrawal/index.ts';
import {
  FacilitatorService,
  PaymentService,
  paymentHandlers,
  supportedOf,
  takerOf,
} from '../../../src/roads/x402/index.ts';
import { TOKEN } from './surroundings.ts';

/** By what a process reaches the world. */
export type Wires = { app: Db; signer: Db; journal: Db; witness: Witness; chain: ChainPort };

export type Site = {
  settings: Settings;
  installationId: string;
  keys: Pick<SignerContext, 'rules' | 'keystore'>;
  clock: Clock;
  log: Log;
};

const BATCH = 500;
const LEASE_MS = 6_000;
const FROM_THE_START = '00000000-0000-0000-0000-000000000000';

/**
 * Everything that the processes of an installation do, as steps that are called one by one: what in
 * production its runners and loops call. One object is one life of a process: what it remembers
 * between steps, its caches and its name in leases, is gone with it.
 */
export class Processes {
  readonly leases: LaneLeases;
  readonly service: WithdrawalService;
  readonly facilitator: FacilitatorService;
  readonly payments: PaymentService;
  readonly gateway: GatewayService;
  readonly endpoints: EndpointService;
  readonly #forwarder: Forwarder;
  /** By topic. */
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly #site: Site;
  readonly #wires: Wires;
  readonly #broadcaster: Parameters<typeof collectLoop>[0];
  readonly #signer: SignerContext;

  /** `leases`: another part of the same process holds the lanes. */
  constructor(site: Site, wires: Wires, owner: string, leases?: LaneLeases) {
    const { settings, installationId, clock, log, keys } = site;
    const { app, chain } = wires;
    const ledger = new Ledger(app);
    const assets = new Assets(settings.assets);
    const { policyVersion } = settings;
    const policies = new Policies();
    const road = {
      db: app,
      ledger,
      assets,
      installationId,
      policyVersion,
      policies,
      settings,
      log,
    };
    this.#site = site;
    this.#wires = wires;
    this.leases = leases ?? new LaneLeases({ db: app, owner, clock, log });
    const rules = { assets, lanes: settings.lanes, now: () => clock.now() };
    const fees = new Map(settings.chains.map((chain) => [chain.chainId, chain.fees]));
    this.service = new WithdrawalService({ ...road, clock, rules, fees });
    this.payments = new PaymentService({ db: app, assets, settings });
    this.facilitator = new FacilitatorService({
      ...{ db: app, ledger, assets, settings, policies, clock, log },
      ports: () => chain,
    });
    const {
      upstreamNetworks: opened,
      keepAnswersMs: keepMs,
      priceDelayMs: delayMs,
    } = settings.x402;
    this.endpoints = new EndpointService({ db: app, assets, log, delayMs, opened });
    this.#forwarder = new Forwarder({ db: app, log, clock, opened, keepMs });
    const served = { facilitator: this.facilitator, forwarder: this.#forwarder };
    const challenges = { take: () => null };
    const supported = supportedOf(settings);
    this.gateway = new GatewayService({
      ...{ db: app, assets, clock, challenges, ...served },
      takerOf: (merchant, chainId) => takerOf(supported(merchant), chainId),
    });
    const chains = new Map(
      settings.chains.map((each) => [each.chainId, { settings: each, port: chain }]),
    );
    const gas = { transferGas: new TransferGas(clock), feeMarkets: new FeeMarkets(clock) };
    const { leases: held } = this;
    const parts = {
      db: app,
      ledger,
      assets,
      settings,
      chains,
      rulesDigest: signingRulesDigest(settings),
    };
    this.#broadcaster = { ...parts, leases: held, ...gas, clock, log };
    const signer = { name: owner, main: wires.signer, journal: wires.journal, clock, log };
    const handshake = new Handshake({ ...signer, witness: wires.witness });
    const time = new OwnTime({ ...signer, tell: () => {} });
    this.#signer = { ...signer, ...keys, handshake, time };
    const all = [
      ...validatorHandlers(road),
      ...broadcasterHandlers(this.#broadcaster),
      ...settlerHandlers(road),
      ...treasuryHandlers({ db: app, ledger, chains, log }),
      ...paymentHandlers({ db: app, ledger, policies, agreed: chains, log }),
      ...gatewayHandlers({ db: app, payments: this.payments, ...served }),
    ];
    this.handlers = new Map(all.map((handler) => [handler.topic, handler]));
  }

  /** One claim of a topic, run to its end; how many jobs it had. */
  async job(topic: string): Promise<number> {
    const handler = this.handlers.get(topic);
    if (handler === undefined) throw new Error(`no handler of ${topic}`);
    const { batch } = handler;
    const limit = typeof batch === 'number' ? batch : await batch();
    if (limit <= 0) return 0;
    const { app } = this.#wires;
    const claimed = await postgresTransport.claim(app, topic, { limit, leaseMs: LEASE_MS });
    if (claimed.jobs.length === 0) return 0;
    const options = { db: app, transport: postgresTransport, log: this.#site.log };
    await runClaim({ ...options, random: () => 0.5 }, handler, claimed);
    await this.#forwarder.drain();
    return claimed.jobs.length;
  }

  sign(): Promise<unknown> {
    return signBatch(this.#signer, BATCH);
  }

  /** What is asked about before it gets a slot. */
  judgeDry(): Promise<unknown> {
    return judgeQuestions(this.#signer, BATCH);
  }

  /** Orders whose signer died more than half a minute ago. */
  takeOver(): Promise<unknown> {
    return takeOverBatch(this.#signer, { limit: BATCH, watermark: { floor: FROM_THE_START } });
  }

  collect(): Promise<void> {
    return oneRound((clock) => collectLoop({ ...this.#broadcaster, clock }));
  }

  replace(): Promise<void> {
    return oneRound((clock) => replaceLoop({ ...this.#broadcaster, clock }));
  }

  resend(): Promise<void> {
    return oneRound((clock) => resendLoop({ ...this.#broadcaster, clock }));
  }

  /** One round of the walk of each chain; true when there is more to do at once. */
  async observe(): Promise<boolean> {
    let more = false;
    for (const settings of this.#site.settings.chains) {
      const { clock, log } = this.#site;
      const { chainId } = settings;
      const { owner } = this.leases;
      const { app: db, chain: port } = this.#wires;
      const context = { db, owner, chainId, settings, port, tokens: [TOKEN], clock, log };
      more = (await trackRound(context)) || more;
    }
    return more;
  }

  sweep(): Promise<number> {
    return sweepStanding(this.#wires.app);
  }

  /** How many top-ups were asked for. */
  topUp(): Promise<number> {
    return topUpLanes(this.#moves());
  }

  /** How many sweeps of these lanes were asked for. */
  async sweepLanes(laneIds: readonly number[]): Promise<number> {
    return (await sweepLanes(this.#moves(), laneIds, 'a test')).length;
  }

  /** A person's word for each frozen lane, which opens it where chain and books are clear. */
  async adopt(): Promise<void> {
    const { settings, installationId } = this.#site;
    const { app: db, chain: port } = this.#wires;
    const parts = {
      db,
      ledger: new Ledger(db),
      assets: new Assets(settings.assets),
      installationId,
    };
    for (const lane of await readLanes(db)) {
      if (lane.pausedReason !== 'foreign_nonce') continue;
      const chain = settings.chains.find(({ chainId }) => chainId === lane.chainId)!;
      const word = { by: 'a test', note: 'the key was used elsewhere', forced: false };
      await adoptAgain({ ...parts, chain, port }, lane, word).catch((error) => {
        if (!(error instanceof Transient)) throw error;
      });
    }
  }

  #moves() {
    const { settings, installationId } = this.#site;
    const { lanes, treasury } = settings;
    const assets = new Assets(settings.assets);
    return { db: this.#wires.app, assets, installationId, lanes, treasury };
  }

  sequence(): Promise<number> {
    return sequenceEvents(this.#wires.app);
  }
}

/** A loop's rounds until it rests for the first time. */
async function oneRound(make: (clock: Clock) => Loop): Promise<void> {
  await new Promise<void>((resolve) => {
    const loop = make({
      now: () => Date.now(),
      monotonic: () => performance.now(),
      sleep: (_ms, signal) =>
        new Promise<void>((awake) => {
          signal?.addEventListener('abort', () => awake(), { once: true });
          setImmediate(() => void loop.stop().then(resolve));
        }),
    });
    loop.start();
  });
}
