import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * What a graceful end needs to know: the requests that would stay open by themselves (streams, long
 * polls), which are told to finish, and connections on which no request ever began, which Node does
 * not count as idle.
 */
export class Drain {
  begun = false;
  readonly #open = new Set<AbortController>();
  readonly #sockets = new Set<Socket>();

  watch(server: Server): void {
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** Aborts when the client is gone or the server ends. */
  signalFor(response: ServerResponse): AbortSignal {
    const controller = new AbortController();
    this.#open.add(controller);
    response.once('close', () => {
      this.#open.delete(controller);
      controller.abort();
    });
    if (this.begun || response.destroyed) controller.abort();
    return controller.signal;
  }

  begin(): void {
    this.begun = true;
    for (const controller of this.#open) controller.abort();
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy();
  }
}
