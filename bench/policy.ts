import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { type AssetSettings, Assets, type Settings } from '../src/base/config/index.ts';
import { type Db, inTransaction, openPool } from '../src/base/db/index.ts';
import { type Address, caip19, silentLog, systemClock } from '../src/base/kernel/index.ts';
import { type Handler, postgresTransport } from '../src/base/queue/index.ts';
import { Ledger } from '../src/books/ledger/index.ts';
import {
  activatePolicy,
  decideBatch,
  Policies,
  type PolicySubject,
  policyWorld,
  readPolicy,
  storePolicy,
  tellPolicyFault,
} from '../src/books/policy/index.ts';
import { projectFolder } from '../src/doors/dev/index.ts';
import { DepositService } from '../src/roads/deposit/index.ts';
import { validatorHandlers, WithdrawalService } from '../src/roads/withdrawal/index.ts';
import { cpuSeconds, type Latency, latencyOf, ProcessMeter } from './measure.ts';
import { beginStatements, writeStatements } from './profile.ts';
import { during } from './progress.ts';
import { type Server, Stage } from './stage.ts';

/** Validation in this process, batch after batch; times are those of the step alone. */
export type PolicyRun = {
  withdrawals: number;
  perSecond: number;
  /** Of this process and of PostgreSQL together, a withdrawal. */
  cpuMicros: number;
  /** Of a step of 500, and of its part that decides: windows locked and read, rules judged. */
  batchMs: Latency;
  decisionMs: Latency;
  othersCores: number;
};

export type PolicyResult = {
  rules: number;
  runs: { tiers: PolicyRun; document: PolicyRun }[];
  /** By the document once more, after so many payments of the tenant were charged and paid to so many destinations. */
  filled: { entries: number; document: PolicyRun };
};

const ACCOUNTS = 1_000;
const BATCH = 500;
/** Batches that are only decided: of 40 the p99 was the one slowest. */
const DECIDED = 200;
const DOCUMENT = join(projectFolder(), 'bench/policies/realistic.yaml');

/** By the tiers of the configuration and by the document in turn, in one run on one database. */
export async function measurePolicy(
  server: Server,
  size: { rounds: number; withdrawals: number; entries: number },
  profileDir: string | null,
): Promise<PolicyResult> {
  const stage = await Stage.make(server, {
    name: 'policy',
    lanes: 1,
    window: 64,
    chain: false,
    profileDir: null,
  });
  const db = openPool({ url: stage.databaseUrl, role: 'payonce_app', name: 'bench', max: 10 });
  try {
    const validator = new Validator(stage, db, server.postgres.pid);
    await validator.fund();
    const { version, rules } = await storeDocument(stage, db);
    // Compiled and cached as in a process that has run for a minute: behind fewer, the first run was a third slower.
    for (const ruling of [null, version]) await validator.run(ruling, 20 * BATCH);
    if (profileDir !== null) await beginStatements(stage.owner);
    const runs: PolicyResult['runs'] = [];
    for (let round = 1; round <= size.rounds; round += 1) {
      const tiers = await during(`tiers, run ${round}`, validator.run(null, size.withdrawals));
      const document = await during(
        `document, run ${round}`,
        validator.run(version, size.withdrawals),
      );
      runs.push({ tiers, document });
    }
    if (profileDir !== null) await writeStatements(stage.owner, profileDir, 'policy');
    const { entries } = size;
    await during(`${entries} charges and destinations`, fill(stage, entries));
    const document = await during('document, filled', validator.run(version, size.withdrawals));
    return { rules, runs, filled: { entries, document } };
  } finally {
    await db.end();
    await stage.stop();
  }
}

/** The stage's, and the coin that the document speaks of too. */
function settingsOf(stage: Stage): Settings {
  const settings = stage.settings();
  const [token] = settings.assets;
  const coin = { id: 'ETH', caip19: caip19(token!.chainId, null), address: null, decimals: 18 };
  return { ...settings, assets: [token!, { ...token!, ...coin }] };
}

async function storeDocument(stage: Stage, db: Db): Promise<{ version: string; rules: number }> {
  const document = readFileSync(DOCUMENT, 'utf8');
  const { policy, faults } = readPolicy(document, policyWorld(settingsOf(stage)));
  if (policy === null) throw new Error(faults.map(tellPolicyFault).join('\n'));
  return { version: await storePolicy(db, { document, policy }), rules: policy.rules.length };
}

/** Payments that windows remember, each to a destination of its own, as an installation has them after a while. */
async function fill({ owner, tenantId }: Stage, entries: number): Promise<void> {
  await owner.query(
    `WITH c AS (SELECT counter_id, spends FROM policy_counter WHERE tenant_id = $1 AND dimension = 'destination' LIMIT 1),
      made AS (
        INSERT INTO policy_counter (counter_id, tenant_id, dimension, name, spends)
        SELECT gen_random_uuid(), $1, 'destination', 'filled ' || n, c.spends FROM c, generate_series(1, $2::int) n
        RETURNING counter_id)
    INSERT INTO policy_charge (subject_id, decision_id, tenant_id, amount, at, counter_ids, limit_nos)
    SELECT gen_random_uuid(), gen_random_uuid(), $1, 1, now(), ARRAY[counter_id], ARRAY[1] FROM made`,
    [tenantId, entries],
  );
  await owner.query('VACUUM (ANALYZE) policy_counter, policy_charge');
}

class Validator {
  readonly #db: Db;
  readonly #tenantId: string;
  readonly #asset: AssetSettings;
  readonly #service: WithdrawalService;
  readonly #deposits: DepositService;
  readonly #handler: Handler;
  readonly #postgres: number;
  readonly #policies = new Policies();
  #subject = 0;

