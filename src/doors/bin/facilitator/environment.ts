import { stringify } from 'yaml';
import { DEVELOPMENT_CHAIN_ID, isDevelopmentKey } from '../../../base/config/index.ts';
import {
  type Address,
  ConfigurationError,
  checksummed,
  fromHex,
  type Hex,
  parseAddress,
  parseAmount,
  ZERO_ADDRESS,
} from '../../../base/kernel/index.ts';
import { developmentAddress } from '../../dev/index.ts';

/** What `payonce facilitator` is told by its environment. */
export type FacilitatorSettings = {
  host: string;
  port: number;
  chainId: number;
  rpcUrls: string[];
  tokens: { address: Address; name: string; version: string }[];
  /** Of the key that pays the gas. */
  address: Address;
  payTo: Address[];
  dataDir: string;
  databases: { url: string; signerUrl: string } | null;
  anonymous: boolean;
  waitUntil: 'included' | 'safe' | 'finalized';
  maxFeePerGasGwei: string;
};

const TENANT = 'facilitator';
const MERCHANT = 'default';

const VARIABLES =
  'PORT, HOST, RPC_URL or RPC_URLS, CHAIN_ID, TOKEN_ADDRESS or TOKEN_ADDRESSES, TOKEN_NAME, TOKEN_VERSION, FACILITATOR_KEY, PAY_TO, DATA_DIR, DATABASE_URL, SIGNER_DATABASE_URL, ALLOW_ANONYMOUS, WAIT_UNTIL, MAX_FEE_PER_GAS_GWEI';

/**
 * Reads the environment of `payonce facilitator`. Pure. Throws ConfigurationError with one line for every variable that
 * is missing or bad, all of them at once; the key is never in it.
 */
export function readEnvironment(env: NodeJS.ProcessEnv): FacilitatorSettings {
  const reader = new Reader(env);
  const chainId = reader.integer('CHAIN_ID', { from: 1, to: Number.MAX_SAFE_INTEGER });
  const settings: FacilitatorSettings = {
    host: env['HOST'] || '127.0.0.1',
    port: reader.integer('PORT', { from: 0, to: 65_535, fallback: 8080 }),
    chainId,
    rpcUrls: reader.urls(),
    tokens: reader.tokens(),
    address: reader.keyAddress(chainId),
    payTo: reader.addresses('PAY_TO'),
    dataDir: env['DATA_DIR'] || '.payonce-facilitator',
    databases: reader.databases(),
    anonymous: reader.oneOf('ALLOW_ANONYMOUS', ['false', 'true']) === 'true',
    waitUntil: reader.oneOf('WAIT_UNTIL', ['included', 'safe', 'finalized']),
    maxFeePerGasGwei: reader.gwei('MAX_FEE_PER_GAS_GWEI', '50'),
  };
  reader.throwIfAny();
  return settings;
}

