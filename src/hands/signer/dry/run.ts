import { messageOf } from '../../../base/kernel/index.ts';
import type { SignerContext } from '../answer.ts';
import type { Doorbell } from '../loop/doorbell.ts';
import { rulesTell } from './answers.ts';
import { judgeQuestions } from './judge.ts';

const BATCH = 500;
/** Behind the notifications, and for what waited. */
const POLL_MS = 2_000;
const TELL_EVERY_MS = 60_000;
const BACK_OFF_BASE_MS = 100;
const BACK_OFF_CAP_MS = 5_000;

/**
 * Answers questions until the signal aborts, apart from orders: neither waits for the other. None while signing is frozen,
 * since what the journal or the main database say may be old. Looks at the clock every minute, so that one that is
 * wrong is told before it is needed. Never ends by itself.
 */
export async function runDryJudge(
  context: SignerContext,
  { bell, signal }: { bell: Doorbell; signal: AbortSignal },
): Promise<void> {
  const { clock, handshake, log, main, rules, time } = context;
  let tellAt = 0;
  for (let failures = 0; !signal.aborted; ) {
    try {
      if (clock.monotonic() >= tellAt) {
        await rulesTell(main, rules.digest);
        await time.now();
        tellAt = clock.monotonic() + TELL_EVERY_MS;
      }
      const { more } = handshake.frozen ? { more: false } : await judgeQuestions(context, BATCH);
      failures = 0;
      if (!more) await bell.wait(POLL_MS);
    } catch (error) {
      failures += 1;
      log.warn({ error: messageOf(error) }, 'dry verdicts wait');
      const highest = Math.min(BACK_OFF_CAP_MS, BACK_OFF_BASE_MS * 2 ** failures);
      await clock.sleep(Math.random() * highest, signal);
    }
  }
}
