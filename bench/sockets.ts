import { connect, type Socket } from 'node:net';

/** The whole of an answer has been read; `sample` is the start of what came, for a message of an error. */
type OnAnswer = (status: number, sample: string) => void;

const HEAD_END = '\r\n\r\n';
const LENGTH = 'content-length: ';
const SAMPLE = 600;
/** A head is a few hundred bytes; only this much of a chunk is looked at as text. */
const HEAD_LIMIT = 4_096;

/**
 * One keep-alive HTTP/1.1 connection that asks one question at a time. It reads status and length and
 * counts the rest, because the load's own cost is taken from the cores that are measured.
 */
export class Connection {
  readonly #socket: Socket;
  #onAnswer: OnAnswer = () => {};
  /** Bytes of the body still to come; -1: the head is not complete. */
  #missing = -1;
  #head = '';
  #status = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Resolves when connected. `onLost` is called when the connection ends, however it ends. */
  static open(
    at: { host: string; port: number },
    onLost: (reason: string) => void,
  ): Promise<Connection> {
    return new Promise((resolve, reject) => {
      let connection: Connection | undefined;
      const socket = connect({
        ...at,
        noDelay: true,
        onread: {
          buffer: Buffer.allocUnsafe(64 * 1024),
          callback: (read, buffer) => {
            connection?.read(buffer as Buffer, read);
            return true;
          },
        },
      });
      socket.once('connect', () => {
        connection = new Connection(socket);
        resolve(connection);
      });
      socket.on('error', (error) => {
        reject(error);
        onLost(error.message);
      });
      socket.on('close', () => onLost('the server closed the connection'));
    });
  }

  send(request: string, onAnswer: OnAnswer): void {
    this.#onAnswer = onAnswer;
    this.#missing = -1;
    this.#head = '';
    this.#socket.write(request, 'latin1');
  }

  close(): void {
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }

  private read(buffer: Buffer, read: number): void {
    if (this.#missing >= 0) {
      this.#missing -= read;
    } else {
      const before = this.#head.length;
      this.#head += buffer.toString('latin1', 0, Math.min(read, HEAD_LIMIT));
      const end = this.#head.indexOf(HEAD_END);
      if (end < 0) return;
      const at = this.#head.indexOf(LENGTH);
      if (at < 0 || at > end)
        throw new Error(`an answer without length: ${this.#head.slice(0, end)}`);
      this.#status = Number(this.#head.slice(9, 12));
      const length = Number.parseInt(
        this.#head.slice(at + LENGTH.length, at + LENGTH.length + 12),
        10,
      );
      this.#missing = length - (read - (end + HEAD_END.length - before));
    }
    if (this.#missing === 0) this.#onAnswer(this.#status, this.#head.slice(0, SAMPLE));
    else if (this.#missing < 0) throw new Error('more bytes came than the answer has');
  }
}
