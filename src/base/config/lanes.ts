import { accessSync, constants } from 'node:fs';
import { parseAmount } from '../kernel/index.ts';
import { readAddress, readChainOf } from './assets.ts';
import { DEVELOPMENT_CHAIN_ID, refuseRepeat } from './chains.ts';
import { type Faults, hidden, shown } from './faults.ts';
import type { ConfigFile } from './schema/schema.ts';
import type { Secrets } from './secrets.ts';
import type {
  AssetSettings,
  AwsPlace,
  ChainSettings,
  KeySettings,
  LaneSettings,
  TreasurySettings,
} from './settings.ts';
import type { Loose } from './shape.ts';

type Keys = Loose<NonNullable<NonNullable<ConfigFile['signer']>['keys']>>;

/** A quarter of what AWS allows an account in most regions, for four keys or four signers of one. */
const KMS_REQUESTS_PER_SECOND = 250;

/** Opens nothing but the secrets; whether a keystore fits its password is found by the signer. */
export function readKeys(sections: Keys, secrets: Secrets, faults: Faults): KeySettings[] {
  return sections.flatMap((section = {}, index): KeySettings[] => {
    const path = `signer.keys[${index}]`;
    const { id = '', keystore, privateKey: secret, development, kms, secretsManager } = section;
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
    if (secret !== undefined) {
      const at = `${path}.privateKey`;
      const privateKey = secrets.read(at, secret) ?? '';
      return [{ id, kind: 'privateKey', privateKey: hexKey(privateKey, at, faults) }];
    }
    if (kms !== undefined) {
      const { keyId = '', requestsPerSecond = KMS_REQUESTS_PER_SECOND } = kms;
      const place = readAwsPlace(kms, keyId, `${path}.kms`, faults);
      return [{ id, kind: 'kms', keyId, requestsPerSecond, ...place }];
    }
    if (secretsManager !== undefined) {
      const { secretId = '', password: source } = secretsManager;
      const at = `${path}.secretsManager`;
      const place = readAwsPlace(secretsManager, secretId, at, faults);
      const password = source && secrets.read(`${at}.password`, source);
      const opened = password === undefined ? {} : { password };
      return [{ id, kind: 'secretsManager', secretId, ...place, ...opened }];
    }
    const source = development?.privateKey;
    if (source === undefined) return [];
    const at = `${path}.development.privateKey`;
    const privateKey = typeof source === 'string' ? source : (secrets.read(at, source) ?? '');
    return [{ id, kind: 'development', privateKey: hexKey(privateKey, at, faults) }];
  });
}

/** As it is, with a fault where it is none; what is missing was told before. */
function hexKey(text: string, path: string, faults: Faults): string {
  if (text !== '' && !/^0x[0-9a-fA-F]{64}$/.test(text)) {
    faults.add(path, hidden(text), '"0x" and 64 hex digits');
  }
  return text;
}

