import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Component, onInstallation } from '../test/support/processes.ts';
import { cpuSeconds, type Latency, latencyOf, ProcessMeter } from './measure.ts';
import { during, say } from './progress.ts';

export const IDLE_PARTS = ['supervisor', 'api', 'worker', 'signer', 'postgres', 'anvil'] as const;

export type IdleRun = {
  /** Per cent of one core, by process; PostgreSQL with its sessions. */
  cpuPercent: Record<string, number>;
  /** From accepted to accepted by the node, of withdrawals a second apart. */
  broadcastMs: Latency;
  othersCores: number;
};

export type IdleResult = { runs: IdleRun[]; seconds: number; withdrawals: number };

type IdleSize = { rounds: number; seconds: number; withdrawals: number };

/** The chain makes blocks until the last payment is final, and the roles follow it. */
const AT_REST_AFTER_MS = 20_000;
/** Compiled as in a process that has run for a while. */
const WARM_UP = 10;

/** An installation of `npm start`, with all its processes: what it costs at rest, and how soon it is awake. */
export async function measureIdle(size: IdleSize): Promise<IdleResult> {
  const { seconds, withdrawals } = size;
  const runs = await onInstallation(async (on) => {
    const client = new Client(on.dev.apiUrl, on.dev.apiKey);
    await client.deposit();
    await during('warm-up', oneByOne(client, WARM_UP));
    const measured: IdleRun[] = [];
    for (let round = 1; round <= size.rounds; round += 1) {
      const taken = await during(
        `${withdrawals} withdrawals, one by one`,
        oneByOne(client, withdrawals),
      );
      await during('coming to rest', sleep(AT_REST_AFTER_MS));
      const pids = IDLE_PARTS.map((part) => pidOf(part, on.identityOf(part)));
      const used = await during(`idle for ${seconds} s`, cpuPercents(pids, seconds));
      measured.push({ ...used, broadcastMs: latencyOf(taken) });
      const total = Object.values(used.cpuPercent).reduce((sum, part) => sum + part, 0);
      say(
        `idle, round ${round}: ${total.toFixed(2)} % of a core, to broadcast at most ${Math.max(...taken).toFixed(0)} ms`,
      );
    }
    return measured;
  });
  return { runs, seconds, withdrawals };
}

function pidOf(
  part: Component,
  identity: { pid: number } | null,
): { part: Component; pid: number } {
  if (identity === null) throw new Error(`${part} is not running`);
  return { part, pid: identity.pid };
}

async function cpuPercents(
  pids: readonly { part: Component; pid: number }[],
  seconds: number,
): Promise<Pick<IdleRun, 'cpuPercent' | 'othersCores'>> {
  const look = () =>
    new Map(pids.map(({ part, pid }) => [part, cpuSeconds(pid, part === 'postgres')]));
  const watched = Object.fromEntries(
    pids.map(({ part, pid }) => [part, { pid, family: part === 'postgres' }]),
  );
  const meter = new ProcessMeter(watched);
  meter.start();
  const before = look();
  const begun = performance.now();
  await sleep(seconds * 1_000);
  const after = look();
  const elapsed = (performance.now() - begun) / 1_000;
  const { othersCores } = meter.stop();
  const cpuPercent = Object.fromEntries(
    [...after].map(([part, used]) => [part, (100 * (used - before.get(part)!)) / elapsed]),
  );
  return { cpuPercent, othersCores };
}

/** One a second; ms from accepted to accepted by the node, as the API tells both. */
async function oneByOne(client: Client, count: number): Promise<number[]> {
  const taken: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const [ms] = await Promise.all([client.withdraw(), sleep(1_000)]);
    taken.push(ms);
  }
  return taken;
}

type View = { id: string; createdAt: string; attempts: { acceptedAt: string | null }[] };

class Client {
  readonly #url: string;
  readonly #apiKey: string;

  constructor(url: string, apiKey: string) {
    this.#url = url;
    this.#apiKey = apiKey;
  }

  async deposit(): Promise<void> {
    const order = { account: 'idle', asset: 'USDC', amount: '100000', reference: 'idle' };
    await this.#ask('POST', '/v1/deposits', order);
  }

  async withdraw(): Promise<number> {
    const to = `0x1d1e${randomUUID().replaceAll('-', '').padStart(36, '0')}`;
    const order = { account: 'idle', asset: 'USDC', amount: '1', to };
    const { id } = await this.#ask<View>('POST', '/v1/withdrawals', order);
    const view = await this.#ask<View>(
      'GET',
      `/v1/withdrawals/${id}?waitFor=BROADCASTED&timeoutMs=10000`,
    );
    const accepted = view.attempts[0]?.acceptedAt;
    if (accepted === undefined || accepted === null) {
      throw new Error(`withdrawal ${id} was not broadcast within 10 s`);
    }
    return Date.parse(accepted) - Date.parse(view.createdAt);
  }

  async #ask<Body>(method: string, path: string, body?: object): Promise<Body> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#apiKey}`,
        'content-type': 'application/json',
        'idempotency-key': randomUUID(),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Body;
  }
}
