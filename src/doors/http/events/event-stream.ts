import type { ServerResponse } from 'node:http';
import type { EventView } from './event-view.ts';

/** What one stream reads from. */
export type Feed = {
  /** The place to go on behind, and the page read there already. */
  start: { position: bigint; events: EventView[] };
  next(after: bigint): Promise<EventView[]>;
  pageSize: number;
  frame(event: EventView): string;
  onEvents(callback: () => void): () => void;
  /** False once the key was revoked: the stream ends. */
  allowed(): Promise<boolean>;
};

export type StreamTiming = {
  /** A comment this often keeps proxies from closing a quiet stream. */
  heartbeatMs: number;
  /** Behind the wake-ups, which may be lost with their connection. */
  pollMs: number;
};

/** Waits for a ring or the time-out; a ring that came while nobody waited is not lost. */
class Bell {
  #rung = false;
  #wake: (() => void) | null = null;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  async wait(timeoutMs: number): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#wake = null;
    this.#rung = false;
  }
}

/**
 * Writes events until the signal aborts (client gone, server ending) or the key is revoked, and ends
 * the response. Reads a next page only when the client has taken the last one.
 */
export async function streamEvents(
  feed: Feed,
  to: {
    response: ServerResponse;
    signal: AbortSignal;
    correlationId: string;
    timing: StreamTiming;
  },
): Promise<void> {
  const { response, signal, timing } = to;
  const bell = new Bell();
  const ring = () => bell.ring();
  const unsubscribe = feed.onEvents(ring);
  signal.addEventListener('abort', ring);
  try {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'correlation-id': to.correlationId,
      'x-content-type-options': 'nosniff',
      'x-accel-buffering': 'no',
      // The end of a stream ends its connection, so that a shutdown need not wait for it.
      connection: 'close',
    });
    response.write('retry: 1000\n\n');
    let { position, events } = feed.start;
    let written = performance.now();
    while (!signal.aborted) {
      if (events.length > 0) {
        position = events.at(-1)!.position;
        await write(response, events.map(feed.frame).join(''), signal);
        written = performance.now();
      }
      if (events.length < feed.pageSize) {
        const quiet = performance.now() - written;
        await bell.wait(Math.max(0, Math.min(timing.pollMs, timing.heartbeatMs - quiet)));
      }
      // Also between full pages: who catches up, or takes them slowly, may do so for hours.
      if (signal.aborted || !(await feed.allowed())) break;
      if (performance.now() - written >= timing.heartbeatMs) {
        await write(response, ': heartbeat\n\n', signal);
        written = performance.now();
      }
      events = await feed.next(position);
    }
  } finally {
    unsubscribe();
    signal.removeEventListener('abort', ring);
    response.end();
  }
}

/** Resolves when the client has taken it, or is gone. */
async function write(response: ServerResponse, text: string, signal: AbortSignal): Promise<void> {
  if (response.write(text) || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      response.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    response.on('drain', done);
    signal.addEventListener('abort', done);
  });
}