/** Where something is held: `name` may be an ARN, which names a region as well. */
export function readAwsPlace(
  { region = '', endpoint }: Loose<AwsPlace>,
  name: string,
  path: string,
  faults: Faults,
): AwsPlace {
  const named = /^arn:[^:]*:[^:]*:([^:]+):/.exec(name)?.[1];
  if (named !== undefined && region !== '' && named !== region) {
    faults.add(`${path}.region`, shown(region), `${named}, the region that the ARN names`);
  }
  if (endpoint === undefined) return { region };
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(url?.hostname ?? '');
  const secure = url?.protocol === 'https:' || (url?.protocol === 'http:' && loopback);
  if (url === null || !secure || url.username !== '' || url.password !== '') {
    faults.add(
      `${path}.endpoint`,
      hidden(endpoint),
      'an https URL without a password, or an http URL of a loopback host',
    );
  }
  return { region, endpoint };
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

type Known = { chains: readonly ChainSettings[]; assets: readonly AssetSettings[] };
type File = Loose<Pick<ConfigFile, 'lanes' | 'treasury' | 'signer'>>;

/**
 * Meaning of the lanes and treasury sections, and of the keys' places in them. A wallet names a key by id; keys
 * that this process may not read are judged by their sections, so that every process refuses the same file.
 */
export function readWallets(
  file: File,
  known: Known,
  faults: Faults,
): { lanes: LaneSettings[]; treasury: TreasurySettings[] } {
  const keys = file.signer?.keys ?? [];
  const keyIds = new Map<string, number>();
  keys.forEach((key, index) => {
    refuseRepeat(keyIds, key?.id ?? '', index, `signer.keys[${index}].id`, 'signer.keys', faults);
  });
  const taken: Taken = { wallets: new Map(), addressOfKey: new Map(), keys };
  const lanes = (file.lanes ?? []).map((section = {}, index) => {
    const path = `lanes[${index}]`;
    const minimums = {
      minGas: readNative(section.minGas, `${path}.minGas`, faults),
      minBalances: readAmounts(section, 'minBalances', path, known, faults),
    };
    return {
      ...readWallet(section, path, known, taken, faults),
      purpose: 'pay' as const,
      ...minimums,
      ...(section.retired ? { retired: section.retired } : {}),
    };
  });
  const ofTenant = new Map<string, number>();
  const wallets = (file.treasury ?? []).map((section = {}, index) => {
    const path = `treasury[${index}]`;
    const wallet = readWallet(section, path, known, taken, faults);
    const { chain, tenant } = wallet;
    if (chain !== '' && tenant !== '') {
      refuseRepeat(ofTenant, `${tenant} on ${chain}`, index, path, 'treasury', faults);
    }
    const topUp = section.topUp === undefined ? null : readTopUp(section.topUp, path, faults);
    return { wallet, topUp, keep: readAmounts(section, 'keep', path, known, faults) };
  });
  const filling = wallets.map(({ wallet }) => ({
    ...{ ...wallet, purpose: 'treasury' as const, minGas: 0n, minBalances: [] },
  }));
  return {
    lanes: [...lanes, ...filling],
    treasury: wallets.map(({ wallet: { chainId, address, tenant }, topUp, keep }) => ({
      ...{ chainId, address, tenant, topUp, keep },
    })),
  };
}

type Taken = {
  /** Wallet → the path that has it. */
  wallets: Map<string, string>;
  addressOfKey: Map<string, string>;
  keys: Keys;
};
type WalletSection = Loose<NonNullable<ConfigFile['lanes']>[number]>;

function readWallet(
  section: Pick<WalletSection, 'chain' | 'address' | 'key' | 'tenant'>,
  path: string,
  { chains }: Known,
  { wallets, addressOfKey, keys }: Taken,
  faults: Faults,
): Pick<LaneSettings, 'chain' | 'chainId' | 'address' | 'key' | 'tenant'> {
  const { chain = '', key = '', tenant = '' } = section;
  const chainId = readChainOf(section.chain, `${path}.chain`, chains, faults);
  const address =
    section.address === undefined ? '0x' : readAddress(section.address, `${path}.address`, faults);
  if (chainId !== 0 && address !== '0x') {
    // Two allocators of one wallet's nonces would pay with the same nonce twice.
    const wallet = `${address} on ${chain}`;
    const first = wallets.get(wallet);
    if (first === undefined) wallets.set(wallet, path);
    else faults.add(path, `${shown(wallet)}, which ${first} has`, 'a value of its own');
  }
  if (key !== '') checkKey({ key, chain, chainId, address, path }, keys, addressOfKey, faults);
  return { chain, chainId, address, key, tenant };
}

function readTopUp(
  section: Loose<NonNullable<NonNullable<ConfigFile['treasury']>[number]['topUp']>>,
  path: string,
  faults: Faults,
): NonNullable<TreasurySettings['topUp']> {
  const at = `${path}.topUp`;
  const topUp = {
    below: readNative(section.below, `${at}.below`, faults),
    amount: readNative(section.amount, `${at}.amount`, faults),
    perDay: readNative(section.perDay, `${at}.perDay`, faults),
  };
  if (topUp.amount === 0n && section.amount !== undefined) {
    faults.add(`${at}.amount`, shown(section.amount), 'more than 0');
  }
  if (topUp.perDay < topUp.amount) {
    faults.add(`${at}.perDay`, shown(section.perDay), 'at least amount');
  }
  return topUp;
}

const NATIVE_DECIMALS = 18;

function readNative(text: string | undefined, path: string, faults: Faults): bigint {
  return readDecimal(text, NATIVE_DECIMALS, path, faults);
}

function readDecimal(
  text: string | undefined,
  decimals: number,
  path: string,
  faults: Faults,
): bigint {
  const amount = text === undefined ? 0n : parseAmount(text, decimals);
  if (typeof amount === 'bigint') return amount;
  faults.add(path, shown(text), `a decimal string with at most ${decimals} decimals`);
  return 0n;
}

/** A list of { asset, amount } of the wallet's chain. */
function readAmounts<Name extends string>(
  section: { chain?: string | undefined } & {
    [key in Name]?: WalletSection['minBalances'];
  },
  name: Name,
  path: string,
  { assets }: Known,
  faults: Faults,
): { asset: string; amount: bigint }[] {
  const named = new Map<string, number>();
  const { chain } = section;
  const list: NonNullable<WalletSection['minBalances']> = section[name] ?? [];
  return list.flatMap((entry = {}, index) => {
    const at = `${path}.${name}[${index}]`;
    if (entry.asset === undefined) return [];
    refuseRepeat(named, entry.asset, index, `${at}.asset`, `${path}.${name}`, faults);
    const here = assets.filter((asset) => asset.chain === chain);
    const asset = here.find(({ id }) => id === entry.asset);
    if (asset === undefined) {
      const known = here.map(({ id }) => id).join(', ');
      faults.add(`${at}.asset`, shown(entry.asset), `an asset of the chain: ${known}`);
      return [];
    }
    const amount = readDecimal(entry.amount, asset.decimals, `${at}.amount`, faults);
    return [{ asset: asset.caip19, amount }];
  });
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
