import type { ChainPort } from '../../base/chain/index.ts';
import type {
  Assets,
  ChainSettings,
  LaneSettings,
  ScreeningSettings,
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
  /** Which of the lanes in the books are in service, and how old a word about a destination may be. */
  settings: {
    lanes: readonly LaneSettings[];
    screening: Pick<ScreeningSettings, 'maxAgeMs'> | null;
  };
  leases: LaneLeases;
  transferGas: TransferGas;
  feeMarkets: FeeMarkets;
  clock: Clock;
  log: Log;
};
