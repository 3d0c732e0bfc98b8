import { type Command, InvalidArgumentError } from 'commander';
import { UnknownOutcome } from '../../../base/kernel/index.ts';
import type { EndpointView } from '../../../roads/gateway/index.ts';
import type { ApiClient } from '../api-client.ts';
import { CliEnd, EXIT, type Run } from '../context.ts';
import { printJson, printTable } from '../print.ts';
import { type ClientFlags, findApi, withApi } from '../sources.ts';

type Flags = ClientFlags & { json?: boolean };
type Terms = NonNullable<NonNullable<EndpointView['pending']>['terms']>;
type SetFlags = Flags & {
  asset: string;
  price: string;
  payTo: string;
  upstream: string;
  onFailure?: string;
  assetTransferMethod?: string;
  scheme?: string;
  usageHeader?: string;
  unitPrice?: string;
  unitSize?: number;
  withoutUsage?: string;
  timeoutMs?: number;
  maxResponseBytes?: number;
  description?: string;
};

const PATH = '/v1/priced-endpoints';

/** One key changes prices; what loosens waits, and another key stops it. */
export function addPriceCommands(program: Command, run: Run): void {
  const price = program.command('price').description('prices of the x402 gateway');
  addList(price, run);
  addSet(price, run);
  withApi(price.command('remove'))
    .description('take a price away; where a wider path would answer in its place that waits')
    .argument('<id>', 'of the endpoint, as in price list')
    .action(async (id: string, flags: Flags) => {
      const path = `${PATH}/${encodeURIComponent(id)}`;
      tell(run, flags, await change(findApi(run, flags), { method: 'DELETE', path }));
    });
  withApi(price.command('veto'))
    .description('stop what waits at an endpoint; what is in force stays (scope admin:policy)')
    .argument('<id>', 'of the endpoint, as in price list')
    .requiredOption('--reason <text>', 'why; kept')
    .action(async (id: string, flags: Flags & { reason: string }) => {
      const client = findApi(run, flags, { admin: true });
      const path = `${PATH}/${encodeURIComponent(id)}/veto`;
      const { reason } = flags;
      const left = await change(client, { method: 'POST', path, body: { reason } });
      if (!flags.json) run.stdout.write('what waited is stopped; ');
      tell(run, flags, left);
    });
}

function addList(price: Command, run: Run): void {
  withApi(price.command('list'))
    .description('prices in force, and what waits with when it will be (scope payments:read)')
    .option('--merchant <name>', 'of one merchant')
    .action(async (flags: Flags & { merchant?: string }) => {
      const client = findApi(run, flags);
      const asked = { method: 'GET', path: PATH } as const;
      const { items } = (await client.request<{ items: EndpointView[] }>(asked)).body;
      const { merchant } = flags;
      const shown = items.filter((one) => merchant === undefined || one.merchant === merchant);
      if (flags.json) return printJson(run.stdout, { items: shown });
      printTable(
        run.stdout,
        shown.map((one) => ({
          ...{ id: one.id, merchant: one.merchant, method: one.method, path: one.path },
          ...{ price: priceOf(one), 'pay to': one.payTo, upstream: one.upstream },
          ...{ status: one.status, since: one.effectiveAt },
          pending:
            one.pending && `${pendingOf(one, one.pending.terms)} at ${one.pending.effectiveAt}`,
        })),
      );
    });
}

function addSet(price: Command, run: Run): void {
  withApi(price.command('set'))
    .description(
      'put a price on a path, in the place of the one that it has; what is not given is as usual, whatever it was (scope payments:price)',
    )
    .argument('<merchant>', 'its name')
    .argument('<method>', 'GET, POST, PUT, PATCH or DELETE')
    .argument('<path>', "below the merchant, like '/weather/*': with /* all below it")
    .requiredOption('--asset <id>', 'USDC, or a CAIP-19 id')
    .requiredOption('--price <decimal>', "in the asset's unit; with --scheme upto the most")
    .requiredOption('--pay-to <address>', "one of the merchant's payees")
    .requiredOption('--upstream <url>', 'the API: what is asked below the merchant is added to it')
    .option('--on-failure <what>', 'when the API fails: refund, retry or keep; upto: release')
    .option('--asset-transfer-method <method>', 'eip3009 or permit2')
    .option('--scheme <scheme>', 'exact, or upto: the answer tells what it costs')
    .option('--usage-header <name>', 'upto: the header of the answer that counts')
    .option('--unit-price <decimal>', 'upto: what --unit-size of them cost')
    .option('--unit-size <count>', 'upto: how many cost --unit-price', readCount)
    .option('--without-usage <what>', 'upto, where the answer does not count: nothing or most')
    .option('--timeout-ms <ms>', 'how long the API has', readCount)
    .option('--max-response-bytes <bytes>', 'how long its answer may be', readCount)
    .option('--description <text>', 'for payers, in the challenge')
    .action(async (merchant: string, method: string, path: string, flags: SetFlags) => {
      const client = findApi(run, flags);
      const { url, apiKey, stateDir, json, ...terms } = flags;
      const body = { merchant, method: method.toUpperCase(), path, ...terms };
      tell(run, flags, await change(client, { method: 'POST', path: PATH, body }));
    });
}

type Change = { method: 'POST' | 'DELETE'; path: string; body?: object };

async function change(client: ApiClient, asked: Change): Promise<EndpointView> {
  try {
    return (await client.request<EndpointView>(asked)).body;
  } catch (error) {
    if (!(error instanceof UnknownOutcome)) throw error;
    const told = `${error.message}; it may have been done: payonce price list shows it`;
    throw new CliEnd(EXIT.unavailable, told);
  }
}

function tell(run: Run, flags: Flags, one: EndpointView): void {
  if (flags.json) return void printJson(run.stdout, one);
  const { id, merchant, method, path, status, effectiveAt, pending } = one;
  const stops = `until then it can be stopped: payonce price veto ${id} --reason …`;
  const then =
    status === 'removed'
      ? 'is not sold any more'
      : status === 'scheduled'
        ? `waits, and is ${priceOf(one)} from ${effectiveAt} on; ${stops}`
        : pending === null
          ? `is ${priceOf(one)}, in force`
          : `is ${priceOf(one)}; what waits (${pendingOf(one, pending.terms)}) is in force from ${pending.effectiveAt} on; ${stops}`;
  run.stdout.write(`${method} ${path} of ${merchant} (${id}) ${then}\n`);
}

function priceOf({ scheme, price, asset }: Terms): string {
  return `${scheme === 'upto' ? 'up to ' : ''}${price} ${asset}`;
}

/** The terms that another price has, or that there will be none. */
function pendingOf(now: Terms, then: Terms | null): string {
  if (then === null) return 'removed';
  const terms = (Object.keys(then) as (keyof Terms)[]).filter(
    (term) => term !== 'priceAtomic' && then[term] !== now[term],
  );
  return terms.map((term) => `${term} ${then[term] ?? 'none'}`).join(', ');
}

function readCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a whole number.');
}
