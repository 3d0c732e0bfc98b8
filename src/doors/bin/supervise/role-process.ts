import { type ChildProcess, spawn } from 'node:child_process';
import { type Clock, ConfigurationError, Transient } from '../../../base/kernel/index.ts';
import { type ProcessIdentity, startTimeOf } from '../../dev/index.ts';
import { NODE_FLAGS } from '../node-flags.ts';
import type { Orders } from '../roles/role.ts';
import { RestartDelays, tellDelay } from './restart-delays.ts';
import { LogFile } from './state/log-file.ts';

type RoleProcessOptions = {
  name: string;
  /** The compiled program. */
  file: string;
  env: NodeJS.ProcessEnv;
  /**
   * What each process of it is told, as soon as that is known; until then it is held. `port`: the one that it
   * served on before, which it must have again.
   */
  orders: (port: number | null) => Promise<Orders>;
  logFile: string;
  clock: Clock;
  say(line: string): void;
  /** Its pid came, went or became another. */
  changed(): void;
  /** A process that was not told to end is gone. */
  died(pid: number): void;
};

/** What a child says over IPC. */
type Message =
  | { type: 'ready'; port?: number }
  | { type: 'failed'; message: string }
  /** Something that a person has to know now, such as frozen signing. */
  | { type: 'say'; line: string };
/** Who waits for the first readiness; only the first call counts. */
type First = { ready(): void; failed(message: string): void };
type End = { how: string; failed: string | null; healthyMs: number };

const READY_WITHIN_MS = 60_000;

/**
 * One process of ours, kept alive from start() to stop(). It has a process group of its own, so that
 * Ctrl-C at the terminal reaches the supervisor alone, which ends the processes in their order.
 */
export class RoleProcess {
  readonly #options: RoleProcessOptions;
  readonly #log: LogFile;
  readonly #delays = new RestartDelays();
  readonly #stopping = new AbortController();
  #child: ChildProcess | null = null;
  #identity: ProcessIdentity | null = null;
  #port: number | null = null;
  #kept: Promise<void> = Promise.resolve();

  constructor(options: RoleProcessOptions) {
    this.#options = options;
    this.#log = new LogFile(options.logFile);
  }

  /** Null while it is not there. */
  get identity(): ProcessIdentity | null {
    return this.#identity;
  }

  /** Where it serves; null before it has said so. */
  get port(): number | null {
    return this.#port;
  }

  /**
   * Resolves when it is ready for the first time. Throws ConfigurationError with what it says of its
   * configuration, Transient when it was not ready in time after its orders, or these can not be had; from then
   * on it is not kept.
   */
  async start(): Promise<void> {
    const { name, clock } = this.#options;
    let settle: First & { ended(): void } = {
      ready: () => {},
      failed: () => {},
      ended: () => {},
    };
    const first = new Promise<void>((resolve, reject) => {
      settle = {
        ready: resolve,
        failed: (message) => reject(new ConfigurationError(message)),
        ended: () => reject(new Transient(`${name} was ended before it was ready`)),
      };
    });
    this.#kept = this.#keep(settle).then(() => settle.ended());
    const timer = new AbortController();
    const late = this.#options.orders(null).then(async () => {
      await clock.sleep(READY_WITHIN_MS, timer.signal);
      if (timer.signal.aborted) return first;
      const words = this.#log.lastWords() ?? 'it said nothing';
      throw new Transient(
        `${name} was not ready within ${READY_WITHIN_MS / 1_000} s: ${words} (log: ${this.#log.path})`,
      );
    });
    try {
      await Promise.race([first, late]);
    } catch (error) {
      await this.stop(0);
      throw error;
    } finally {
      timer.abort();
      late.catch(() => {});
    }
  }

  /** Ends it by SIGTERM, and by SIGKILL after `graceMs`. Resolves when it is gone. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    const child = this.#child;
    child?.kill(graceMs > 0 ? 'SIGTERM' : 'SIGKILL');
    const kill = setTimeout(() => child?.kill('SIGKILL'), graceMs);
    await this.#kept;
    clearTimeout(kill);
    this.#log.close();
  }

  /** At once and without waiting; for the end of the supervisor's own time. */
  kill(): void {
    this.#stopping.abort();
    this.#child?.kill('SIGKILL');
  }

  async #keep(first: First): Promise<void> {
    const { name, clock, say } = this.#options;
    const { signal } = this.#stopping;
    let wasReady = false;
    while (!signal.aborted) {
      const pid = () => this.#identity?.pid ?? null;
      let lastPid: number | null = null;
      const end = await this.#runOnce(
        () => {
          wasReady = true;
          first.ready();
        },
        () => {
          lastPid = pid();
        },
      );
      if (signal.aborted) return;
      // A configuration that it refuses at the start is the user's to mend; later it was good once.
      if (end.failed !== null && !wasReady) return first.failed(end.failed);
      if (lastPid !== null) this.#options.died(lastPid);
      const delay = this.#delays.next(end.healthyMs);
      const words = end.failed ?? this.#log.lastWords();
      const why = words === null ? '' : `; it said: ${words}`;
      say(`! ${name} (pid ${lastPid ?? '-'}) died (${end.how}), ${tellDelay(delay)}${why}`);
      if (delay > 0) await clock.sleep(delay, signal);
    }
  }

  #runOnce(onReady: () => void, onSpawn: () => void): Promise<End> {
    const { file, orders, env, clock, changed } = this.#options;
    this.#log.forget();
    const child = spawn(process.execPath, [...NODE_FLAGS, file, '--held'], {
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    this.#child = child;
    let failed: string | null = null;
    let readyAt: number | null = null;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => this.#log.write(chunk));
    }
    child.on('message', (message: Message) => {
      if (message.type === 'failed') failed = message.message;
      if (message.type === 'say') this.#options.say(`! ${this.#options.name}: ${message.line}`);
      if (message.type !== 'ready') return;
      readyAt ??= clock.monotonic();
      this.#port = message.port ?? this.#port;
      onReady();
    });
    if (child.pid !== undefined) {
      this.#identity = { pid: child.pid, startTime: startTimeOf(child.pid) ?? '' };
      onSpawn();
      changed();
    }
    orders(this.#port).then(
      (message) => child.connected && child.send(message, () => {}),
      () => {},
    );
    return new Promise((resolve) => {
      const done = (how: string) => {
        this.#child = null;
        this.#identity = null;
        const healthyMs = readyAt === null ? 0 : clock.monotonic() - readyAt;
        if (!this.#stopping.signal.aborted) changed();
        resolve({ how, failed, healthyMs });
      };
      child.once('error', (error) => {
        // A spawned process that can not be signalled still ends by 'close'.
        if (child.pid === undefined) done(error.message);
      });
      child.once('close', (code, signal) => done(signal ?? `exit code ${code}`));
    });
  }
}
