import { resolve } from 'node:path';
import { type Address, caip19, type Hex, parseNetwork } from '../kernel/index.ts';
import { policyVersionOf } from './assets.ts';
import { DEVELOPMENT_CHAIN_ID } from './chains.ts';
import { walletGroupsOfTenants } from './guard/read.ts';
import type { AssetSettings, Settings } from './settings.ts';
import { CHALLENGE_RATES } from './x402/read.ts';

type DevelopmentOptions = {
  databaseUrl: string;
  /** Null for a process that does not sign: its settings then hold no key. */
  signerDatabaseUrl: string | null;
  /** `payonce.witness` in the working folder unless told otherwise. */
  witnessFile?: string;
  /** The key of audit blocks; without it nothing is sealed. */
  audit?: { key: string; publicKey: Hex; anchorFile: string };
  rpcUrl: string;
  /** The deployed development token of 6 decimals. */
  token: Address;
  lanes: readonly { address: Address; keyId: string; privateKey: string }[];
  http?: { host?: string; port?: number };
};

export const DEVELOPMENT_TENANT = 'demo';
/** An API that is tried out runs beside it. */
export const DEVELOPMENT_UPSTREAMS = ['127.0.0.0/8', '::1/128'] as const;

const CHAIN = 'local';
const GWEI = 1_000_000_000n;
const USDC = 1_000_000n;
const ETHER = 1_000_000_000_000_000_000n;

/** The settings of the local start: one chain, one token and the native coin, small tiers. Pure. */
export function developmentSettings(options: DevelopmentOptions): Settings {
  const assets = developmentAssets(options.token);
  const lanes = options.lanes.map(({ address, keyId }) => ({
    chain: CHAIN,
    chainId: DEVELOPMENT_CHAIN_ID,
    address,
    key: keyId,
    tenant: DEVELOPMENT_TENANT,
    purpose: 'pay' as const,
    minGas: 0n,
    minBalances: [],
  }));
  return {
    policyVersion: policyVersionOf(assets),
    database: { url: options.databaseUrl, poolSize: 10 },
    signer:
      options.signerDatabaseUrl === null
        ? null
        : {
            databaseUrl: options.signerDatabaseUrl,
            witnessFile: resolve(options.witnessFile ?? 'payonce.witness'),
            keys: options.lanes.map(({ keyId, privateKey }) => ({
              id: keyId,
              kind: 'development',
              privateKey,
            })),
            auditKey: options.audit?.key ?? null,
          },
    audit:
      options.audit === undefined
        ? null
        : {
            anchor: { kind: 'file', path: options.audit.anchorFile },
            publicKeys: [options.audit.publicKey],
          },
    http: {
      host: options.http?.host ?? '127.0.0.1',
      port: options.http?.port ?? 8080,
      bodyLimitBytes: 1024 * 1024,
      publicUrl: null,
      trustedProxies: [],
      rateLimits: { key: null, tenant: null },
    },
    chains: [
      {
        id: CHAIN,
        chainId: DEVELOPMENT_CHAIN_ID,
        rpc: [{ url: options.rpcUrl, roles: ['read', 'send'] }],
        window: 4096,
        fees: {
          maxFeePerGas: 50n * GWEI,
          minPriorityFeePerGas: GWEI,
          percentile: 50,
          blocks: 20,
          baseFeeMultiplier: 2_000n,
          urgency: 'normal',
        },
        finality: { tag: 'finalized', minDepth: 0, maxReorgDepth: 64 },
        resendAfterMs: 15_000,
        replaceAfterMs: 30_000,
        pollMs: 500,
      },
    ],
    assets,
    lanes,
    treasury: [],
    guard: {
      approvals: {
        approvers: [],
        groups: [],
        thresholds: [],
        webauthn: null,
        expireAfterMs: 86_400_000,
      },
      walletGroups: walletGroupsOfTenants(lanes),
      limits: [],
    },
    x402: {
      merchants: [],
      anonymous: null,
      waitMs: 8_000,
      verifyLeaseMs: 20_000,
      keepAnswersMs: 90 * 86_400_000,
      priceDelayMs: 0,
      challengeRates: CHALLENGE_RATES,
      upstreamNetworks: DEVELOPMENT_UPSTREAMS.map((text) => parseNetwork(text)!),
    },
    policy: { looseningDelayMs: 86_400_000 },
    screening: null,
    checks: { everyMs: 300_000, stuckAfterMs: 900_000, reconcileEveryMs: 86_400_000 },
  };
}

function developmentAssets(token: Address): AssetSettings[] {
  const on = { chain: CHAIN, chainId: DEVELOPMENT_CHAIN_ID };
  return [
    {
      ...on,
      id: 'USDC',
      caip19: caip19(DEVELOPMENT_CHAIN_ID, token),
      address: token,
      decimals: 6,
      eip712: { name: 'USD Coin', version: '2' },
      minimum: USDC,
      fee: USDC / 2n,
      tiers: [
        { name: 'low', upTo: 1_000n * USDC, commitAt: 'safe' },
        { name: 'medium', upTo: 100_000n * USDC, commitAt: 'finalized' },
      ],
    },
    {
      ...on,
      id: 'ETH',
      caip19: caip19(DEVELOPMENT_CHAIN_ID, null),
      address: null,
      decimals: 18,
      minimum: ETHER / 1_000n,
      fee: ETHER / 2_000n,
      tiers: [
        { name: 'low', upTo: ETHER, commitAt: 'safe' },
        { name: 'medium', upTo: 50n * ETHER, commitAt: 'finalized' },
      ],
    },
  ];
}
