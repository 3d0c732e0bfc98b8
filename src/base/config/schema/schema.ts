import { type Static, Type } from 'typebox';
import { METHODS, PATH_PATTERN, PLAIN_URL } from '../../kernel/index.ts';
import { URGENCIES } from '../settings.ts';
import { Audit } from './audit.ts';
import { guardSections } from './guard.ts';
import { Key } from './keys.ts';
import { Address, Amount, closed, id, integer, NETWORK, PUBLIC_URL, Secret } from './parts.ts';
import { ChallengeRates, RateLimitSection } from './rate-limit.ts';
import { Screening } from './screening.ts';
import { Lane, Treasury } from './wallets.ts';

const Rpc = Type.Object(
  {
    url: Type.Union([Secret, Type.String({ minLength: 1, writeOnly: true })], {
      description: '{ env: NAME }, { file: PATH }, or the URL of a loopback or private host',
      writeOnly: true,
    }),
    roles: Type.Optional(
      Type.Array(Type.Enum(['read', 'send', 'quorum', 'private']), {
        minItems: 1,
        description: 'a list of read, send, quorum, private',
      }),
    ),
    name: Type.Optional(id('a name of 1 to 64 characters of A-Z a-z 0-9 . _ -')),
    allowPlainHttp: Type.Optional(Type.Boolean({ description: 'true or false' })),
    requestsPerSecond: Type.Optional(integer(1, 100_000, ' calls a second')),
    burst: Type.Optional(integer(1, 100_000, ' calls')),
    maxConcurrent: Type.Optional(integer(1, 1_000, ' requests at a time')),
    timeoutMs: Type.Optional(
      Type.Object(
        {
          read: Type.Optional(integer(100, 120_000, ' ms')),
          send: Type.Optional(integer(100, 120_000, ' ms')),
          logs: Type.Optional(integer(100, 120_000, ' ms')),
        },
        closed,
      ),
    ),
    maxBatch: Type.Optional(integer(1, 1_000, ' calls in one request')),
  },
  closed,
);

const Chain = Type.Object(
  {
    id: id('a name of 1 to 64 characters of A-Z a-z 0-9 . _ -'),
    chainId: integer(1, Number.MAX_SAFE_INTEGER, ''),
    rpc: Type.Array(Rpc, { minItems: 1, description: 'a list of at least one { url, roles }' }),
    quorum: Type.Optional(integer(1, 100, ' endpoints')),
    window: Type.Optional(integer(1, 65_536, ' slots')),
    fees: Type.Object(
      {
        maxFeePerGasGwei: Amount('a decimal string in quotes, like "50", above 0'),
        minPriorityFeePerGasGwei: Type.Optional(Amount('a decimal string in quotes, like "1"')),
        percentile: Type.Optional(integer(1, 99, '')),
        blocks: Type.Optional(integer(1, 1_024, ' blocks')),
        baseFeeMultiplier: Type.Optional(Amount('a decimal string in quotes, like "2"')),
        urgency: Type.Optional(Type.Enum([...URGENCIES])),
      },
      closed,
    ),
    finality: Type.Optional(
      Type.Object(
        {
          tag: Type.Optional(Type.Enum(['finalized', 'safe', 'latest'])),
          minDepth: Type.Optional(integer(0, 1_000_000, ' blocks')),
          maxReorgDepth: Type.Optional(integer(1, 1_000_000, ' blocks')),
        },
        closed,
      ),
    ),
    beginAt: Type.Optional(Type.Enum(['latest'])),
    resendAfterMs: Type.Optional(integer(100, 3_600_000, ' ms')),
    replaceAfterMs: Type.Optional(integer(100, 86_400_000, ' ms')),
    pollMs: Type.Optional(integer(50, 60_000, ' ms')),
  },
  closed,
);

const TierSection = Type.Object(
  {
    name: id('a name of 1 to 64 characters of A-Z a-z 0-9 . _ -'),
    upTo: Type.Optional(Amount('a decimal string in quotes, like "1000"')),
    commitAt: Type.Enum(['safe', 'finalized']),
    waitUntil: Type.Optional(Type.Enum(['included', 'safe', 'finalized'])),
  },
  closed,
);

const Asset = Type.Object(
  {
    id: id('a name of 1 to 64 characters of A-Z a-z 0-9 . _ -'),
    chain: Type.String({ description: 'the id of a chain of this file' }),
    address: Type.Optional(Address),
    decimals: integer(0, 36, ''),
    eip712: Type.Optional(
      Type.Object(
        {
          name: Type.String({
            minLength: 1,
            maxLength: 128,
            description: 'the name in its domain',
          }),
          version: Type.String({ minLength: 1, maxLength: 32, description: 'the version there' }),
        },
        { ...closed, description: 'the EIP-712 domain of an ERC-3009 token: { name, version }' },
      ),
    ),
    minimum: Type.Optional(Amount('a decimal string in quotes, like "1"')),
    fee: Type.Optional(Amount('a decimal string in quotes, like "0.50"')),
    tiers: Type.Array(TierSection, {
      minItems: 1,
      description: 'a list of at least one { name, upTo, commitAt }',
    }),
  },
  closed,
);

