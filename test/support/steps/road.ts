import { Assets, type GuardSettings, type Settings } from '../../../src/base/config/index.ts';
import type { Db } from '../../../src/base/db/index.ts';
import { isRefusal, silentLog, systemClock } from '../../../src/base/kernel/index.ts';
import { createTenant } from '../../../src/books/access/index.ts';
import { Ledger } from '../../../src/books/ledger/index.ts';
import { type Keystore, openKeystore, signingRules } from '../../../src/hands/signer/index.ts';
import { beginChain } from '../../../src/hands/tracker/index.ts';
import { adoptLane } from '../../../src/hands/treasury/index.ts';
import { DepositService } from '../../../src/roads/deposit/index.ts';
import { type FakeChain, FakeNode } from '../fake-chain/index.ts';
import type { TestDatabases } from '../postgres.ts';
import { type Connections, openConnections } from './connections.ts';
import { Fresh } from './fresh.ts';
import { makePersons } from './persons.ts';
import type { Actor } from './points/actor.ts';
import { MemoryWitness, wireWitness } from './points/memory-witness.ts';
import { Scheduler, type Step } from './points/scheduler.ts';
import { type Endings, wireChain, wireDb } from './points/wires.ts';
import { Processes, type Site, type Wires } from './processes.ts';
import { SeveralNodes } from './several-nodes.ts';
import { CHAIN_ID, freshChain, logTo, portTo, settingsOf, withTreasury } from './surroundings.ts';
import { TestClock } from './test-clock.ts';

export const ACCOUNTS = ['alice', 'bob'] as const;
/** What each account is credited with, in units: enough for some withdrawals, not for all. */
export const DEPOSIT = '20000';
/** How long the chain is at the first moment. */
const BLOCKS = 10;

type RoadOptions = {
  lanes?: number;
  /** A wallet that fills the lanes, and is swept to. */
  treasury?: boolean;
  /** The signer's own rules, instead of none. */
  guard?: (settings: Settings) => Partial<GuardSettings>;
  /** The accounts of lanes are there already, as they are after the first withdrawal. */
  warm?: boolean;
  /** See Endings; sessions end unless told otherwise. */
  endings?: Endings;
  /** Three nodes, of which so many must agree; else one. */
  needed?: number;
  /** For tests of the tests: what is wrong with how its processes reach the world. */
  bend?: (wires: Wires) => Wires;
};

/**
 * One installation in this process without its loops and timers: real databases, a fake chain, and every
 * step of the road to be called by the test. reset() takes it back to its first moment, with lanes adopted and
 * accounts credited.
 */
