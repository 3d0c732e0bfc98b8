import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { WithdrawalView } from '../../roads/withdrawal/index.ts';
import type { CliContext, CliDoors } from './context.ts';
import { runCli } from './run.ts';

type Ran = { code: number; out: string; err: string };

/** Nothing runs here. */
export const DOORS: CliDoors = {
  readDevFile: () => null,
  start: async () => 0,
  facilitator: async () => 0,
  bench: async () => 0,
  portOf: () => {
    throw new Error('no chain here');
  },
};

/** Runs a command line in this process and gathers what it printed. */
export async function run(argv: readonly string[], given: Partial<CliContext> = {}): Promise<Ran> {
  const ran: Ran = { code: -1, out: '', err: '' };
  ran.code = await runCli(argv, {
    stdout: { write: (text) => (ran.out += text) },
    stderr: { write: (text) => (ran.err += text) },
    env: {},
    cwd: '/nowhere',
    doors: DOORS,
    ...given,
  });
  return ran;
}

export type Heard = {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: unknown;
};
export type Answer =
  | { status: number; body: unknown; headers?: Record<string, string> }
  /** Takes the request and ends the connection without an answer. */
  | 'hang up';

/** An API that says what it is told to say, and remembers what it was asked. */
export class ScriptedApi {
  readonly heard: Heard[] = [];
  readonly #server: Server;
  readonly #answer: (request: Heard) => Answer;

  constructor(answer: (request: Heard) => Answer) {
    this.#answer = answer;
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const heard: Heard = {
          method: request.method ?? '',
          path: request.url ?? '',
          headers: request.headers,
          body: text === '' ? undefined : JSON.parse(text),
        };
        this.heard.push(heard);
        const answered = this.#answer(heard);
        if (answered === 'hang up') return request.socket.destroy();
        response.writeHead(answered.status, answered.headers);
        response.end(
          typeof answered.body === 'string' ? answered.body : JSON.stringify(answered.body),
        );
      });
    });
  }

  static async listen(answer: (request: Heard) => Answer): Promise<ScriptedApi> {
    const api = new ScriptedApi(answer);
    await new Promise<void>((done) => api.#server.listen(0, '127.0.0.1', done));
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Its address and a key, as the environment gives them. */
  get env(): NodeJS.ProcessEnv {
    return { PAYONCE_URL: this.url, PAYONCE_API_KEY: 'pk_test' };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}

export const WITHDRAWAL_ID = '01a1f8b3-329d-75f5-8bd6-5f4c6a7267b2';

export function withdrawalView(part: Partial<WithdrawalView> = {}): WithdrawalView {
  return {
    id: WITHDRAWAL_ID,
    status: 'RESERVED',
    confirmation: { level: 'none', blockNumber: null, blockHash: null },
    waiting: null,
    account: 'alice',
    asset: 'USDC',
    amount: '12.5',
    amountAtomic: '12500000',
    fee: '0.5',
    feeAtomic: '500000',
    to: '0x00000000000000000000000000000000000a11ce',
    externalId: null,
    idempotencyKey: 'k',
    metadata: null,
    riskTier: 'low',
    decision: null,
    approvals: { required: 0, given: 0 },
    nonceKey: null,
    txHash: null,
    attempts: [],
    reorgs: 0,
    failure: null,
    correlationId: 'c',
    expiresAt: null,
    createdAt: '2026-01-01T00:00:00Z',
    updatedAt: '2026-01-01T00:00:00Z',
    completedAt: null,
    ...part,
  };
}
