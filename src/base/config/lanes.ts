import { accessSync, constants } from 'node:fs';
import { readAddress, readChainOf } from './assets.ts';
import { DEVELOPMENT_CHAIN_ID, refuseRepeat } from './chains.ts';
import { type Faults, hidden, shown } from './faults.ts';
import type { ConfigFile } from './schema.ts';
import type { Secrets } from './secrets.ts';
import type { AwsPlace, ChainSettings, KeySettings, LaneSettings } from './settings.ts';
import type { Loose } from './shape.ts';

type Lanes = Loose<NonNullable<ConfigFile['lanes']>>;
type Keys = Loose<NonNullable<NonNullable<ConfigFile['signer']>['keys']>>;

/** A quarter of what AWS allows an account in most regions, for four keys or four signers of one. */
const KMS_REQUESTS_PER_SECOND = 250;

/** Opens nothing but the secrets; whether a keystore fits its password is found by the signer. */
export function readKeys(sections: Keys, secrets: Secrets, faults: Faults): KeySettings[] {
  return sections.flatMap((section = {}, index): KeySettings[] => {
    const path = `signer.keys[${index}]`;
    const { id = '', keystore, development, kms, secretsManager } = section;
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
    if (kms !== undefined) {
      const { keyId = '', requestsPerSecond = KMS_REQUESTS_PER_SECOND } = kms;
      const place = readPlace(kms, keyId, `${path}.kms`, faults);
      return [{ id, kind: 'kms', keyId, requestsPerSecond, ...place }];
    }
    if (secretsManager !== undefined) {
      const { secretId = '', password: source } = secretsManager;
      const at = `${path}.secretsManager`;
      const place = readPlace(secretsManager, secretId, at, faults);
      const password = source && secrets.read(`${at}.password`, source);
      const opened = password === undefined ? {} : { password };
      return [{ id, kind: 'secretsManager', secretId, ...place, ...opened }];
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

/** Where a key is held: `name` may be an ARN, which names a region as well. */
function readPlace(
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

/**
 * Meaning of the lanes section, and of the keys' places in it. A lane names a key by id; keys that
 * this process may not read are judged by their sections, so that every process refuses the same file.
 */
export function readLanes(
  sections: Lanes,
  keys: Keys,
  chains: readonly ChainSettings[],
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
    const { chain = '', key = '', tenant = '', retired = false } = section;
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
    return { chain, chainId, address, key, tenant, ...(retired ? { retired } : {}) };
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
