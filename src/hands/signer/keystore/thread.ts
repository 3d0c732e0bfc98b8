import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { Signature } from '../../../base/effect/index.ts';
import type { Key } from './key.ts';
import { localKey } from './local.ts';

/** 32 bytes in, r, s and the recovery id out. */
const DIGEST = 32;
const SIGNED = 65;
/** In the place of a recovery id: it could not be signed. */
const FAILED = 0xff;

/** In the order in which they were posted: what was asked for before a key was dropped is signed with it. */
type Told =
  | { hold: number; secret: ArrayBuffer }
  | { drop: number }
  | { keys: Uint32Array; digests: Uint8Array }
  | 'end';

type Asked = {
  key: number;
  digest: Buffer;
  resolve(signature: Signature): void;
  reject(error: Error): void;
};

/**
 * A thread that holds private keys and signs with them, so that a batch is signed while others are read and judged. Keys are
 * moved into it, and it overwrites them itself; it is given digests alone and gives signatures alone. It begins with its
 * first key. Nothing it does should make it die; if it dies, the process does: the keys are gone.
 */
export class SigningThread {
  #worker: Worker | null = null;
  #keys = 0;
  #asked: Asked[] = [];
  readonly #posted: Asked[][] = [];

  /** Takes the key over: the buffer is empty afterwards. Throws Error that does not show it. */
  hold(secret: Buffer): Key {
    const checked = localKey(secret);
    const key = this.#keys++;
    const moved = new ArrayBuffer(secret.length);
    secret.copy(Buffer.from(moved));
    checked.close();
    this.#tell({ hold: key, secret: moved }, [moved]);
    let closed = false;
    return {
      address: checked.address,
      held: true,
      sign: async (digest) => {
        if (closed) throw new Error('the key was given up');
        if (digest.length !== DIGEST) throw new Error(`a digest of ${digest.length} bytes`);
        return this.#sign(key, digest);
      },
      close: () => {
        if (closed) return;
        closed = true;
        // What was asked for before is signed before.
        this.#post();
        this.#tell({ drop: key });
      },
    };
  }

  /** Overwrites the keys after what was asked for, and ends. */
  stop(): void {
    this.#post();
    if (this.#worker !== null) this.#tell('end');
  }

  #sign(key: number, digest: Buffer): Promise<Signature> {
    if (this.#asked.length === 0) queueMicrotask(() => this.#post());
    return new Promise((resolve, reject) => {
      this.#asked.push({ key, digest, resolve, reject });
    });
  }

  /** One message for all that were asked for in one turn. */
  #post(): void {
    if (this.#asked.length === 0) return;
    const asked = this.#asked;
    this.#asked = [];
    const digests = new Uint8Array(DIGEST * asked.length);
    asked.forEach(({ digest }, index) => {
      digests.set(digest, DIGEST * index);
    });
    const keys = Uint32Array.from(asked, ({ key }) => key);
    this.#running().ref();
    this.#posted.push(asked);
    this.#tell({ keys, digests }, [keys.buffer, digests.buffer]);
  }

  #settle(signed: Uint8Array): void {
    const asked = this.#posted.shift() ?? [];
    if (this.#posted.length === 0) this.#worker?.unref();
    const bytes = Buffer.from(signed.buffer);
    asked.forEach(({ resolve, reject }, index) => {
      const at = SIGNED * index;
      const recovery = bytes[at + 64]!;
      if (recovery === FAILED) reject(new Error('the key did not sign'));
      else {
        const [r, s] = [bytes.subarray(at, at + 32), bytes.subarray(at + 32, at + 64)];
        resolve({ r, s, yParity: recovery === 0 ? 0 : 1 });
      }
    });
  }

  #tell(told: Told, moved: ArrayBuffer[] = []): void {
    this.#running().postMessage(told, moved);
  }

  #running(): Worker {
    if (this.#worker !== null) return this.#worker;
    const secp256k1 = createRequire(import.meta.url).resolve('secp256k1');
    const program = `(${inThread})(${JSON.stringify({ DIGEST, SIGNED, FAILED })})`;
    // Neither passwords of the environment nor flags that profile the process.
    const bare = { env: {}, execArgv: [] };
    const worker = new Worker(program, { ...bare, eval: true, workerData: { secp256k1 } });
    worker.on('message', (signed: Uint8Array) => this.#settle(signed));
    // What is waited for keeps the process; keys that only lie there do not.
    worker.unref();
    this.#worker = worker;
    return worker;
  }
}

/** The thread's program, handed over as its text: it may name nothing that is outside of it. */
function inThread({ DIGEST, SIGNED, FAILED }: { DIGEST: number; SIGNED: number; FAILED: number }) {
  const { parentPort, workerData } = require('node:worker_threads');
  const secp256k1 = require(workerData.secp256k1);
  const held = new Map<number, Uint8Array>();
  const drop = (key: number) => {
    held.get(key)?.fill(0);
    held.delete(key);
  };
  parentPort.on('message', (told: Told) => {
    if (told === 'end') {
      for (const key of held.keys()) drop(key);
      parentPort.close();
    } else if ('hold' in told) held.set(told.hold, new Uint8Array(told.secret));
    else if ('drop' in told) drop(told.drop);
    else {
      const signed = new Uint8Array(SIGNED * told.keys.length);
      told.keys.forEach((key, index) => {
        const output = signed.subarray(SIGNED * index, SIGNED * index + 64);
        const digest = told.digests.subarray(DIGEST * index, DIGEST * (index + 1));
        let recovery = FAILED;
        try {
          // libsecp256k1: RFC 6979 nonces and low s, so the same digest gives the same signature.
          recovery = secp256k1.ecdsaSign(digest, held.get(key), {}, output).recid;
        } catch {}
        signed[SIGNED * index + 64] = recovery;
      });
      parentPort.postMessage(signed, [signed.buffer]);
    }
  });
}
