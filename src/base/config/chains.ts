import { parseAmount } from '../kernel/index.ts';
import { type Faults, shown } from './faults.ts';
import type { ConfigFile } from './schema/schema.ts';
import type { Secrets } from './secrets.ts';
import {
  type ChainSettings,
  type EndpointRole,
  type EndpointSettings,
  quorumOf,
} from './settings.ts';
import { isFaulty, type Loose } from './shape.ts';

/** The chain id of local development chains; development keys are good for it alone. */
export const DEVELOPMENT_CHAIN_ID = 31_337;

const GWEI_DECIMALS = 9;
const URL_ALLOWED = 'an http or https URL';

type Section = Loose<ConfigFile['chains'][number]>;
type Endpoint = NonNullable<NonNullable<Section['rpc']>[number]>;

/** Meaning of the chains section. Missing parts were named before; the result counts only without faults. */
export function readChains(
  sections: readonly (Section | undefined)[],
  secrets: Secrets,
  faults: Faults,
): ChainSettings[] {
  const ids = new Map<string, number>();
  const chainIds = new Map<number, number>();
  return sections.map((section = {}, index) => {
    const path = `chains[${index}]`;
    const { id = '', chainId = 0 } = section;
    refuseRepeat(ids, id, index, `${path}.id`, 'chains', faults);
    refuseRepeat(chainIds, chainId, index, `${path}.chainId`, 'chains', faults);
    const development = chainId === DEVELOPMENT_CHAIN_ID;
    const chain: ChainSettings = {
      id,
      chainId,
      rpc: readRpc(section, path, secrets, faults),
      ...(section.quorum === undefined ? {} : { quorum: section.quorum }),
      window: section.window ?? (development ? 4096 : 64),
      fees: readFees(section, path, faults),
      finality: {
        tag: section.finality?.tag ?? 'finalized',
        minDepth: section.finality?.minDepth ?? 0,
        maxReorgDepth: section.finality?.maxReorgDepth ?? 64,
      },
      ...(section.beginAt === undefined ? {} : { beginAt: section.beginAt }),
      resendAfterMs: section.resendAfterMs ?? 15_000,
      replaceAfterMs: section.replaceAfterMs ?? (development ? 30_000 : 60_000),
      pollMs: section.pollMs ?? (development ? 500 : 1000),
    };
    if (rolesKnown(section)) checkQuorum(chain, path, faults);
    if (chain.beginAt !== undefined && !development) {
      const allowed = `nothing, on any chain but ${DEVELOPMENT_CHAIN_ID}`;
      faults.add(`${path}.beginAt`, shown(chain.beginAt), allowed);
    }
    // The latest block is no evidence by itself: it would make every one-block reorg a lost payment.
    if (chain.finality.tag === 'latest' && chain.finality.minDepth === 0 && !development) {
      faults.add(
        `${path}.finality.minDepth`,
        'the number 0',
        'at least 1 block when tag is latest',
      );
    }
    return chain;
  });
}

/** Adds a fault when the value stood before; empty and 0 stand for what is missing. */
export function refuseRepeat<Value extends string | number>(
  seen: Map<Value, number>,
  value: Value,
  index: number,
  path: string,
  list: string,
  faults: Faults,
): void {
  if (value === '' || value === 0) return;
  const first = seen.get(value);
  if (first === undefined) seen.set(value, index);
  else faults.add(path, `${shown(value)}, which ${list}[${first}] has`, 'a value of its own');
}

function readRpc(
  section: Section,
  path: string,
  secrets: Secrets,
  faults: Faults,
): EndpointSettings[] {
  const urls = new Map<string, number>();
  const names = new Map<string, number>();
  const rpc = (section.rpc ?? []).map((endpoint = {}, index) => {
    const at = `${path}.rpc[${index}]`;
    const { url: _url, roles: _roles, allowPlainHttp: _allow, ...limits } = endpoint;
    const roles = rolesOf(endpoint);
    if (roles.includes('send') && roles.includes('private')) {
      faults.add(`${at}.roles`, 'send and private', 'one of them: private bytes go to no other');
    }
    if (endpoint.burst !== undefined && endpoint.requestsPerSecond === undefined) {
      faults.add(`${at}.burst`, 'no requestsPerSecond beside it', 'both or neither');
    }
    refuseRepeat(names, endpoint.name ?? '', index, `${at}.name`, `${path}.rpc`, faults);
    const url = readUrl(endpoint, `${at}.url`, secrets, faults);
    const first = urls.get(url);
    // One node would have two votes.
    if (url !== '' && first !== undefined) {
      faults.add(`${at}.url`, `the URL of ${path}.rpc[${first}]`, 'a URL of its own');
    }
    urls.set(url, first ?? index);
    return { ...(limits as Partial<EndpointSettings>), url, roles };
  });
  if (rolesKnown(section)) {
    const has = (...wanted: EndpointRole[]) =>
      rpc.length === 0 || rpc.some(({ roles }) => wanted.some((role) => roles.includes(role)));
    for (const [role, ...others] of [['read'], ['send', 'private']] as const) {
      if (has(role, ...others)) continue;
      faults.add(
        `${path}.rpc`,
        `no endpoint with the role ${role}`,
        `at least one that may ${role}`,
      );
    }
  }
  return rpc;
}

