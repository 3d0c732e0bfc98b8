import { type Clock, type Log, messageOf } from '../../../base/kernel/index.ts';
import { type RootSigner, signRoots } from './roots.ts';

/** Blocks are sealed every five seconds at most, and nobody waits for a root. */
const POLL_MS = 3_000;
const BACK_OFF_CAP_MS = 30_000;

/**
 * Signs audit blocks until the signal aborts, apart from orders: neither waits for the other. Never ends by itself:
 * with a database gone it waits with growing, jittered pauses.
 */
export async function runRootSigner(
  signer: RootSigner & { clock: Clock; log: Log },
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted; ) {
    try {
      const signed = await signRoots(signer);
      failures = 0;
      if (signed > 0) signer.log.debug({ blocks: signed }, 'signed audit blocks');
      else await signer.clock.sleep(POLL_MS, signal);
    } catch (error) {
      failures += 1;
      signer.log.warn({ error: messageOf(error) }, 'signing of audit blocks waits');
      const highest = Math.min(BACK_OFF_CAP_MS, POLL_MS * 2 ** failures);
      await signer.clock.sleep(Math.random() * highest, signal);
    }
  }
}
