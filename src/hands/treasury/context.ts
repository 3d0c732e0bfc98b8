import type { ChainPort } from '../../base/chain/index.ts';
import type { Db } from '../../base/db/index.ts';
import type { Log } from '../../base/kernel/index.ts';
import type { Ledger } from '../../books/ledger/index.ts';

export type TreasuryContext = {
  db: Db;
  ledger: Ledger;
  /** Chains that may be used now. */
  chains: ReadonlyMap<number, { port: ChainPort }>;
  log: Log;
};