function rolesOf(endpoint: Endpoint): EndpointRole[] {
  const roles = endpoint.roles ?? ['read', 'send'];
  return [...new Set(roles.filter((role) => role !== undefined))];
}

function rolesKnown(section: Section): boolean {
  return (
    section.rpc?.every(
      (endpoint) =>
        endpoint && !isFaulty(endpoint, 'roles') && !endpoint.roles?.includes(undefined),
    ) ?? false
  );
}

/** More than half: else two halves that disagree would both be believed. */
function checkQuorum(chain: ChainSettings, path: string, faults: Faults): void {
  const { needed, voters } = quorumOf(chain);
  const of = voters.length;
  if (of === 0 || (needed <= of && needed > of / 2)) return;
  faults.add(
    `${path}.quorum`,
    shown(needed),
    `${Math.floor(of / 2) + 1} to ${of}: more than half of the ${of} endpoints that vote, and no more than all`,
  );
}

function readUrl(endpoint: Endpoint, at: string, secrets: Secrets, faults: Faults): string {
  const { url: source, allowPlainHttp = false } = endpoint;
  if (source === undefined) return '';
  if (typeof source === 'string') {
    if (checkUrl(source, at, allowPlainHttp, faults) === 'plain') {
      faults.add(
        at,
        'the URL of a public host or one with a password (not shown)',
        '{ env: NAME } or { file: PATH }, since such a URL often carries a key',
      );
    }
    return source;
  }
  const url = secrets.read(at, source) ?? '';
  if (url !== '') checkUrl(url, at, allowPlainHttp, faults);
  return url;
}

/** `local` may stand in the file; `plain` may not; a fault was added for `refused`. */
function checkUrl(
  text: string,
  path: string,
  allowPlainHttp: boolean,
  faults: Faults,
): 'local' | 'plain' | 'refused' {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.hostname === '') {
    faults.add(path, 'no URL (not shown)', URL_ALLOWED);
    return 'refused';
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    faults.add(path, `a ${url.protocol.slice(0, -1)} URL (not shown)`, URL_ALLOWED);
    return 'refused';
  }
  const local = isPrivateHost(url.hostname);
  if (url.protocol === 'http:' && !local && !allowPlainHttp) {
    faults.add(
      path,
      'plain http to a public host (not shown)',
      'https, a loopback or private host, or allowPlainHttp: true beside it',
    );
    return 'refused';
  }
  return local && url.username === '' && url.password === '' ? 'local' : 'plain';
}

/**
 * Loopback, RFC 1918 and RFC 4193 addresses, and names that resolve inside one network only: single
 * labels (a container's name), localhost, .internal, .local, Kubernetes services.
 */
export function isPrivateHost(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, '');
  if (host.startsWith('[')) return host === '[::1]' || /^\[f[cd][0-9a-f]{2}:/.test(host);
  if (/^\d+\.\d+\.\d+\.\d+$/.test(host)) {
    return /^(127|10)\.|^192\.168\.|^172\.(1[6-9]|2\d|3[01])\./.test(host);
  }
  return !host.includes('.') || /\.(localhost|internal|local|svc)$/.test(host);
}

function readFees(section: Section, path: string, faults: Faults): ChainSettings['fees'] {
  const fees = section.fees ?? {};
  const maxFeePerGas = readGwei(fees.maxFeePerGasGwei, 1n, `${path}.fees.maxFeePerGasGwei`, faults);
  const at = `${path}.fees.minPriorityFeePerGasGwei`;
  const minPriorityFeePerGas = readGwei(fees.minPriorityFeePerGasGwei ?? '1', 0n, at, faults);
  if (
    maxFeePerGas !== null &&
    minPriorityFeePerGas !== null &&
    minPriorityFeePerGas > maxFeePerGas
  ) {
    faults.add(
      at,
      shown(fees.minPriorityFeePerGasGwei ?? '1'),
      `at most maxFeePerGasGwei ${shown(fees.maxFeePerGasGwei)}`,
    );
  }
  return {
    maxFeePerGas: maxFeePerGas ?? 0n,
    minPriorityFeePerGas: minPriorityFeePerGas ?? 0n,
    percentile: fees.percentile ?? 50,
    blocks: fees.blocks ?? 20,
    baseFeeMultiplier: readMultiplier(fees.baseFeeMultiplier ?? '2', path, faults),
    urgency: fees.urgency ?? 'normal',
  };
}

/** In thousandths. */
function readMultiplier(text: string, path: string, faults: Faults): bigint {
  const thousandths = parseAmount(text, 3);
  if (typeof thousandths === 'bigint' && thousandths >= 1_000n && thousandths <= 100_000n) {
    return thousandths;
  }
  const allowed = 'a decimal string from "1" to "100" with at most 3 decimals';
  faults.add(`${path}.fees.baseFeeMultiplier`, shown(text), allowed);
  return 1_000n;
}

function readGwei(
  text: string | undefined,
  least: bigint,
  path: string,
  faults: Faults,
): bigint | null {
  if (text === undefined) return null;
  const wei = parseAmount(text, GWEI_DECIMALS);
  if (typeof wei === 'bigint' && wei >= least) return wei;
  const allowed = 'a decimal string in gwei with at most 9 decimals';
  faults.add(path, shown(text), least === 0n ? allowed : `${allowed}, above 0`);
  return null;
}
