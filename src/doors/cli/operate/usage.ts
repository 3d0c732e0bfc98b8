import type { Command } from 'commander';
import type { UsageView } from '../../../roads/x402/index.ts';
import type { Run } from '../context.ts';
import { printJson, printTable } from '../print.ts';
import { type ClientFlags, findApi, withApi } from '../sources.ts';

type Flags = ClientFlags & { json?: boolean; from?: string; to?: string };
type Page = { from: string; to: string; usage: UsageView[]; cursor: string | null };

export function addUsage(program: Command, run: Run): void {
  withApi(program.command('usage'))
    .description("what a merchant's endpoints were used for: calls, billable, settled, refunded")
    .argument('<merchant>', 'its name')
    .option('--from <time>', 'from when on, RFC 3339 (default: 30 days before --to)')
    .option('--to <time>', 'until before when, RFC 3339 (default: now)')
    .action(async (merchant: string, flags: Flags) => {
      const client = findApi(run, flags);
      const { from, to } = flags;
      const given = {
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
      };
      const read = async (asked: Record<string, string>): Promise<Page> => {
        const query = new URLSearchParams({ ...asked, limit: '200' });
        const path = `/v1/merchants/${encodeURIComponent(merchant)}/usage?${query}`;
        return (await client.request<Page>({ method: 'GET', path })).body;
      };
      const first = await read(given);
      const period = { from: first.from, to: first.to };
      const usage = [...first.usage];
      // Of one time, also where it ends now.
      for (let { cursor } = first; cursor !== null; ) {
        const page = await read({ ...period, cursor });
        usage.push(...page.usage);
        cursor = page.cursor;
      }
      if (flags.json) return printJson(run.stdout, { ...period, usage });
      printTable(
        run.stdout,
        usage.map(lineOf).sort((a, b) => (a.endpoint < b.endpoint ? -1 : 1)),
      );
      run.stdout.write(
        `${usage.length === 0 ? 'nothing ' : ''}from ${period.from} to ${period.to}\n`,
      );
    });
}

function lineOf(one: UsageView) {
  const shown = ({ count, amount }: UsageView['billable']) => `${count} (${amount})`;
  return {
    endpoint: one.endpoint === null ? String(one.resource) : `${one.method} ${one.path}`,
    asset: one.asset,
    ...{ calls: String(one.calls), served: String(one.served) },
    ...{ billable: shown(one.billable), settled: shown(one.settled) },
    refunded: shown(one.refunded),
  };
}
