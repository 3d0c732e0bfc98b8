import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { guard, release } from '../test/support/guard.ts';

type Reply<Result> = { result: Result } | { error: string };

/** In a child: answers each order of the parent, one at a time, and ends with the parent. */
export function serve<Order, Result>(work: (order: Order) => Promise<Result>): void {
  process.on('message', (order) => {
    work(order as Order).then(
      (result) => process.send?.({ result }),
      (error: Error) => process.send?.({ error: error.message }),
    );
  });
  process.on('disconnect', () => process.exit(0));
  // The terminal's Ctrl-C reaches the whole group; the parent ends its children itself.
  process.on('SIGINT', () => {});
}

/** A helper process of the bench, so that what it costs is told apart from what is measured. */
export class Child<Order extends object, Result> {
  readonly #process: ChildProcess;
  readonly pid: number;

  /** `file`: a compiled module of this folder that calls serve(). */
  constructor(file: string) {
    this.#process = fork(fileURLToPath(new URL(file, import.meta.url)), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.pid = this.#process.pid!;
    guard(this.pid);
  }

  ask(order: Order): Promise<Result> {
    return new Promise((resolve, reject) => {
      const gone = () => reject(new Error(`process ${this.pid} of the bench ended`));
      this.#process.once('exit', gone);
      this.#process.once('message', (message) => {
        this.#process.off('exit', gone);
        const reply = message as Reply<Result>;
        if ('error' in reply) reject(new Error(reply.error));
        else resolve(reply.result);
      });
      this.#process.send(order);
    });
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const gone = new Promise((resolve) => this.#process.once('exit', resolve));
      this.#process.kill('SIGKILL');
      await gone;
    }
    release(this.pid);
  }
}