class Reader {
  readonly #env: NodeJS.ProcessEnv;
  readonly #faults: string[] = [];

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  throwIfAny(): void {
    if (this.#faults.length === 0) return;
    throw new ConfigurationError([...this.#faults, `the variables are ${VARIABLES}`].join('\n'));
  }

  integer(
    name: string,
    { from, to, fallback }: { from: number; to: number; fallback?: number },
  ): number {
    const text = this.#env[name];
    if (!text && fallback !== undefined) return fallback;
    const value = /^\d{1,16}$/.test(text ?? '') ? Number(text) : Number.NaN;
    if (value >= from && value <= to) return value;
    return this.#fault(name, text, `a whole number from ${from} to ${to}`, 0);
  }

  oneOf<const Word extends string>(name: string, words: readonly [Word, ...Word[]]): Word {
    const text = this.#env[name];
    if (!text) return words[0];
    const word = words.find((one) => one === text);
    return word ?? this.#fault(name, text, words.join(' or '), words[0]);
  }

  gwei(name: string, fallback: string): string {
    const text = this.#env[name] || fallback;
    const wei = parseAmount(text, 9);
    if (typeof wei === 'bigint' && wei > 0n) return text;
    return this.#fault(name, text, 'a decimal number above 0, like 50', fallback);
  }

  urls(): string[] {
    const name = this.#env['RPC_URLS'] ? 'RPC_URLS' : 'RPC_URL';
    const urls = this.#list(name);
    const good = (url: string) =>
      URL.canParse(url) && ['http:', 'https:'].includes(new URL(url).protocol);
    if (urls.length > 0 && urls.every(good)) return [...new Set(urls)];
    // A URL may hold the provider's key.
    const found = urls.length === 0 ? undefined : `${urls.length} of them (not shown)`;
    return this.#fault(name, found, 'http or https URLs, with a comma between two', []);
  }

  addresses(name: string): Address[] {
    const list = this.#list(name);
    const addresses = list.map(parseAddress);
    const expected =
      'addresses (0x and 40 hex digits, the checksum right), with a comma between two';
    const good = addresses.every(
      (address) => address !== 'syntax' && address !== 'checksum' && address !== ZERO_ADDRESS,
    );
    if (list.length > 0 && good) return [...new Set(addresses as Address[])];
    return this.#fault(name, this.#env[name], expected, []);
  }

  /** One name and version for all tokens, or one for each. */
  tokens(): FacilitatorSettings['tokens'] {
    const variable = this.#env['TOKEN_ADDRESSES'] ? 'TOKEN_ADDRESSES' : 'TOKEN_ADDRESS';
    const addresses = this.addresses(variable);
    const [names, versions] = (['TOKEN_NAME', 'TOKEN_VERSION'] as const).map((name) => {
      const list = this.#list(name);
      if (list.length === 1 || (list.length > 0 && list.length === addresses.length)) return list;
      const expected =
        'what its EIP-712 domain says, like USD Coin and 2: one for all, or one each';
      return this.#fault(name, this.#env[name], expected, ['']);
    });
    return addresses.map((address, index) => ({
      address,
      name: names![index] ?? names![0]!,
      version: versions![index] ?? versions![0]!,
    }));
  }

  keyAddress(chainId: number): Address {
    const key = this.#env['FACILITATOR_KEY'] ?? '';
    if (!/^0x[0-9a-fA-F]{64}$/.test(key) || !isScalar(key)) {
      const found = key === '' ? undefined : `${key.length} characters (not shown)`;
      return this.#fault('FACILITATOR_KEY', found, 'a private key: 0x and 64 hex digits', '0x');
    }
    if (isDevelopmentKey(key) && chainId !== DEVELOPMENT_CHAIN_ID) {
      const found = 'a development key, known to everyone';
      const expected = `a key of your own on any chain but ${DEVELOPMENT_CHAIN_ID}`;
      return this.#fault('FACILITATOR_KEY', found, expected, '0x');
    }
    return developmentAddress(key as Hex);
  }

  databases(): FacilitatorSettings['databases'] {
    const url = this.#env['DATABASE_URL'];
    const signerUrl = this.#env['SIGNER_DATABASE_URL'];
    if (!url) {
      if (!signerUrl) return null;
      return this.#fault('DATABASE_URL', undefined, 'set beside SIGNER_DATABASE_URL', null);
    }
    for (const [name, text] of [
      ['DATABASE_URL', url],
      ['SIGNER_DATABASE_URL', signerUrl || url],
    ] as const) {
      const protocol = URL.canParse(text) ? new URL(text).protocol : '';
      const named = URL.canParse(text) && new URL(text).pathname.length > 1;
      if ((protocol === 'postgres:' || protocol === 'postgresql:') && named) continue;
      const expected = 'postgres://user:password@host:port/database';
      return this.#fault(name, 'another text (not shown)', expected, null);
    }
    return { url, signerUrl: signerUrl || besideOf(url) };
  }

  #list(name: string): string[] {
    const text = this.#env[name] ?? '';
    return text.split(',').flatMap((part) => part.trim() || []);
  }

  #fault<T>(name: string, found: string | undefined, expected: string, stand: T): T {
    this.#faults.push(`${name}: found ${found || 'nothing'}; expected ${expected}`);
    return stand;
  }
}

/** The key is one of the curve's: 1 to its order less one. */
function isScalar(key: string): boolean {
  try {
    developmentAddress(key as Hex);
    return fromHex(key).length === 32;
  } catch {
    return false;
  }
}

/** The signer's journal has a database of its own, on the same server unless told otherwise. */
function besideOf(url: string): string {
  const beside = new URL(url);
  beside.pathname = `${beside.pathname}_signer`;
  return beside.href;
}

/** The variables that the configuration refers to; the URLs may hold providers' keys. */
export function rpcVariables({ rpcUrls }: FacilitatorSettings): Record<string, string> {
  return Object.fromEntries(rpcUrls.map((url, index) => [rpcVariable(index), url]));
}

const rpcVariable = (index: number) => `PAYONCE_RPC_URL_${index + 1}`;

/** The configuration file that a facilitator runs on. Pure; holds no secret. */
export function configurationOf(
  settings: FacilitatorSettings,
  decimals: readonly number[],
): string {
  const development = settings.chainId === DEVELOPMENT_CHAIN_ID;
  const chain = `eip155-${settings.chainId}`;
  const assets = settings.tokens.map(({ address, name, version }, index) => ({
    id: `TOKEN-${index + 1}`,
    chain,
    address: checksummed(address),
    decimals: decimals[index],
    eip712: { name, version },
    tiers: [{ name: 'all', commitAt: 'finalized', waitUntil: settings.waitUntil }],
  }));
  const file = {
    database: { url: { env: 'DATABASE_URL' }, poolSize: 16 },
    signer: {
      database: { url: { env: 'SIGNER_DATABASE_URL' } },
      keys: [{ id: 'facilitator', privateKey: { env: 'FACILITATOR_KEY' } }],
      witness: { file: 'payonce.witness', begins: true },
    },
    http: { host: settings.host, port: settings.port },
    chains: [
      {
        id: chain,
        chainId: settings.chainId,
        rpc: settings.rpcUrls.map((url, index) => ({
          url: { env: rpcVariable(index) },
          ...(url.startsWith('http:') ? { allowPlainHttp: true } : {}),
        })),
        ...(development ? { beginAt: 'latest' } : {}),
        fees: { maxFeePerGasGwei: settings.maxFeePerGasGwei },
        pollMs: development ? 100 : 500,
      },
    ],
    assets,
    lanes: [
      {
        chain,
        address: checksummed(settings.address),
        key: 'facilitator',
        tenant: TENANT,
      },
    ],
    x402: {
      merchants: [
        {
          tenant: TENANT,
          name: MERCHANT,
          payTo: settings.payTo.map(checksummed),
          assets: assets.map(({ id }) => ({ asset: id })),
        },
      ],
      ...(settings.anonymous ? { anonymous: { tenant: TENANT, merchant: MERCHANT } } : {}),
    },
  };
  const head = '# Written by every `payonce facilitator` from its environment.\n';
  return (
    head +
    stringify(file, { lineWidth: 0, defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN' })
  );
}
