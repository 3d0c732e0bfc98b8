import { until } from './until.ts';

type StreamedEvent = { id: string; event: string; data: Record<string, unknown> };

/** A client of a server-sent event stream that keeps what it was sent. */
export class EventStream {
  readonly events: StreamedEvent[] = [];
  readonly #abort = new AbortController();
  #reading: Promise<void> = Promise.resolve();

  static async open(url: string, headers: Record<string, string>): Promise<EventStream> {
    const stream = new EventStream();
    const response = await fetch(url, {
      headers: { accept: 'text/event-stream', ...headers },
      signal: stream.#abort.signal,
    });
    if (response.status !== 200 || response.body === null) {
      throw new Error(`${response.status}: ${await response.text()}`);
    }
    stream.#reading = stream.#read(response.body).catch(() => {});
    return stream;
  }

  /** Once an event fulfils this. */
  find(what: string, test: (event: StreamedEvent) => boolean, ms = 20_000): Promise<StreamedEvent> {
    return until(what, async () => this.events.find(test), ms);
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#reading;
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    let text = '';
    const decoder = new TextDecoder();
    for await (const bytes of body) {
      text += decoder.decode(bytes, { stream: true });
      const frames = text.split('\n\n');
      text = frames.pop() ?? '';
      for (const frame of frames) {
        const fields = new Map(
          frame.split('\n').map((line) => {
            const at = line.indexOf(': ');
            return [line.slice(0, at), line.slice(at + 2)];
          }),
        );
        const [id, event, data] = ['id', 'event', 'data'].map((name) => fields.get(name));
        if (id !== undefined && event !== undefined && data !== undefined) {
          this.events.push({ id, event, data: JSON.parse(data) });
        }
      }
    }
  }
}
