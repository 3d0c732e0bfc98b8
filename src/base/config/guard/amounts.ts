import { caip19, parseAmount } from '../../kernel/index.ts';
import { type Faults, shown } from '../faults.ts';
import type { AssetSettings, ChainSettings } from '../settings.ts';

/** An asset by its id, with an amount in its unit: `{ asset, [name] }` at `path`. Empty and 0 after a fault. */
export type AmountOf = (
  asset: string | undefined,
  text: string | undefined,
  path: string,
  name: string,
) => { asset: string; chainId: number; amount: bigint };

const NATIVE_DECIMALS = 18;

export function amountReader(
  { assets, chains }: { assets: readonly AssetSettings[]; chains: readonly ChainSettings[] },
  faults: Faults,
): AmountOf {
  const known = new Map<string, { asset: string; chainId: number; decimals: number }>();
  for (const { chainId } of chains) {
    const asset = caip19(chainId, null);
    known.set(asset, { asset, chainId, decimals: NATIVE_DECIMALS });
  }
  for (const { id, caip19: asset, chainId, decimals } of assets) {
    for (const name of [id, asset]) known.set(name, { asset, chainId, decimals });
  }
  return (name, text, path, field) => {
    const found = known.get(name ?? '');
    if (name === undefined || found === undefined) {
      if (name !== undefined) {
        const ids = assets.map(({ id }) => id).join(', ');
        faults.add(`${path}.asset`, shown(name), `one of the assets ${ids}, or a native coin`);
      }
      return { asset: '', chainId: 0, amount: 0n };
    }
    const { asset, chainId, decimals } = found;
    const amount = text === undefined ? 0n : parseAmount(text, decimals);
    if (typeof amount === 'bigint') return { asset, chainId, amount };
    faults.add(
      `${path}.${field}`,
      shown(text),
      `a decimal string with at most ${decimals} decimals`,
    );
    return { asset, chainId, amount: 0n };
  };
}