const Merchant = Type.Object(
  {
    tenant: id('the name of a tenant'),
    name: id('a name of 1 to 63 characters of a-z 0-9 -'),
    payTo: Type.Array(Address, { minItems: 1, description: 'a list of addresses' }),
    assets: Type.Array(
      Type.Object(
        {
          asset: Type.String({ description: 'the id of an asset of this file' }),
          maxAmount: Type.Optional(Amount('a decimal string in quotes, like "100"')),
        },
        closed,
      ),
      { minItems: 1, description: 'a list of { asset, maxAmount }' },
    ),
    offers: Type.Optional(
      Type.Array(
        Type.Object(
          {
            method: Type.Enum([...METHODS]),
            path: Type.String({ description: PATH_PATTERN }),
            upstream: Type.String({ description: PLAIN_URL }),
          },
          closed,
        ),
        { description: 'a list of { method, path, upstream }' },
      ),
    ),
    replays: Type.Optional(Type.Boolean({ description: 'true or false' })),
  },
  closed,
);

const X402 = Type.Object(
  {
    challengeRates: Type.Optional(ChallengeRates),
    merchants: Type.Optional(
      Type.Array(Merchant, { description: 'a list of { tenant, name, payTo, assets }' }),
    ),
    anonymous: Type.Optional(
      Type.Object(
        {
          tenant: id('the name of a tenant'),
          merchant: id('the name of one of its merchants'),
        },
        { ...closed, description: '{ tenant, merchant }: whose payments need no API key' },
      ),
    ),
    waitSeconds: Type.Optional(integer(1, 60, ' seconds')),
    upstreamNetworks: Type.Optional(
      Type.Array(Type.String({ description: NETWORK }), {
        description: `a list of networks, each ${NETWORK}`,
      }),
    ),
    verifyLeaseSeconds: Type.Optional(integer(0, 300, ' seconds (0: none)')),
    keepAnswersDays: Type.Optional(integer(1, 3_650, ' days')),
    priceDelaySeconds: Type.Optional(integer(0, 2_592_000, ' seconds')),
  },
  closed,
);

const PolicySection = Type.Object(
  { looseningDelaySeconds: Type.Optional(integer(0, 2_592_000, ' seconds')) },
  closed,
);

const Checks = Type.Object(
  {
    everySeconds: Type.Optional(integer(10, 86_400, ' seconds')),
    stuckAfterSeconds: Type.Optional(integer(10, 604_800, ' seconds')),
    reconcileEverySeconds: Type.Optional(integer(0, 2_592_000, ' seconds (0: never)')),
  },
  closed,
);

export const ConfigSchema = Type.Object(
  {
    database: Type.Optional(
      Type.Object(
        { url: Type.Optional(Secret), poolSize: Type.Optional(integer(1, 500, ' connections')) },
        closed,
      ),
    ),
    signer: Type.Optional(
      Type.Object(
        {
          database: Type.Optional(Type.Object({ url: Type.Optional(Secret) }, closed)),
          keys: Type.Optional(Type.Array(Key, { description: 'a list of keys' })),
          ...guardSections,
          witness: Type.Optional(
            Type.Object(
              {
                file: Type.String({
                  minLength: 1,
                  description:
                    'the path of a file, relative to this one, on another disk than both databases',
                }),
                begins: Type.Optional(Type.Literal(true)),
              },
              closed,
            ),
          ),
          audit: Type.Optional(Type.Object({ key: Secret }, closed)),
        },
        closed,
      ),
    ),
    audit: Type.Optional(Audit),
    http: Type.Optional(
      Type.Object(
        {
          host: Type.Optional(Type.String({ minLength: 1, description: 'a host name or address' })),
          port: Type.Optional(integer(0, 65_535, ' (0: any free port)')),
          bodyLimit: Type.Optional(
            Type.Union(
              [
                Type.Integer({ minimum: 1 }),
                Type.String({ pattern: '^[1-9][0-9]{0,9}(B|KiB|MiB)?$' }),
              ],
              { description: 'a size from 1KiB to 64MiB: 512KiB, 1MiB, or a number of bytes' },
            ),
          ),
          publicUrl: Type.Optional(Type.String({ description: PUBLIC_URL })),
          trustedProxies: Type.Optional(
            Type.Array(Type.String({ description: NETWORK }), {
              description: `a list of networks, each ${NETWORK}`,
            }),
          ),
          rateLimits: Type.Optional(
            Type.Object(
              { key: Type.Optional(RateLimitSection), tenant: Type.Optional(RateLimitSection) },
              closed,
            ),
          ),
        },
        closed,
      ),
    ),
    chains: Type.Array(Chain, { minItems: 1, description: 'a list of at least one chain' }),
    assets: Type.Array(Asset, { minItems: 1, description: 'a list of at least one asset' }),
    lanes: Type.Optional(
      Type.Array(Lane, { description: 'a list of { chain, address, key, tenant }' }),
    ),
    treasury: Type.Optional(
      Type.Array(Treasury, {
        description: 'a list of { chain, address, key, tenant, topUp, keep }',
      }),
    ),
    x402: Type.Optional(X402),
    policy: Type.Optional(PolicySection),
    screening: Type.Optional(Screening),
    checks: Type.Optional(Checks),
  },
  closed,
);

export type ConfigFile = Static<typeof ConfigSchema>;

/** The JSON Schema (2020-12) of the configuration file; docs/config.schema.json is this, written out. */
export function configSchema(): Record<string, unknown> {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'payonce configuration file',
    ...(JSON.parse(JSON.stringify(ConfigSchema)) as Record<string, unknown>),
  };
}
