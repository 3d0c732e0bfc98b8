import { resolve } from 'node:path';
import type { Settings } from '../../../base/config/index.ts';
import { type Clock, Transient } from '../../../base/kernel/index.ts';
import { ROLES } from '../../../books/access/index.ts';
import { ApiClient, type Role } from '../../cli/index.ts';
import { claimInstance, removeDevFile, writeDevFile } from '../../dev/index.ts';
import { invitationUrl, localOrigin } from '../../public-url.ts';
import { ensureFirstAdmin } from './access.ts';
import { judgeDatabases } from './configuration.ts';
import { DEMO_ORDER, runDemo } from './demo.ts';
import { Installation, type StartOptions } from './installation.ts';
import { RoleProcess } from './role-process.ts';
import { devFileOf, localUrl } from './state/dev-file.ts';
import { beginAnew, endLeftovers } from './state/leftovers.ts';
import { readState, writeState } from './state/state-files.ts';
import type { Terminal } from './terminal.ts';

type SuperviseContext = {
  env: NodeJS.ProcessEnv;
  terminal: Terminal;
  clock: Clock;
  /** Aborts when the installation is to end (Ctrl-C). */
  signal: AbortSignal;
  /** The compiled program of a role. */
  fileOf(role: Role): string;
  /** Takes the lanes of the settings into the books; one line for each that was new. */
  adoptLanes(settings: Settings): Promise<string[]>;
};

/** All that may take its time must be over by now: a clean end takes at most 10 s. */
const STOP_WITHIN_MS = 9_000;
const GRACE_MS = { api: 3_000, worker: 2_500, signer: 2_500 } as const;
/** The order of start; the API comes last, so that what it accepts is worked on. */
const ORDER: readonly Role[] = ['signer', 'worker', 'api'];

/** Another start holds the state folder. */
class AlreadyRunning extends Transient {}

/**
 * The local installation from start to end. run() resolves when it was told to end and everything is
 * down; it throws, with everything down as well, when it can not start or can not go on. Killed, it
 * leaves what the next start takes over.
 */
export class Supervisor {
  readonly #options: StartOptions;
  readonly #context: SuperviseContext;
  readonly #roles = new Map<Role, RoleProcess>();
  /** Aborts at the end, whoever wants it. */
  readonly #ended = new AbortController();
  #fatal: { error: unknown } | null = null;
  #installation: Installation | null = null;
  #ready = false;

  constructor(options: StartOptions, context: SuperviseContext) {
    this.#options = { ...options, stateDir: resolve(options.stateDir) };
    this.#context = context;
    const end = () => this.#ended.abort();
    if (context.signal.aborted) end();
    else context.signal.addEventListener('abort', end, { once: true });
  }