export class Road {
  readonly settings: Settings;
  readonly owner: Db;
  readonly #owners: Connections['owners'];
  /** The owner's too: plans what it is asked once. */
  readonly laws: Db;
  readonly scheduler: Scheduler;
  readonly clock: TestClock;
  readonly tenantId: string;
  /** Who decide together. */
  persons: readonly string[] = [];
  /** What was logged as a warning or worse since the last reset. */
  readonly told: string[] = [];
  /** The nodes beside the one, where there are several. */
  readonly several = new SeveralNodes(() => this.#node);
  /** Without points: runs as it would by itself. */
  readonly wires: Wires;
  readonly #site: Site;
  readonly #endings: Endings;
  readonly #witness = new MemoryWitness();
  #kept: MemoryWitness['seal'] = null;
  #fresh: Fresh[] = [];
  #replay: ((chain: FakeChain) => void) | null = null;
  readonly #pools: Db[];
  #chain: FakeChain;
  #node: FakeNode;
  #lives = 0;

  private constructor(parts: {
    settings: Settings;
    owners: Connections['owners'];
    pools: Connections['pools'];
    tenantId: string;
    installationId: string;
    keystore: Keystore;
    options: RoadOptions;
  }) {
    const { settings, owners, pools, tenantId, installationId } = parts;
    this.#endings = parts.options.endings ?? 'end sessions';
    this.settings = settings;
    this.owner = owners.main;
    this.#owners = owners;
    this.laws = owners.laws;
    this.#pools = [...Object.values(pools), ...Object.values(owners)];
    this.tenantId = tenantId;
    this.scheduler = new Scheduler(owners.main);
    this.clock = new TestClock(owners.rewriter);
    this.#chain = freshChain(settings, 1);
    this.#node = new FakeNode(this.#chain);
    this.several.reset(this.#chain);
    const { needed } = parts.options;
    const alone = portTo(() => this.#node);
    const chain = needed === undefined ? alone : this.several.portFrom(alone, needed);
    const wires = { ...pools, witness: this.#witness, chain };
    this.wires = parts.options.bend?.(wires) ?? wires;
    const { keystore } = parts;
    const keys = { keystore, rules: signingRules(settings, keystore) };
    this.#site = { settings, installationId, keys, clock: this.clock, log: logTo(this.told) };
  }

  static async open(databases: TestDatabases, options: RoadOptions = {}): Promise<Road> {
    const { owners, pools } = await openConnections(databases);
    const tenant = await createTenant(pools.app, { name: 'demo' });
    if (isRefusal(tenant)) throw new Error(tenant.detail);
    const { rows } = await pools.app.query<{ installation_id: string }>(
      'SELECT installation_id FROM installation',
    );
    const plain = settingsOf(databases, options.lanes ?? 1);
    const furnished = options.treasury === true ? withTreasury(plain) : plain;
    const guard = { ...furnished.guard, ...options.guard?.(furnished) };
    const settings = { ...furnished, guard };
    const road = new Road({
      settings,
      keystore: await openKeystore(settings.signer!.keys, settings.lanes, {
        clock: systemClock,
        log: silentLog,
      }),
      owners,
      pools,
      tenantId: tenant.tenantId,
      installationId: rows[0]!.installation_id,
      options,
    });
    await road.#furnish(options.warm === true);
    return road;
  }

  /** Adopts the lanes, credits the accounts, and keeps both databases like that. */
  async #furnish(warm: boolean): Promise<void> {
    const { settings, tenantId, wires } = this;
    const db = wires.app;
    const [chain] = settings.chains;
    await beginChain({ db, chainId: CHAIN_ID, settings: chain!, port: wires.chain });
    const ledger = new Ledger(db);
    const assets = new Assets(settings.assets);
    for (const lane of settings.lanes) {
      await adoptLane({ db, ledger, assets, port: wires.chain }, tenantId, lane);
    }
    this.persons = await makePersons(db, tenantId);
    const deposits = new DepositService({ db, ledger, assets });
    for (const account of ACCOUNTS) {
      for (const { id: asset } of settings.assets) {
        const reference = `${account}-${asset}`;
        const body = { account, asset, amount: DEPOSIT, reference };
        const request = { idempotencyKey: reference, body, correlationId: reference };
        const made = await deposits.deposit(tenantId, request);
        if (made.kind === 'refused') throw new Error(made.refusal.detail);
      }
    }
    // A walk that has only begun knows no block to go back to.
    this.#chain.mine(BLOCKS - 1);
    const processes = await this.start();
    while (await processes.observe());
    await processes.leases.stop(this.#site.log);
    await this.owner.query('UPDATE chain_head SET lease_owner = NULL, lease_until = NULL');
    if (warm) await ledger.openAccounts(this.#laneAccounts());
    await this.keep();
  }

  #laneAccounts() {
    const { tenantId } = this;
    const assets = this.settings.assets.map(({ caip19 }) => caip19);
    const of = (kind: 'in_transit' | 'gas_in_transit', owner: string) =>
      assets.map((asset) => ({ tenantId, kind, owner, asset }));
    return [
      ...this.settings.lanes.flatMap((_, n) => of('gas_in_transit', String(n + 1))),
      ...of('in_transit', ''),
      ...assets.flatMap((asset) =>
        (['revenue', 'network_fee_expense'] as const).map((kind) => ({
          ...{ tenantId, kind, owner: '', asset },
        })),
      ),
    ];
  }

  get chain(): FakeChain {
    return this.#chain;
  }

  get node(): FakeNode {
    return this.#node;
  }

  /** From now on reset() comes back to this moment; `replay` does with a new chain what was done with this one. */
  async keep(replay: ((chain: FakeChain) => void) | null = null): Promise<void> {
    this.#fresh = [await Fresh.keep(this.#owners.rewriter), await Fresh.keep(this.#owners.journal)];
    this.#kept = this.#witness.seal;
    this.#replay = replay;
  }

  /** As it was when it was opened or kept; processes of before must not be used any more. */
  async reset(): Promise<void> {
    for (const fresh of this.#fresh) await fresh.reset();
    this.#witness.seal = this.#kept;
    this.told.length = 0;
    this.#chain = freshChain(this.settings, BLOCKS);
    this.#node = new FakeNode(this.#chain);
    this.several.reset(this.#chain);
    this.#replay?.(this.#chain);
  }

  /** The node has forgotten what it was told to do wrong. */
  calm(): void {
    this.#node = new FakeNode(this.#chain);
    this.several.reset(this.#chain);
  }

  /** Processes of an installation that were just started, holding the lanes that are free. */
  async start(): Promise<Processes> {
    this.#lives += 1;
    const processes = new Processes(this.#site, this.wires, `life ${this.#lives}`);
    await processes.leases.renew();
    return processes;
  }

  /** A step of which every await is a point of the scheduler; it belongs to these processes' life. */
  step(
    name: string,
    of: Processes,
    run: (processes: Processes) => Promise<unknown>,
    bend: (wires: Wires) => Wires = (wires) => wires,
  ): Step {
    return { name, run: (actor) => run(this.#wired(actor, of, bend)) };
  }

  #wired(actor: Actor, of: Processes, bend: (wires: Wires) => Wires): Processes {
    const { app, signer, journal, witness, chain } = bend(this.wires);
    const endings = this.#endings;
    const wires = {
      app: wireDb(app, { actor, label: 'main', endings }),
      signer: wireDb(signer, { actor, label: 'signer', endings }),
      journal: wireDb(journal, { actor, label: 'journal', endings }),
      witness: wireWitness(witness, actor),
      chain: wireChain(chain, actor),
    };
    return new Processes(this.#site, wires, of.leases.owner, of.leases);
  }

  /** Something that happens to the installation from outside, as one point. */
  event(name: string, what: string, run: () => unknown): Step {
    return {
      name,
      run: (actor) => actor.pass(what, { run: async () => run(), fail: async () => {} }),
    };
  }

  /** Statements of the owner, each a point and a transaction of its own: what time does to rows. */
  statements(name: string, texts: readonly string[]): Step {
    return {
      name,
      run: async (actor) => {
        const db = wireDb(this.#owners.second, { actor, label: 'owner', endings: this.#endings });
        for (const text of texts) await db.query(`SET session_replication_role = replica; ${text}`);
      },
    };
  }

  /** Rows of the signer's own database, by its owner. */
  async journalRows<Row extends object>(text: string): Promise<Row[]> {
    return (await this.#owners.journal.query(text)).rows as Row[];
  }

  async close(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.end()));
  }
}
