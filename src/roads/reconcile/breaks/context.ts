import type { Assets } from '../../../base/config/index.ts';
import type { Db, Sql } from '../../../base/db/index.ts';
import type { Refusal } from '../../../base/kernel/index.ts';
import type { Ledger } from '../../../books/ledger/index.ts';

type Decision = 'commit' | 'release' | 'reverse';

/** Who owns what a break is about: moves it and its reserve, in one transaction that `finish` ends. */
export type BreakOwner = {
  judge(id: string, decision: Decision): Promise<Refusal | null>;
  resolve(
    id: string,
    decision: Decision,
    finish: (sql: Sql, transferIds: string[]) => Promise<void>,
  ): Promise<Refusal | null>;
  isUnderWay(sql: Sql, id: string): Promise<boolean>;
};

export type BreakContext = {
  db: Db;
  ledger: Ledger;
  assets: Assets;
  chains: readonly { id: string; chainId: number }[];
  /** By the kind of owner. */
  owners: Readonly<Record<string, BreakOwner>>;
};
