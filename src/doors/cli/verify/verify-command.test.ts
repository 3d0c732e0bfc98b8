import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import { readLaws, type VerifyReport } from '../../../roads/reconcile/index.ts';
import { DOORS, run } from '../cli.fixture.ts';

const NO_WITHDRAWAL = '00000000-0000-7000-8000-000000000000';

describe('payonce verify', () => {
  let at: MainDatabase;
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    at = await MainDatabase.start();
    const { mainUrl, signerUrl } = at.databases;
    env = { DATABASE_URL: mainUrl, SIGNER_DATABASE_URL: signerUrl };
  });
  afterAll(() => at.stop());

  it('lists the laws with a sentence each and asks nothing', async () => {
    const listed = await run(['verify', '--laws']);
    expect(listed.code).toBe(0);
    for (const { name, sentence } of readLaws()) {
      expect(listed.out).toMatch(
        new RegExp(`^${name} +${sentence.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&')}$`, 'm'),
      );
    }
    const json = await run(['verify', '--laws', '--json']);
    expect(JSON.parse(json.out)).toHaveLength(readLaws().length);
  });

  it('ends with 0 where every law holds', async () => {
    const ran = await run(['verify'], { env });
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(ran.out).toMatch(/^ledger\/replay +ok +0$/m);
    expect(ran.out).toMatch(new RegExp(`${readLaws().length} laws hold, 0 broken, 0 not checked`));
  });

  it('ends with 3 without a signer database, and says which laws were not checked and why', async () => {
    const ran = await run(['verify'], { env: { DATABASE_URL: env['DATABASE_URL'] } });
    expect(ran.code).toBe(3);
    expect(ran.out).toMatch(/^journal\/slot-agrees +skipped +0 +no signer database: set SIGNER_/m);
    const away = `${env['SIGNER_DATABASE_URL']}_gone`;
    const gone = await run(['verify', '--json'], { env: { ...env, SIGNER_DATABASE_URL: away } });
    expect(gone.code).toBe(3);
    const { result, laws } = JSON.parse(gone.out) as VerifyReport;
    expect(result).toBe('incomplete');
    const skipped = laws.filter(({ status }) => status === 'skipped');
    expect(skipped.every(({ law }) => law.startsWith('journal/'))).toBe(true);
    expect(skipped[0]?.reason).toMatch(/^the signer's database: .*does not exist/);
  });

  it('ends with 1 on a break, and names up to 20 of them, with the total', async () => {
    await at.rows(
      `INSERT INTO dead_letter (topic, subject_id, tenant_id, attempts, reason)
       SELECT 'tx.send', payonce_uuid7(), $1, 3, 'a test' FROM generate_series(1, 25)`,
      [at.tenantId],
    );
    const url = ['--database-url', at.databases.mainUrl];
    const ran = await run(['verify', ...url]);
    expect(ran.code).toBe(1);
    expect(ran.out).toMatch(/^queue\/nothing-died +broken +25$/m);
    const named = ran.out.match(
      /^ {2}job tx\.send \S+: found dead after 3 attempts: a test, expected no dead letter$/gm,
    );
    expect(named).toHaveLength(20);
    expect(ran.out).toContain('  and 5 more\n');
    const other = await run(['verify', ...url, '--law', 'ledger/replay']);
    expect(other.code).toBe(0);
    await at.rows('DELETE FROM dead_letter');
  });

  it('ends with 3 where no node of a chain is named, with 0 where the lanes of it are none', async () => {
    await at.rows(
      `INSERT INTO chain_head (chain_id, latest, safe, finalized) VALUES (31337, 1, 1, 1)`,
    );
    await at.rows(
      `INSERT INTO block (chain_id, height, hash, parent_hash, mined_at)
       VALUES (31337, 1, sha256('1'), sha256('0'), now())`,
    );
    expect((await run(['verify'], { env })).code).toBe(0);
    await at.rows(
      `WITH made AS (INSERT INTO lane (tenant_id, chain_id, address, first_nonce, next_nonce)
         VALUES ($1, 31337, decode(repeat('ab', 20), 'hex'), 0, 0) RETURNING lane_id)
       INSERT INTO lane_progress (lane_id, mined_nonce) SELECT lane_id, 0 FROM made`,
      [at.tenantId],
    );
    const ran = await run(['verify'], { env });
    expect(ran.code).toBe(3);
    expect(ran.out).toMatch(/^chain\/lane-balances +skipped +0 +chain 31337: no node is named$/m);
    expect(ran.out).toContain('chain 31337 not walked');
    const unheard = ['--rpc', 'http://127.0.0.1:9/secret-key'];
    const away = await run(['verify', ...unheard], { env });
    expect(away.code).toBe(3);
    expect(away.out).toMatch(/chain 31337: .*127\.0\.0\.1:9/);
    expect(away.out).not.toContain('secret-key');
    const { mainUrl, signerUrl } = at.databases;
    const dev = {
      ...{ apiUrl: '', apiKey: '', databaseUrl: mainUrl, signerDatabaseUrl: signerUrl },
      chains: [{ chainId: 31337, rpcUrls: ['http://127.0.0.1:7'] }],
    };
    const doors = { ...DOORS, readDevFile: () => dev };
    const local = await run(['verify'], { doors });
    expect(local.code).toBe(3);
    expect(local.out).toMatch(/chain 31337: .*127\.0\.0\.1:7/);
  });

  it.each([
    [['--since', 'yesterday'], /It is a time like .*, a withdrawal id or the number of a block/],
    [['--since', '999999'], /no chain's books have a block 999999/],
    [['--since', NO_WITHDRAWAL], /there is no withdrawal 00000000-/],
    [['--law', 'ledger/none'], /There is no such law/],
    [['--nonsense'], /unknown option '--nonsense'/],
  ])('refuses %s as usage', async (more, told) => {
    const ran = await run(['verify', ...more], { env });
    expect(ran.code).toBe(2);
    expect(ran.err).toMatch(told);
  });

  it('ends with 2 where no database is named and 3 where it does not answer', async () => {
    expect((await run(['verify'])).code).toBe(2);
    const closed = 'postgres://nobody@127.0.0.1:9/none';
    expect((await run(['verify', '--database-url', closed])).code).toBe(3);
  });
});
