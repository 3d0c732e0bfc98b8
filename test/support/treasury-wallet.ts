import { privateKeyToAccount } from 'viem/accounts';
import { Assets, type Settings, type TreasurySettings } from '../../src/base/config/index.ts';
import type { Db } from '../../src/base/db/index.ts';
import type { Address } from '../../src/base/kernel/index.ts';
import { fundLane, PUBLIC_DEVELOPMENT_KEYS, rpcCall } from '../../src/doors/dev/index.ts';
import type { Installation } from './installation.ts';

const KEY = PUBLIC_DEVELOPMENT_KEYS[5]!;
export const TREASURY = privateKeyToAccount(KEY).address.toLowerCase() as Address;
export const ETHER = 10n ** 18n;
/** Above what the lanes begin with, so that each is short of gas. */
export const TOP_UP = { below: 10_005n * ETHER, amount: 10n * ETHER, perDay: 35n * ETHER };
/** Of the 10,000,000 USDC that a lane begins with. */
export const KEEP_USDC = 9_000_000_000_000n;

/** One more wallet, which fills the lanes and is swept to; for the settings of an installation. */
export function withTreasury(topUp: TreasurySettings['topUp']) {
  return async (base: Settings): Promise<Settings> => {
    const [chain] = base.chains;
    await fundLane(chain!.rpc[0]!.url, TREASURY, { nativeWei: 500n * ETHER, tokenAmount: 1n });
    for (let block = 0; block < 8; block += 1) await rpcCall(chain!.rpc[0]!.url, 'anvil_mine', []);
    const token = base.assets.find(({ id }) => id === 'USDC')!;
    const key = { id: 'treasury-1', kind: 'development' as const, privateKey: KEY };
    const { chainId, id: name } = chain!;
    const wallet = { chain: name, chainId, address: TREASURY, key: key.id, tenant: 'demo' };
    const keep = [{ asset: token.caip19, amount: KEEP_USDC }];
    return {
      ...base,
      signer: { ...base.signer!, keys: [...base.signer!.keys, key] },
      lanes: [...base.lanes, { ...wallet, purpose: 'treasury', minGas: 0n, minBalances: [] }],
      treasury: [{ chainId, address: TREASURY, tenant: 'demo', topUp, keep }],
    };
  };
}

/** What top-ups and sweeps are ordered with. */
export async function movesOf(on: Installation, db: Db) {
  const { lanes, treasury, assets } = on.settings;
  const [row] = await on.rows<{ id: string }>('SELECT installation_id AS id FROM installation');
  return { db, lanes, treasury, assets: new Assets(assets), installationId: row!.id };
}
