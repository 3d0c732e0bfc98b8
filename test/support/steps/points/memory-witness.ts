import { Transient } from '../../../../src/base/kernel/index.ts';
import type { Witness } from '../../../../src/hands/signer/index.ts';
import type { Actor } from './actor.ts';

type Seal = Parameters<Witness['write']>[0];

/** A witness that a test can put back; never goes down by itself, as its kind must not. */
export class MemoryWitness implements Witness {
  readonly where = 'the memory of a test';
  seal: Seal | null = null;

  async read(): Promise<Seal | null> {
    return this.seal;
  }

  async write(seal: Seal): Promise<void> {
    const { seal: standing } = this;
    const begins = seal.height === 0n && (standing?.height ?? 0n) === 0n;
    if (begins || standing === null || standing.height < seal.height) this.seal = seal;
    else if (standing.height === seal.height && standing.hash !== seal.hash) {
      throw new Transient(`the witness has another hash for batch ${seal.height}`);
    }
  }
}

/** The witness as an actor sees it: every look and every write is a point. */
export function wireWitness(witness: Witness, actor: Actor): Witness {
  const lost = () => Promise.reject(new Transient('the witness can not be reached'));
  return {
    where: witness.where,
    read: () => actor.pass('witness read', { run: () => witness.read(), fail: lost }),
    write: (seal) => actor.pass('witness write', { run: () => witness.write(seal), fail: lost }),
  };
}
