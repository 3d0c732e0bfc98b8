import type { SendAnswer } from '../../base/chain/index.ts';

/**
 * What to do after one answer to one send.
 * `accepted`: done, the tracker takes over. `watch`: nothing to send now; the chain decides, and what it does
 * not take is sent again later. `again`: the same bytes once more, by back-off. `hold`: waits for something
 * else than this transaction. `pause`: hold, and the lane gives no more slots. `close`: stop sending
 * the effect and close its slot by the filler.
 */
export type SendAction =
  | { kind: 'accepted' }
  | { kind: 'watch' }
  | { kind: 'again' }
  | { kind: 'hold'; delayMs: number }
  | { kind: 'pause'; delayMs: number; reason: string }
  | { kind: 'close' };

export function decideSend(
  answer: SendAnswer['class'],
  attempt: { kind: 'effect' | 'filler' },
): SendAction {
  switch (answer) {
    case 'accepted':
    case 'already_known':
      return { kind: 'accepted' };
    // One of our own hashes may have used it: only the chain tells, and never a new nonce on this alone.
    case 'nonce_used':
    // The chain asks more, or another attempt of the slot stands in its pool: the bytes go again with the
    // next round of those, and the slot bids more when blocks pass it over.
    case 'underpriced':
    case 'other_holds_nonce':
      return { kind: 'watch' };
    case 'gap':
      return { kind: 'hold', delayMs: 1_000 };
    case 'pool_full':
    case 'type_clash':
    case 'fee_cap':
      return { kind: 'hold', delayMs: 5_000 };
    case 'funds':
      return { kind: 'pause', delayMs: 5_000, reason: 'funds' };
    case 'refused':
      return attempt.kind === 'effect' ? { kind: 'close' } : { kind: 'hold', delayMs: 30_000 };
    // Possibly sent. The same bytes again can not pay twice.
    case 'unknown':
      return { kind: 'again' };
    default: {
      const never: never = answer;
      throw new Error(`unknown class ${never}`);
    }
  }
}
