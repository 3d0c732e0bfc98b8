import type { ChainPort } from '../../base/chain/index.ts';
import type {
  Assets,
  ChainSettings,
  LaneSettings,
  ScreeningSettings,
  Settings,
} from '../../base/config/index.ts';
import type { Db } from '../../base/db/index.ts';
import type { Clock, Log } from '../../base/kernel/index.ts';
import type { Ledger } from '../../books/ledger/index.ts';
import type { FeeMarkets } from './gas/fee-markets.ts';
import type { TransferGas } from './gas/transfer-gas.ts';
import type { LaneLeases } from './leases.ts';

export type BroadcasterContext = {
  db: Db;
  ledger: Ledger;
  assets: Assets;
  chains: ReadonlyMap<number, { settings: ChainSettings; port: ChainPort }>;
  /** Which lanes are in service, how old a word about a destination may be, and what the signer will ask. */
  settings: Pick<Settings, 'guard' | 'treasury'> & {
    lanes: readonly LaneSettings[];
    screening: Pick<ScreeningSettings, 'maxAgeMs'> | null;
  };
  /** Of all that the signer takes from the configuration, as it stands here. */
  rulesDigest: Buffer;
  leases: LaneLeases;
  transferGas: TransferGas;
  feeMarkets: FeeMarkets;
  clock: Clock;
  log: Log;
};
