import { type EndpointRow, readEndpoints } from '../../base/chain/index.ts';
import {
  type ChainSettings,
  endpointNames,
  quorumOf,
  type Settings,
} from '../../base/config/index.ts';
import { checkSchema, type Db, openPool } from '../../base/db/index.ts';
import { type Clock, checksummed } from '../../base/kernel/index.ts';
import { readSigningFreeze, readStandingFreezes, tellFrozen } from '../../books/freeze/index.ts';
import { readHeads, readLanes } from '../../books/tx/index.ts';

type Checks = Record<string, { ok: boolean; detail: string }>;
type Readiness = { ready: boolean; checks: Checks };

const QUIET_MS = 60_000;
const ANSWER_WITHIN_MS = 2_000;

/**
 * The api role is ready when its database answers and fits: requests are accepted and reserved. What is frozen and
 * what chains do is told and never turns it unready. Tells within two seconds whatever the database does: one that
 * hangs is asked by one look at a time, on a connection of its own that is given up then.
 */
export class ReadinessProbe {
  readonly #settings: Settings;
  readonly #clock: Clock;
  readonly #db: Db;
  #looking: Promise<Readiness> | null = null;

  constructor(settings: Settings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
    this.#db = openPool({
      url: settings.database.url,
      role: 'payonce_app',
      name: 'payonce-api-ready',
      max: 1,
      answerWithinMs: ANSWER_WITHIN_MS,
    });
  }

  async tell(): Promise<Readiness> {
    this.#looking ??= look(this.#db, this.#settings).finally(() => {
      this.#looking = null;
    });
    const told = new AbortController();
    const late = this.#clock
      .sleep(ANSWER_WITHIN_MS, told.signal)
      .then(() => notReachable(`no answer within ${ANSWER_WITHIN_MS / 1_000} s`));
    try {
      return await Promise.race([this.#looking, late]);
    } finally {
      told.abort();
    }
  }

  async stop(): Promise<void> {
    await this.#db.end();
  }
}

const notReachable = (why: string): Readiness => ({
  ready: false,
  checks: { database: { ok: false, detail: `not reachable: ${why}` } },
});

async function look(db: Db, settings: Settings): Promise<Readiness> {
  try {
    const misfit = await checkSchema(db, 'main');
    const checks: Checks = {
      database: { ok: misfit === null, detail: misfit ?? 'reachable, schema fits' },
    };
    if (misfit === null) {
      checks['signing'] = await signingCheck(db);
      checks['freeze'] = await freezeCheck(db);
      Object.assign(checks, await chainChecks(db, settings));
    }
    return { ready: misfit === null, checks };
  } catch (error) {
    // Everybody may read this: its message may name hosts and users.
    const { cause = error } = error as { cause?: unknown };
    const { code } = Object(cause) as { code?: unknown };
    return notReachable(typeof code === 'string' ? code : 'it can not be asked');
  }
}

async function signingCheck(db: Db): Promise<Checks[string]> {
  const freeze = await readSigningFreeze(db);
  if (freeze === null) return { ok: true, detail: 'not frozen' };
  const { code, detail, remedy, at } = freeze;
  const since = at.toISOString();
  return { ok: false, detail: `frozen since ${since} (${code}): ${detail}. What to do: ${remedy}` };
}

/** Everybody may read this: what and since when, nothing of tenants, wallets, who and why. */
async function freezeCheck(db: Db): Promise<Checks[string]> {
  const standing = await readStandingFreezes(db);
  if (standing.length === 0) return { ok: true, detail: 'nothing is frozen' };
  return { ok: false, detail: standing.map(tellFrozen).join('; ') };
}

async function chainChecks(db: Db, settings: Settings): Promise<Checks> {
  const heads = await readHeads(db);
  const checks: Checks = {};
  for (const chain of settings.chains) {
    const head = heads.get(chain.chainId);
    const name = `chain:${chain.id}`;
    if (head === undefined) checks[name] = { ok: false, detail: 'not seen yet' };
    else if (head.haltedReason !== null)
      checks[name] = { ok: false, detail: `halted: ${head.haltedReason}` };
    else {
      const quiet = Date.now() - head.advancedAt.getTime() > QUIET_MS;
      checks[name] = {
        ok: !quiet,
        detail: quiet
          ? `no new block since ${head.advancedAt.toISOString()}`
          : `at block ${head.latest}`,
      };
    }
  }
  return checks;
}

export async function chainsOf(db: Db, settings: Settings, tenantId: string): Promise<unknown[]> {
  const heads = await readHeads(db);
  const lanes = await readLanes(db);
  const rows = await readEndpoints(db);
  return settings.chains.map((chain) => {
    const head = heads.get(chain.chainId);
    const { needed, voters } = quorumOf(chain);
    const endpoints = endpointsOf(
      chain,
      rows.filter((row) => row.chainId === chain.chainId),
    );
    const reached = Math.max(...endpoints.map((endpoint) => endpoint.head ?? 0));
    return {
      id: chain.id,
      chainId: chain.chainId,
      latest: head?.latest ?? null,
      safe: head?.safe ?? null,
      finalized: head?.finalized ?? null,
      halted: head?.haltedReason ?? null,
      reorgs: head?.reorgs ?? 0,
      advancedAt: head?.advancedAt.toISOString() ?? null,
      // What is shown of nodes is up to a minute old: less than nothing is nothing.
      lag: head === undefined ? null : Math.max(0, reached - head.latest),
      quorum: { needed, of: voters.length },
      endpoints,
      lanes: lanes
        .filter((lane) => lane.tenantId === tenantId && lane.chainId === chain.chainId)
        .map((lane) => ({
          address: checksummed(lane.address),
          nextNonce: lane.nextNonce.toString(),
          inFlight: Number(lane.nextNonce - lane.minedNonce),
          paused: lane.pausedReason,
        })),
    };
  });
}

/** As configured, with what the worker that walks the chain has told of them. */
function endpointsOf(chain: ChainSettings, rows: readonly EndpointRow[]) {
  const names = endpointNames(chain.rpc);
  return chain.rpc.map(({ url, roles }, index) => {
    const name = names[index]!;
    const row = rows.find((one) => one.name === name);
    return {
      name,
      host: new URL(url).host,
      roles,
      state: row?.state ?? 'unknown',
      since: row?.since.toISOString() ?? null,
      head: row?.head ?? null,
      lag: row?.lag ?? null,
      latencyMs: row?.latencyMs ?? null,
      errorRate: row?.errorRate ?? null,
      lastError: row?.lastFailure ?? null,
      wrongChainId: row?.wrongChainId ?? null,
      reportedAt: row?.reportedAt.toISOString() ?? null,
    };
  });
}
