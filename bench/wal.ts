import type { Db } from '../src/base/db/index.ts';

type Wal = { bytes: number; fullPageImages: number };

/** Begins now; the answer is what the whole server wrote since. */
export async function walMeter(owner: Db): Promise<() => Promise<Wal>> {
  const read = async () => {
    const { rows } = await owner.query<{ bytes: bigint; images: bigint }>(
      `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') AS bytes, wal_fpi AS images FROM pg_stat_wal`,
    );
    return rows[0]!;
  };
  const before = await read();
  return async () => {
    const after = await read();
    return {
      bytes: Number(after.bytes - before.bytes),
      fullPageImages: Number(after.images - before.images),
    };
  };
}
