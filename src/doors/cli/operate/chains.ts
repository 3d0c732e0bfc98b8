import type { Command } from 'commander';
import type { Run } from '../context.ts';
import { printJson, printTable } from '../print.ts';
import { type ClientFlags, findApi, withApi } from '../sources.ts';

/** What the command reads of GET /v1/chains. */
type ChainView = {
  id: string;
  latest: number | null;
  safe: number | null;
  finalized: number | null;
  lag: number | null;
  halted: string | null;
  quorum: { needed: number; of: number };
  endpoints: {
    name: string;
    roles: string[];
    state: string;
    since: string | null;
    head: number | null;
    lag: number | null;
    latencyMs: number | null;
    errorRate: number | null;
    lastError: string | null;
    wrongChainId: number | null;
  }[];
};

export function addChains(program: Command, run: Run): void {
  withApi(program.command('chains'))
    .description('how far each chain is, and how its endpoints do (needs the scope admin:chains)')
    .action(async (flags: ClientFlags & { json?: boolean }) => {
      const client = findApi(run, flags, { admin: true });
      const { body } = await client.request<{ chains: ChainView[] }>({
        method: 'GET',
        path: '/v1/chains',
      });
      if (flags.json) return printJson(run.stdout, body);
      printTable(run.stdout, body.chains.map(chainLine));
      run.stdout.write('\n');
      printTable(run.stdout, body.chains.flatMap(endpointLines));
    });
}

const text = (value: number | null) => (value === null ? null : String(value));

function chainLine(chain: ChainView) {
  return {
    chain: chain.id,
    latest: text(chain.latest),
    safe: text(chain.safe),
    finalized: text(chain.finalized),
    lag: text(chain.lag),
    quorum: `${chain.quorum.needed} of ${chain.quorum.of}`,
    halted: chain.halted,
  };
}

function endpointLines(chain: ChainView) {
  return chain.endpoints.map((endpoint) => ({
    chain: chain.id,
    endpoint: endpoint.name,
    roles: endpoint.roles.join(','),
    state:
      endpoint.wrongChainId === null
        ? endpoint.state
        : `${endpoint.state} (${endpoint.wrongChainId})`,
    head: text(endpoint.head),
    lag: text(endpoint.lag),
    ms: text(endpoint.latencyMs),
    errors: endpoint.errorRate === null ? null : `${Math.round(endpoint.errorRate * 100)} %`,
    'last error': endpoint.lastError,
    since: endpoint.since,
  }));
}