  constructor(stage: Stage, db: Db, postgres: number) {
    const settings = settingsOf(stage);
    const ledger = new Ledger(db);
    const assets = new Assets(settings.assets);
    this.#asset = assets.find('USDC')!;
    const context = {
      db,
      ledger,
      assets,
      installationId: randomUUID(),
      policyVersion: settings.policyVersion,
      policies: this.#policies,
      settings,
      log: silentLog,
    };
    this.#db = db;
    this.#tenantId = stage.tenantId;
    this.#postgres = postgres;
    this.#deposits = new DepositService({ db, ledger, assets });
    this.#service = new WithdrawalService({
      ...context,
      clock: systemClock,
      fees: new Map(),
      rules: { assets, lanes: [], now: () => Date.now() },
    });
    this.#handler = validatorHandlers(context).find(
      ({ topic }) => topic === 'withdrawal.requested',
    )!;
  }

  async fund(): Promise<void> {
    for (let n = 0; n < ACCOUNTS; n += 1) {
      await this.#deposits.deposit(this.#tenantId, {
        idempotencyKey: `fund-${n}`,
        correlationId: 'bench',
        body: { account: `a-${n}`, asset: 'USDC', amount: '900000', reference: `fund-${n}` },
      });
    }
  }

  /** Takes in, and then validates; what is measured is the validation. */
  async run(version: string | null, withdrawals: number): Promise<PolicyRun> {
    await inTransaction(this.#db, (sql) => activatePolicy(sql, version));
    for (let from = 0; from < withdrawals; from += 1_000) await this.#submit(from, withdrawals);
    const batches: number[] = [];
    let done = 0;
    const cpu = process.cpuUsage();
    const server = cpuSeconds(this.#postgres, true);
    const meter = new ProcessMeter({
      bench: { pid: process.pid },
      postgres: { pid: this.#postgres, family: true },
    });
    meter.start();
    while (done < withdrawals) {
      const claimed = await postgresTransport.claim(this.#db, 'withdrawal.requested', {
        limit: BATCH,
        leaseMs: 60_000,
      });
      if (claimed.jobs.length === 0) throw new Error(`${done} of ${withdrawals} had a job`);
      const began = performance.now();
      await this.#handler.run(claimed);
      batches.push(performance.now() - began);
      done += claimed.jobs.length;
    }
    const { othersCores } = meter.stop();
    const { user, system } = process.cpuUsage(cpu);
    const spent = user + system + (cpuSeconds(this.#postgres, true) - server) * 1e6;
    await this.#checkAllowed();
    const decisions = version === null ? [] : await this.#decide(DECIDED);
    const seconds = batches.reduce((sum, ms) => sum + ms, 0) / 1_000;
    return {
      withdrawals,
      perSecond: withdrawals / seconds,
      cpuMicros: spent / withdrawals,
      batchMs: latencyOf(batches),
      decisionMs: latencyOf(decisions),
      othersCores,
    };
  }

  /** Batches of 500 decided and undone: what decideBatch takes, whose windows are those of the run before. */
  async #decide(batches: number): Promise<number[]> {
    const times: number[] = [];
    for (let n = 0; n < batches; n += 1) {
      const asked = Array.from({ length: BATCH }, () => ({
        id: randomUUID(),
        subject: this.#nextSubject(),
      }));
      await inTransaction(this.#db, async (sql) => {
        const policy = await this.#policies.forDecisions(sql);
        const began = performance.now();
        const { decisions } = await decideBatch(sql, policy!, asked);
        const made = [...decisions].length;
        times.push(performance.now() - began);
        if (made !== BATCH) throw new Error(`${made} of ${BATCH} were decided`);
      });
    }
    return times;
  }

  #nextSubject(): PolicySubject {
    this.#subject += 1;
    return {
      kind: 'withdrawal',
      tenantId: this.#tenantId,
      tenant: 'bench',
      account: `a-${this.#subject % ACCOUNTS}`,
      asset: this.#asset.caip19,
      amount: 1_500_000n,
      chain: this.#asset.chain,
      wallet: 'bench',
      destination: randomAddress(),
      merchant: null,
      endpoint: null,
      spender: null,
      contract: this.#asset.address,
      method: 'transfer',
      riskScore: null,
      riskCategory: null,
      unscreened: null,
      lookAlike: null,
      knownSince: null,
      configured: null,
    };
  }

  async #submit(from: number, all: number): Promise<void> {
    const requests = Array.from({ length: Math.min(1_000, all - from) }, (_, n) => ({
      idempotencyKey: randomUUID(),
      correlationId: 'bench',
      body: {
        account: `a-${(from + n) % ACCOUNTS}`,
        asset: 'USDC',
        amount: '1.5',
        to: randomAddress(),
      },
    }));
    const verdicts = await this.#service.submit(this.#tenantId, requests);
    const refused = verdicts.find(({ kind }) => kind === 'refused');
    if (refused !== undefined) throw new Error(`refused: ${JSON.stringify(refused)}`);
  }

  async #checkAllowed(): Promise<void> {
    const { rows } = await this.#db.query<{ n: number; why: string | null }>(
      `SELECT count(*)::int AS n, min(failure_message) AS why FROM withdrawal WHERE status <> 'EXECUTING'`,
    );
    if (rows[0]!.n > 0) throw new Error(`${rows[0]!.n} were not allowed: ${rows[0]!.why}`);
  }
}

const randomAddress = () => `0x${randomUUID().replaceAll('-', '')}${'0'.repeat(8)}` as Address;
