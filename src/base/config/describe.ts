import { checksummed, formatAmount } from '../kernel/index.ts';
import { describeGuard } from './guard/describe.ts';
import type { ScreeningProviderSettings } from './screening/settings.ts';
import type { Settings } from './settings.ts';

/**
 * The settings for a log line or `config check`, without a secret: of a URL only protocol and host
 * (paths and queries carry API keys), of a key only its id and kind. Amounts in the asset's unit.
 */
export function describeSettings(settings: Settings): Record<string, unknown> {
  return {
    policyVersion: settings.policyVersion,
    database: { host: hostOf(settings.database.url), poolSize: settings.database.poolSize },
    signer: settings.signer && {
      database: { host: hostOf(settings.signer.databaseUrl) },
      witnessFile: settings.signer.witnessFile,
      keys: settings.signer.keys.map(({ id, kind }) => ({ id, kind })),
      signsAuditBlocks: settings.signer.auditKey !== null,
    },
    audit: settings.audit,
    http: settings.http,
    chains: settings.chains.map((chain) => ({
      ...chain,
      rpc: chain.rpc.map(({ url, ...endpoint }) => ({ host: hostOf(url), ...endpoint })),
      fees: {
        maxFeePerGasGwei: formatAmount(chain.fees.maxFeePerGas, 9),
        minPriorityFeePerGasGwei: formatAmount(chain.fees.minPriorityFeePerGas, 9),
        percentile: chain.fees.percentile,
        blocks: chain.fees.blocks,
        baseFeeMultiplier: formatAmount(chain.fees.baseFeeMultiplier, 3),
        urgency: chain.fees.urgency,
      },
    })),
    assets: settings.assets.map((asset) => ({
      id: asset.id,
      caip19: asset.caip19,
      decimals: asset.decimals,
      ...(asset.eip712 === undefined ? {} : { eip712: asset.eip712 }),
      minimum: formatAmount(asset.minimum, asset.decimals),
      fee: formatAmount(asset.fee, asset.decimals),
      tiers: asset.tiers.map(({ name, upTo, ...levels }) => ({
        name,
        upTo: upTo === null ? 'unlimited' : formatAmount(upTo, asset.decimals),
        ...levels,
      })),
    })),
    lanes: ofPurpose(settings, 'pay').map(({ minGas, minBalances, retired, ...lane }) => ({
      ...describeWallet(lane),
      ...(retired ? { retired } : {}),
      ...(minGas > 0n ? { minGas: formatAmount(minGas, 18) } : {}),
      ...(minBalances.length > 0
        ? { minBalances: minBalances.map((minimum) => describeMinimum(settings, minimum)) }
        : {}),
    })),
    treasury: ofPurpose(settings, 'treasury').map((lane) => {
      const { topUp, keep } = settings.treasury.find(
        (one) => one.chainId === lane.chainId && one.address === lane.address,
      )!;
      return {
        ...describeWallet(lane),
        ...(topUp === null
          ? {}
          : {
              topUp: {
                below: formatAmount(topUp.below, 18),
                amount: formatAmount(topUp.amount, 18),
                perDay: formatAmount(topUp.perDay, 18),
              },
            }),
        keep: keep.map((kept) => describeMinimum(settings, kept)),
      };
    }),
    guard: describeGuard(settings),
    x402: {
      ...settings.x402,
      merchants: settings.x402.merchants.map(({ tenant, name }) => ({ tenant, name })),
    },
    policy: settings.policy,
    screening: settings.screening && {
      ...settings.screening,
      provider: settings.screening.provider && describeProvider(settings.screening.provider),
    },
    checks: settings.checks,
  };
}

function ofPurpose({ lanes }: Settings, purpose: 'pay' | 'treasury') {
  return lanes.filter((lane) => lane.purpose === purpose);
}

function describeWallet({
  chain,
  address,
  key,
  tenant,
}: Pick<Settings['lanes'][number], 'chain' | 'address' | 'key' | 'tenant'>) {
  return { chain, address: checksummed(address), key, tenant };
}

function describeMinimum(
  { assets }: Settings,
  { asset, amount }: Settings['lanes'][number]['minBalances'][number],
) {
  const { id, decimals } = assets.find(({ caip19 }) => caip19 === asset)!;
  return { asset: id, amount: formatAmount(amount, decimals) };
}

function describeProvider({ url, header, ...rest }: ScreeningProviderSettings) {
  return { host: hostOf(url), header: header?.name ?? null, ...rest };
}

function hostOf(url: string): string {
  if (!URL.canParse(url)) return '(not a URL)';
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}
