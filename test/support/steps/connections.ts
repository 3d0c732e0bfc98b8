import { type Db, openPool } from '../../../src/base/db/index.ts';
import type { TestDatabases } from '../postgres.ts';

/** By what an installation in this process, and the test that judges it, reach its databases. */
export type Connections = {
  owners: {
    main: Db;
    /** The scheduler needs the first one while a step is blocked. */
    second: Db;
    laws: Db;
    /** A session that becomes a replica to rewrite rows, or ceases to be one, forgets all its plans. */
    rewriter: Db;
    journal: Db;
  };
  pools: { app: Db; signer: Db; journal: Db };
};

export async function openConnections({ local }: TestDatabases): Promise<Connections> {
  const ownerOf = (url: string) =>
    openPool({ url, role: 'owner', name: 'steps-owner', max: 1, keepPlans: true });
  const owners = {
    main: ownerOf(local.mainUrl),
    second: ownerOf(local.mainUrl),
    laws: ownerOf(local.mainUrl),
    rewriter: ownerOf(local.mainUrl),
    journal: ownerOf(local.signerUrl),
  };
  // Nothing here outlives the machine: a COMMIT need not wait for the disk.
  for (const owner of [owners.main, owners.journal]) {
    const { rows } = await owner.query<{ name: string }>('SELECT current_database() AS name');
    await owner.query(`ALTER DATABASE ${rows[0]!.name} SET synchronous_commit = off`);
    await owner.query(`ALTER DATABASE ${rows[0]!.name} SET jit = off`);
  }
  const pool = (url: string, role: 'payonce_app' | 'payonce_signer') =>
    openPool({ url, role, name: 'steps', max: 8, keepPlans: true });
  const pools = {
    app: pool(local.mainUrl, 'payonce_app'),
    signer: pool(local.mainUrl, 'payonce_signer'),
    journal: pool(local.signerUrl, 'payonce_signer'),
  };
  return { owners, pools };
}
