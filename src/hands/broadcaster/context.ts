import type { ChainPort } from '../../base/chain/index.ts';
import type { Assets, ChainSettings, LaneSettings } from '../../base/config/index.ts';
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
  /** Which of the lanes in the books are in service. */
  settings: { lanes: readonly LaneSettings[] };
  leases: LaneLeases;
  transferGas: TransferGas;
  feeMarkets: FeeMarkets;
  clock: Clock;
  log: Log;
};
