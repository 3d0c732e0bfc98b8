import { accessSync, constants } from 'node:fs';
import { parseAmount } from '../kernel/index.ts';
import { readAddress, readChainOf } from './assets.ts';
import { DEVELOPMENT_CHAIN_ID, refuseRepeat } from './chains.ts';
import { type Faults, hidden, shown } from './faults.ts';
import type { ConfigFile } from './schema.ts';
import type { Secrets } from './secrets.ts';
import type { AssetSettings, ChainSettings, KeySettings, LaneSettings } from './settings.ts';
import type { Loose } from './shape.ts';

type Lanes = Loose<NonNullable<ConfigFile['lanes']>>;
type Keys = Loose<NonNullable<NonNullable<ConfigFile['signer']>['keys']>>;

/** Opens nothing but the secrets; whether a keystore fits its password is found by the signer. */
export function readKeys(sections: Keys, secrets: Secrets, faults: Faults): KeySettings[] {
  return sections.flatMap((section = {}, index): KeySettings[] => {
    const path = `signer.keys[${index}]`;
    const { id = '', keystore, development } = section;
    if (keystore !== undefined) {
      const source = keystore.password;
      const password = source && secrets.read(`${path}.keystore.password`, source);
      if (keystore.file === undefined) return [];
      const file = secrets.pathOf(keystore.file);
      if (!isReadable(file)) {
        faults.add(`${path}.keystore.file`, `no readable file ${file}`, 'a keystore v3 file');
      }
      return [{ id, kind: 'keystore', file, password: password ?? '' }];
    }
    const source = development?.privateKey;
    if (source === undefined) return [];
    const at = `${path}.development.privateKey`;
    const privateKey = typeof source === 'string' ? source : (secrets.read(at, source) ?? '');
    if (privateKey !== '' && !/^0x[0-9a-fA-F]{64}$/.test(privateKey)) {
      faults.add(at, hidden(privateKey), '"0x" and 64 hex digits');
    }
    return [{ id, kind: 'development', privateKey }];
  });
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Meaning of the lanes section, and of the keys' places in it. A lane names a key by id; keys that
 * this process may not read are judged by their sections, so that every process refuses the same file.
 */
export function readLanes(
  sections: Lanes,
  keys: Keys,
  { chains, assets }: { chains: readonly ChainSettings[]; assets: readonly AssetSettings[] },
  faults: Faults,
): LaneSettings[] {
  const keyIds = new Map<string, number>();
  keys.forEach((key, index) => {
    refuseRepeat(keyIds, key?.id ?? '', index, `signer.keys[${index}].id`, 'signer.keys', faults);
  });
  const wallets = new Map<string, number>();
  const addressOfKey = new Map<string, string>();
  return sections.map((section = {}, index) => {
    const path = `lanes[${index}]`;
    const { chain = '', key = '', tenant = '' } = section;
    const chainId = readChainOf(section.chain, `${path}.chain`, chains, faults);
    const address =
      section.address === undefined
        ? '0x'
        : readAddress(section.address, `${path}.address`, faults);
    if (chainId !== 0 && address !== '0x') {
      // Two allocators of one wallet's nonces would pay with the same nonce twice.
      refuseRepeat(wallets, `${address} on ${chain}`, index, path, 'lanes', faults);
    }
    if (key !== '') {
      checkKey({ key, chain, chainId, address, path }, keys, addressOfKey, faults);
    }
    return { chain, chainId, address, key, tenant, ...readMinimums(section, path, assets, faults) };
  });
}

const NATIVE_DECIMALS = 18;

function readMinimums(
  section: NonNullable<Lanes[number]>,
  path: string,
  assets: readonly AssetSettings[],
  faults: Faults,
): Pick<LaneSettings, 'minGas' | 'minBalances'> {
  const amountOf = (text: string | undefined, decimals: number, at: string): bigint => {
    const amount = text === undefined ? 0n : parseAmount(text, decimals);
    if (typeof amount === 'bigint') return amount;
    faults.add(at, shown(text), `a decimal string with at most ${decimals} decimals`);
    return 0n;
  };
  const named = new Map<string, number>();
  return {
    minGas: amountOf(section.minGas, NATIVE_DECIMALS, `${path}.minGas`),
    minBalances: (section.minBalances ?? []).flatMap((minimum = {}, index) => {
      const at = `${path}.minBalances[${index}]`;
      if (minimum.asset === undefined) return [];
      refuseRepeat(named, minimum.asset, index, `${at}.asset`, `${path}.minBalances`, faults);
      const asset = assets.find(({ id, chain }) => id === minimum.asset && chain === section.chain);
      if (asset === undefined) {
        const known = assets.filter(({ chain }) => chain === section.chain).map(({ id }) => id);
        faults.add(
          `${at}.asset`,
          shown(minimum.asset),
          `an asset of the chain: ${known.join(', ')}`,
        );
        return [];
      }
      const amount = amountOf(minimum.amount, asset.decimals, `${at}.amount`);
      return [{ asset: asset.caip19, amount }];
    }),
  };
}

function checkKey(
  lane: { key: string; chain: string; chainId: number; address: string; path: string },
  keys: Keys,
  addressOfKey: Map<string, string>,
  faults: Faults,
): void {
  const path = `${lane.path}.key`;
  const known = keys.every((one) => one?.id !== undefined);
  const section = keys.find((one) => one?.id === lane.key);
  if (section === undefined && keys.length > 0 && known) {
    faults.add(path, shown(lane.key), `one of the keys ${keys.map((one) => one?.id).join(', ')}`);
  }
  // 0 stands for a chain that is not known, which has a fault of its own.
  if (section?.development !== undefined && ![0, DEVELOPMENT_CHAIN_ID].includes(lane.chainId)) {
    faults.add(
      path,
      `the development key ${lane.key} on chain ${lane.chain} (${lane.chainId})`,
      `a keystore key; development keys are public and only for chain ${DEVELOPMENT_CHAIN_ID}`,
    );
  }
  if (lane.address === '0x') return;
  const other = addressOfKey.get(lane.key);
  if (other === undefined) addressOfKey.set(lane.key, lane.address);
  else if (other !== lane.address) {
    faults.add(path, `${shown(lane.key)}, the key of ${other}`, 'one key per address');
  }
}
