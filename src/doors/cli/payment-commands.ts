import { type Command, InvalidArgumentError, Option } from 'commander';
import { randomToken, systemClock, UnknownOutcome } from '../../base/kernel/index.ts';
import type { BalanceView, DepositView } from '../../roads/deposit/index.ts';
import type { WithdrawalView } from '../../roads/withdrawal/index.ts';
import { type ApiClient, ApiProblem } from './api-client.ts';
import { CliEnd, EXIT, type Run } from './context.ts';
import { followWithdrawal, isEnd } from './follow.ts';
import { printJson, printTable } from './print.ts';
import { type ClientFlags, findApi, withApi } from './sources.ts';

type Flags = ClientFlags & { json?: boolean };
type WatchFlags = Flags & { timeout: number };

export function addPaymentCommands(program: Command, run: Run): void {
  addWithdraw(program, run);
  addStatus(program, run);
  addDeposit(program, run);
  addBalance(program, run);
  addCancel(program, run);
  addSpeedUp(program, run);
}

function timeoutOption(): Option {
  return new Option('--timeout <seconds>', 'how long to wait').default(120).argParser((text) => {
    if (/^\d{1,6}$/.test(text) && Number(text) > 0) return Number(text);
    throw new InvalidArgumentError('It is a whole number of seconds above 0.');
  });
}

type WithdrawFlags = WatchFlags & {
  account: string;
  asset: string;
  amount: string;
  to: string;
  idempotencyKey?: string;
  externalId?: string;
  expiresAt?: string;
  metadata?: Record<string, unknown>;
  wait?: boolean;
};

function addWithdraw(program: Command, run: Run): void {
  withApi(program.command('withdraw'))
    .description('request a withdrawal; the same idempotency key never pays twice')
    .requiredOption('--account <name>', 'whose money')
    .requiredOption('--asset <id>', 'USDC, or a CAIP-19 id')
    .requiredOption('--amount <decimal>', "in the asset's unit, like 12.50")
    .requiredOption('--to <address>', 'where to')
    .option('--idempotency-key <key>', 'to repeat a request; made and told when it is not given')
    .option('--external-id <id>', 'your own name for it, unique for ever')
    .option('--expires-at <time>', 'RFC 3339; not signed by then, it ends')
    .option('--metadata <json>', 'a JSON object, kept and given back', readObject)
    .option('--wait', 'follow it to its end')
    .addOption(timeoutOption())
    .action(async (flags: WithdrawFlags) => {
      const client = findApi(run, flags);
      const idempotencyKey = takeKey(run, flags);
      const body = {
        account: flags.account,
        asset: flags.asset,
        amount: flags.amount,
        to: flags.to,
        ...(flags.externalId === undefined ? {} : { externalId: flags.externalId }),
        ...(flags.expiresAt === undefined ? {} : { expiresAt: flags.expiresAt }),
        ...(flags.metadata === undefined ? {} : { metadata: flags.metadata }),
      };
      const made = await post<WithdrawalView>(client, '/v1/withdrawals', { idempotencyKey, body });
      const { id } = made.body;
      if (!flags.json) run.stdout.write(`withdrawal ${id}${made.replayed ? ' (as before)' : ''}\n`);
      if (flags.wait) return follow(run, flags, client, id);
      if (flags.json) printJson(run.stdout, made.body);
      else run.stdout.write(`${line(made.body)}\n`);
      judge(made.body);
    });
}

function addStatus(program: Command, run: Run): void {
  withApi(program.command('status'))
    .description('read a withdrawal')
    .argument('<id>', 'its id, transaction hash, nonce key (chain:from:nonce) or idempotency key')
    .option('--watch', 'follow it to its end')
    .addOption(timeoutOption())
    .action(async (id: string, flags: WatchFlags & { watch?: boolean }) => {
      const client = findApi(run, flags);
      const view = await findWithdrawal(client, id);
      if (flags.watch) return follow(run, flags, client, view.id);
      if (flags.json) printJson(run.stdout, view);
      else run.stdout.write(`withdrawal ${view.id}\n${line(view)}\n`);
      judge(view);
    });
}