  async run(): Promise<void> {
    const { stateDir, config } = this.#options;
    // Before anything is touched: a file with faults starts nothing.
    const named = judgeDatabases(this.#context.env, config);
    const { instance, running } = claimInstance(stateDir);
    if (instance === null) {
      const { pid, apiUrl } = running;
      const where = apiUrl === null ? 'which is still starting' : `which serves ${apiUrl}`;
      throw new AlreadyRunning(
        `${stateDir} is in use by pid ${pid}, ${where}: use that one, end it, or choose another --state-dir`,
      );
    }
    try {
      await this.#start(named);
      await aborted(this.#ended.signal);
    } catch (error) {
      // What fails because it was told to end is no failure.
      if (!this.#ended.signal.aborted) this.#fatal = { error };
    } finally {
      await this.#stop();
      instance.release();
    }
    if (this.#fatal !== null) throw this.#fatal.error;
  }

  async #start(named: ReturnType<typeof judgeDatabases>): Promise<void> {
    const { stateDir, fresh, demo, config, roles } = this.#options;
    const { terminal } = this.#context;
    terminal.say(`payonce starts in ${stateDir}`);
    const dead = await endLeftovers(stateDir);
    if (fresh) await beginAnew(stateDir, named !== null, terminal);
    const installation = new Installation(this.#options, {
      ...this.#context,
      ended: this.#ended.signal,
      changed: () => this.#writeDevFile(),
      fatal: (error) => {
        this.#fatal = { error };
        this.#ended.abort();
      },
    });
    this.#installation = installation;
    const prepared = installation.prepare(named).then(() => installation.releaseLeasesOf(dead));
    // Their programs are loaded while the database recovers and the chain starts.
    const started = this.#startRoles(installation, prepared);
    started.catch(() => {});
    await prepared;
    await this.#untilReady(started);
    this.#ready = true;
    this.#writeDevFile();
    const whole = ORDER.every((role) => roles.includes(role));
    const shown = demo && config === null && whole;
    if (shown) await this.#showDemo(installation);
    const link = await this.#linkOfFirstAdmin(installation);
    if (!this.#ended.signal.aborted) this.#sayReady(installation, shown, link);
  }

  /** Each is told what it is to do when all is prepared. */
  #startRoles(installation: Installation, prepared: Promise<void>): Promise<unknown> {
    const { terminal, clock, fileOf } = this.#context;
    for (const role of ORDER.filter((name) => this.#options.roles.includes(name))) {
      const process = new RoleProcess({
        name: role,
        file: fileOf(role),
        env: installation.environmentOf(role),
        orders: (port) => prepared.then(() => installation.ordersOf(role, port)),
        logFile: installation.logOf(role),
        clock,
        say: (line) => terminal.say(line),
        changed: () => this.#writeDevFile(),
        died: (pid) =>
          void prepared.then(
            () => installation.releaseLeasesOf([pid]),
            () => {},
          ),
      });
      this.#roles.set(role, process);
    }
    return Promise.all([...this.#roles.values()].map((role) => role.start()));
  }

  async #untilReady(started: Promise<unknown>): Promise<void> {
    const wanted = [...this.#roles.keys()];
    await this.#context.terminal.step(
      `starting ${wanted.join(', ')}`,
      () => this.#untilEnded(started),
      () => `${wanted.join(', ')} run${wanted.includes('api') ? `, ${this.#apiUrl()}` : ''}`,
    );
  }

  /** A wait that the end cuts short. */
  async #untilEnded(work: Promise<unknown>): Promise<void> {
    work.catch(() => {});
    await Promise.race([work, aborted(this.#ended.signal)]);
    this.#ended.signal.throwIfAborted();
  }

  #apiUrl(): string {
    const { host, port } = this.#installation!.http();
    return localUrl(host, this.#roles.get('api')?.port ?? port);
  }

  async #showDemo(installation: Installation): Promise<void> {
    const { terminal, clock } = this.#context;
    const client = new ApiClient({ url: this.#apiUrl(), apiKey: installation.keys.apiKey });
    const say = (line: string) => terminal.say(line);
    await runDemo({ client, clock, signal: this.#ended.signal, say });
  }

  /** On the terminal alone: it stands in no file and no log. */
  async #linkOfFirstAdmin(installation: Installation): Promise<string | null> {
    if (!this.#options.roles.includes('api')) return null;
    const { databases, settings } = installation;
    const tenants = settings.lanes.map(({ tenant }) => tenant);
    // On a development machine one person plays every part.
    const roles = this.#options.config === null ? ROLES : (['security-admin'] as const);
    const token = await ensureFirstAdmin(databases.url, tenants, roles);
    return token === null ? null : invitationUrl(this.#origin(), token);
  }

  #origin(): string {
    const installation = this.#installation!;
    const { port } = new URL(this.#apiUrl());
    return installation.settings.http.publicUrl ?? localOrigin(Number(port));
  }

  #sayReady(installation: Installation, shown: boolean, link: string | null): void {
    const { terminal } = this.#context;
    const { apiKey } = installation.keys;
    const url = this.#apiUrl();
    terminal.say('');
    if (this.#options.roles.includes('api')) {
      terminal.say(`  API      ${url}`);
      terminal.say(`  docs     ${url}/docs`);
      terminal.say(`  health   ${url}/readyz`);
      terminal.say(`  console  ${this.#origin()}/console/access`);
    }
    terminal.say(`  keys     ${this.#options.stateDir}/dev.json`);
    if (installation.settings.x402.merchants.length > 0) terminal.say(`  x402     ${url}/x402`);
    // Where it is not a development installation, what is said here is kept in logs: no key.
    if (this.#options.roles.includes('api') && this.#options.config === null) {
      const bearer = `-H 'Authorization: Bearer ${apiKey}'`;
      // Alice has money only when the demonstration gave her some.
      const order = `-H "Idempotency-Key: $(date +%s%N)" -H 'Content-Type: application/json' -d '${JSON.stringify(DEMO_ORDER)}'`;
      terminal.say('');
      terminal.say(`curl -sS ${url}/v1/withdrawals ${bearer}${shown ? ` ${order}` : ''}`);
    }
    if (link !== null) {
      terminal.say('');
      terminal.say('The first security-admin registers a passkey here, once, within 24 hours:');
      terminal.say(`  ${link}`);
    }
    terminal.say('');
    terminal.say('Ctrl-C stops everything');
  }

  #writeDevFile(): void {
    const installation = this.#installation;
    if (installation === null) return;
    const { stateDir } = this.#options;
    const identities = [...this.#roles.values()].flatMap(({ identity }) => identity ?? []);
    writeState(stateDir, 'processes', identities);
    if (!this.#ready) return;
    const pidsOf = (role: Role) => {
      const identity = this.#roles.get(role)?.identity;
      return identity ? [identity.pid] : [];
    };
    const { databases, keys, settings, configFile } = installation;
    const pids = {
      supervisor: process.pid,
      api: pidsOf('api'),
      worker: pidsOf('worker'),
      signer: pidsOf('signer'),
      ...installation.serverPids(),
    };
    const consoleUrl = this.#options.roles.includes('api')
      ? `${this.#origin()}/console/access`
      : null;
    const running = {
      apiUrl: this.#apiUrl(),
      consoleUrl,
      databases,
      keys,
      settings,
      configFile,
      pids,
    };
    writeDevFile(stateDir, devFileOf(running));
  }

  /** In order: no new requests, no new work, then what both stand on. */
  async #stop(): Promise<void> {
    const { terminal, clock } = this.#context;
    const { stateDir } = this.#options;
    this.#ended.abort();
    terminal.say('stopping …');
    const orderly = async () => {
      await this.#installation?.stopKeeping();
      await this.#roles.get('api')?.stop(GRACE_MS.api);
      await Promise.all(
        (['worker', 'signer'] as const).map((role) => this.#roles.get(role)?.stop(GRACE_MS[role])),
      );
      await this.#installation?.stopServers();
      return true;
    };
    const late = new AbortController();
    const inTime = await Promise.race([
      orderly().catch(() => false),
      clock.sleep(STOP_WITHIN_MS, late.signal).then(() => false),
    ]);
    late.abort();
    if (!inTime) {
      for (const role of this.#roles.values()) role.kill();
      this.#installation?.killServers();
    }
    this.#ready = false;
    removeDevFile(stateDir);
    if (readState(stateDir, 'processes') !== null) writeState(stateDir, 'processes', []);
    terminal.say('stopped');
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((done) => signal.addEventListener('abort', () => done(), { once: true }));
}
