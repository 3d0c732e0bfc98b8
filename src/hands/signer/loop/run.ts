import { Listener } from '../../../base/db/index.ts';
import type { SignerContext } from '../answer.ts';
import { runDryJudge } from '../dry/run.ts';
import { Frozen } from '../handshake/handshake.ts';
import { NO_WATERMARK } from '../orders.ts';
import { Debts } from '../sign.ts';
import {
  type Batch,
  signClaimed,
  signLate,
  signOpen,
  takeOverBatch,
  tellWaiting,
} from '../step.ts';
import { Doorbell } from './doorbell.ts';

const BATCH = 1_000;
/** Behind the notifications; the handshake of a signer at rest is looked at as often. */
const POLL_MS = 2_000;
/** Claims are 30 s old when they are taken over; each look reads the orders of the last two minutes. */
const TAKE_OVER_EVERY_MS = 15_000;
/** For signatures under way at the end: without them their orders wait to be taken over. */
const LAST_WAIT_MS = 2_000;
const BACK_OFF_BASE_MS = 100;
const BACK_OFF_CAP_MS = 5_000;

/**
 * Signs until the signal aborts, and then ends after the batch under way. Woken by a notification of
 * new orders, with polling behind it. Never ends by itself: with a database gone it waits with
 * growing, jittered pauses and goes on when it is back.
 */
export async function runSigner(
  context: SignerContext,
  options: { mainUrl: string; signal: AbortSignal },
): Promise<void> {
  const { signal } = options;
  const bell = new Doorbell(context.clock);
  const dryBell = new Doorbell(context.clock);
  const listener = new Listener({
    url: options.mainUrl,
    role: 'payonce_signer',
    name: context.name,
  })
    .on('payonce_signature_request', () => bell.ring())
    .on('payonce_dry_question', () => dryBell.ring());
  signal.addEventListener(
    'abort',
    () => {
      bell.ring();
      dryBell.ring();
    },
    { once: true },
  );
  await listener.start();
  const dry = runDryJudge(context, { bell: dryBell, signal });
  context.log.info({ signer: context.name }, 'the signer is ready');
  const debts = new Debts(() => bell.ring());
  const work = new Work(context, debts, signal);
  for (let failures = 0; !signal.aborted; ) {
    const outcome = await work.once();
    if (outcome === 'failed') {
      failures += 1;
      const highest = Math.min(BACK_OFF_CAP_MS, BACK_OFF_BASE_MS * 2 ** failures);
      await context.clock.sleep(Math.random() * highest, signal);
    } else {
      failures = 0;
      if (outcome !== 'more') await bell.wait(POLL_MS);
    }
  }
  const paid = new AbortController();
  void debts.settled().then(() => paid.abort());
  await context.clock.sleep(LAST_WAIT_MS, paid.signal);
  await signLate(context, debts.take());
  await dry;
  await listener.stop();
}

/** What a running signer remembers: only hints, a crash forgets them without harm. */
class Work {
  readonly #context: SignerContext;
  readonly #debts: Debts;
  readonly #watermark = { floor: NO_WATERMARK };
  #unfinished: string[] = [];
  readonly #stopping: AbortSignal;
  #takeOverAt = 0;

  constructor(context: SignerContext, debts: Debts, stopping: AbortSignal) {
    this.#context = context;
    this.#stopping = stopping;
    this.#debts = debts;
  }

  async once(): Promise<'more' | 'idle' | 'failed'> {
    const context = this.#context;
    try {
      await context.handshake.check();
      const late = await signLate(context, this.#debts.take());
      this.#unfinished.push(...late.unfinished);
      // First what this signer itself left behind when something was not reachable: no 30 s for that.
      if (this.#unfinished.length > 0) {
        this.#keep(await signClaimed(context, this.#unfinished.splice(0)));
        if (this.#unfinished.length > 0) return 'failed';
      }
      const left = await signOpen(context, BATCH, (batch) => {
        this.#keep(batch);
        return this.#unfinished.length === 0 && !this.#stopping.aborted;
      });
      if (this.#unfinished.length > 0) return 'failed';
      if (context.clock.monotonic() >= this.#takeOverAt) {
        this.#keep(await takeOverBatch(context, { limit: BATCH, watermark: this.#watermark }));
        this.#takeOverAt = context.clock.monotonic() + TAKE_OVER_EVERY_MS;
      }
      context.handshake.telling.goesOn();
      return left;
    } catch (error) {
      // Told when it began; what was claimed and not answered is kept for when it has passed.
      if (error instanceof Frozen) return 'idle';
      tellWaiting(context, error, this.#unfinished.length);
      return 'failed';
    }
  }

  #keep({ signed, refused, unfinished, owed }: Batch): void {
    this.#unfinished.push(...unfinished);
    this.#debts.add(owed);
    if (signed + refused > 0) this.#context.log.debug({ signed, refused }, 'answered orders');
  }
}