function addDeposit(program: Command, run: Run): void {
  withApi(program.command('deposit'))
    .description('credit an account, as the deposit system does')
    .requiredOption('--account <name>', 'whose money')
    .requiredOption('--asset <id>', 'USDC, or a CAIP-19 id')
    .requiredOption('--amount <decimal>', "in the asset's unit")
    .requiredOption('--reference <text>', "the deposit system's own name for it, unique for ever")
    .option('--idempotency-key <key>', 'to repeat a request; made and told when it is not given')
    .action(
      async (
        flags: Flags & {
          account: string;
          asset: string;
          amount: string;
          reference: string;
          idempotencyKey?: string;
        },
      ) => {
        const client = findApi(run, flags);
        const idempotencyKey = takeKey(run, flags);
        const { account, asset, amount, reference } = flags;
        const body = { account, asset, amount, reference };
        const made = await post<DepositView>(client, '/v1/deposits', { idempotencyKey, body });
        if (flags.json) return printJson(run.stdout, made.body);
        const { id, amount: credited } = made.body;
        run.stdout.write(
          `deposit ${id}${made.replayed ? ' (as before)' : ''}: ${credited} ${made.body.asset} to ${made.body.account}\n`,
        );
      },
    );
}

function addBalance(program: Command, run: Run): void {
  withApi(program.command('balance'))
    .description('read the balances of an account')
    .argument('<account>')
    .option('--at <time>', 'as they were then (RFC 3339)')
    .action(async (account: string, flags: Flags & { at?: string }) => {
      const query = flags.at === undefined ? '' : `?at=${encodeURIComponent(flags.at)}`;
      const path = `/v1/accounts/${encodeURIComponent(account)}/balances${query}`;
      const client = findApi(run, flags);
      const { body } = await client.request<{ balances: BalanceView[] }>({ method: 'GET', path });
      if (flags.json) return printJson(run.stdout, body);
      printTable(
        run.stdout,
        body.balances.map(({ asset, posted, reserved, available }) => ({
          asset,
          posted,
          reserved,
          available,
        })),
      );
    });
}

function addCancel(program: Command, run: Run): void {
  withApi(program.command('cancel'))
    .description('cancel a withdrawal; one that may be signed ends by what the chain takes')
    .argument('<id>')
    .action(async (id: string, flags: Flags) => {
      const client = findApi(run, flags);
      const path = `/v1/withdrawals/${encodeURIComponent(id)}/cancel`;
      const { body } = await client.request<WithdrawalView>({ method: 'POST', path });
      if (flags.json) printJson(run.stdout, body);
      else run.stdout.write(`withdrawal ${body.id}\n${line(body)}\n`);
    });
}

function addSpeedUp(program: Command, run: Run): void {
  withApi(program.command('speed-up'))
    .description('bid more for a withdrawal that waits to be mined; each key is one bump')
    .argument('<id>')
    .option('--max-fee <gwei>', 'what it is to bid, like 52.5; else what the chain asks now')
    .option('--idempotency-key <key>', 'to repeat a request; made and told when it is not given')
    .action(async (id: string, flags: Flags & { maxFee?: string; idempotencyKey?: string }) => {
      const client = findApi(run, flags);
      const idempotencyKey = takeKey(run, flags);
      const path = `/v1/withdrawals/${encodeURIComponent(id)}/speed-up`;
      const body = flags.maxFee === undefined ? {} : { maxFeePerGasGwei: flags.maxFee };
      const made = await post<WithdrawalView>(client, path, { idempotencyKey, body });
      if (flags.json) printJson(run.stdout, made.body);
      else run.stdout.write(`withdrawal ${made.body.id}\n${line(made.body)}\n`);
    });
}

/** The key that was given, or a new one; told before the request leaves, since only it can repeat it. */
export function takeKey(run: Run, flags: { idempotencyKey?: string; json?: boolean }): string {
  const key = flags.idempotencyKey ?? `cli-${randomToken()}`;
  (flags.json ? run.stderr : run.stdout).write(`idempotency key: ${key}\n`);
  return key;
}

