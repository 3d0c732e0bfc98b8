import type { Assets, Settings } from '../../base/config/index.ts';
import type { Db } from '../../base/db/index.ts';
import type { Log } from '../../base/kernel/index.ts';
import type { Ledger } from '../../books/ledger/index.ts';
import type { Policies } from '../../books/policy/index.ts';

/** What the steps of this road work with. */
export type WithdrawalContext = {
  db: Db;
  ledger: Ledger;
  assets: Assets;
  installationId: string;
  /** Of the configuration's tiers, which decide where no document rules. */
  policyVersion: string;
  /** What is asked of approvers, and what the signer will ask for. */
  settings: Pick<Settings, 'chains' | 'guard' | 'lanes' | 'screening'>;
  policies: Policies;
  log: Log;
};
