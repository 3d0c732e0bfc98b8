import type { Command } from 'commander';
import type { ResumeView } from '../../../roads/reconcile/index.ts';
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
  const chains = withApi(program.command('chains'));
  chains
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
  addResume(chains, run);
}

function addResume(chains: Command, run: Run): void {
  withApi(chains.command('resume'))
    .description('go on with a halted chain as the node shows it; the same by a second key does it')
    .argument('<chain>', 'its configured id')
    .requiredOption('--evidence <text>', 'why the node is right, with links to what shows it')
    .action(async (chain: string, flags: ClientFlags & { json?: boolean; evidence: string }) => {
      const path = `/v1/chains/${encodeURIComponent(chain)}/resume`;
      const body = { evidence: flags.evidence };
      const client = findApi(run, flags, { admin: true });
      const answer = await client.request<ResumeView>({ method: 'POST', path, body });
      if (flags.json) return printJson(run.stdout, answer.body);
      const told =
        answer.body.status === 'proposed'
          ? 'proposed: somebody else says the same with a key of their own'
          : 'ordered; its tracker takes what the node shows';
      run.stdout.write(`chain ${chain} (${answer.body.halted}): ${told}\n`);
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