export async function post<Body>(
  client: ApiClient,
  path: string,
  order: { idempotencyKey: string; body: unknown },
) {
  try {
    return await client.request<Body>({ method: 'POST', path, ...order });
  } catch (error) {
    const unknown =
      error instanceof UnknownOutcome || (error instanceof ApiProblem && error.outcomeUnknown);
    if (!unknown) throw error;
    const { message } = error as Error;
    throw new CliEnd(
      EXIT.unavailable,
      `${message}; it may have been done: repeat the command with --idempotency-key ${order.idempotencyKey}`,
    );
  }
}

const HASH = /^0x[0-9a-fA-F]{64}$/;
const NONCE_KEY = /^\d+:0x[0-9a-fA-F]{40}:\d+$/;
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

async function findWithdrawal(client: ApiClient, id: string): Promise<WithdrawalView> {
  if (ID.test(id)) {
    const path = `/v1/withdrawals/${id}`;
    return (await client.request<WithdrawalView>({ method: 'GET', path })).body;
  }
  const filter = HASH.test(id) ? 'txHash' : NONCE_KEY.test(id) ? 'nonceKey' : 'idempotencyKey';
  const value = filter === 'idempotencyKey' ? id : id.toLowerCase();
  const path = `/v1/withdrawals?${filter}=${encodeURIComponent(value)}`;
  const { body } = await client.request<{ withdrawals: WithdrawalView[] }>({ method: 'GET', path });
  const [found] = body.withdrawals;
  if (found !== undefined) return found;
  throw new CliEnd(EXIT.usage, `there is no withdrawal with the ${filter} ${id}`);
}

async function follow(run: Run, flags: WatchFlags, client: ApiClient, id: string): Promise<void> {
  const begun = systemClock.monotonic();
  const view = await followWithdrawal({
    client,
    id,
    clock: systemClock,
    everyMs: 250,
    timeoutMs: flags.timeout * 1_000,
    onStage: (stage, seen) => {
      const seconds = ((systemClock.monotonic() - begun) / 1_000).toFixed(1);
      if (!flags.json)
        run.stdout.write(`${seconds.padStart(6)} s  ${stage}${detail(seen, stage)}\n`);
    },
    ...(run.signal === undefined ? {} : { signal: run.signal }),
  });
  if (flags.json) printJson(run.stdout, view);
  if (!isEnd(view.status)) {
    const waiting = view.waiting === null ? '' : `, waiting: ${whyOf(view.waiting)}`;
    throw new CliEnd(
      EXIT.unavailable,
      `withdrawal ${id} is still ${view.status}${waiting}: go on with payonce status ${id} --watch`,
    );
  }
  judge(view);
}

/** Throws exit code 1 for an end without payment. */
function judge(view: WithdrawalView): void {
  if (!isEnd(view.status) || view.status === 'COMPLETED' || view.status === 'RESETTLED') return;
  const { failure } = view;
  const why = failure === null ? '' : `: ${failure.code}, ${failure.message}`;
  throw new CliEnd(EXIT.failed, `withdrawal ${view.id} ended ${view.status} without payment${why}`);
}

function line(view: WithdrawalView): string {
  return `${view.status}  ${view.amount} ${view.asset} from ${view.account} to ${view.to}${detail(view, view.status)}`;
}

/** What is worth knowing at a stage. */
function detail(view: WithdrawalView, stage: string): string {
  if (stage === 'SIGNED' || stage === 'BROADCASTED' || stage === 'COMPLETED') {
    return view.txHash === null ? '' : `  ${view.txHash}`;
  }
  if (stage === 'INCLUDED' && view.confirmation.blockNumber !== null) {
    return `  block ${view.confirmation.blockNumber}`;
  }
  return stage === view.status && view.waiting !== null ? `  waiting: ${whyOf(view.waiting)}` : '';
}

function whyOf({ reason, detail }: NonNullable<WithdrawalView['waiting']>): string {
  return detail === null ? reason : `${reason} (${detail})`;
}

function readObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {
    // Said below.
  }
  throw new InvalidArgumentError('It is a JSON object.');
}
