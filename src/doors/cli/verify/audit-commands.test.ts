import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { S3StandIn } from '../../../../test/support/s3-stand-in.ts';
import {
  anchorFileOf,
  type SealedInstallation,
  sealedInstallation,
} from '../../../../test/verify/sealed.ts';
import { DOORS, run } from '../cli.fixture.ts';

let sealed: SealedInstallation;
beforeAll(async () => {
  sealed = await sealedInstallation();
});
afterAll(() => sealed?.on.stop());

describe('the audit', () => {
  it('is told by the command, which ends with 1 and the row', async () => {
    const { trusted, on } = sealed;
    const env = { DATABASE_URL: on.databases.mainUrl };
    const line = ['verify', '--audit', '--law', 'ledger/replay', '--audit-key'];
    const key = trusted.publicKeys[0]!;
    const well = await run([...line, key, '--anchor', anchorFileOf(on)], {
      env,
      doors: DOORS,
    });
    expect(well.out).toMatch(/audit ok: \d+ blocks, \d+ rows; 0 blocks not signed yet, 0 rows not/);
    expect(well.code).toBe(0);
    const broken = await run([...line, `0x${'22'.repeat(32)}`], { env, doors: DOORS });
    expect([broken.code, broken.out]).toEqual([
      1,
      expect.stringMatching(/audit broken: .*\n {2}audit_block 1: signed by 0x/),
    ]);
    const s3 = await S3StandIn.start();
    const bucket = {
      bucket: 'roots',
      region: 'eu-central-1',
      endpoint: s3.endpoint,
      retainDays: 1,
    };
    const rpc = [{ url: on.anvil.url }];
    const tiers = [{ name: 'all', commitAt: 'safe' }];
    const config = {
      chains: [{ id: 'local', chainId: 31337, rpc, fees: { maxFeePerGasGwei: '50' } }],
      assets: [{ id: 'ETH', chain: 'local', decimals: 18, tiers }],
      audit: { publicKeys: [key], anchor: { s3: bucket } },
    };
    const file = join(on.folder, 'payonce.yaml');
    writeFileSync(file, JSON.stringify(config));
    s3.plant('1'.padStart(20, '0'), `1 0x${'33'.repeat(32)}\n`);
    const rewritten = await run(['verify', '--audit', '--law', 'ledger/replay', '--config', file], {
      ...{ env, doors: DOORS },
    });
    await s3.stop();
    expect([rewritten.code, rewritten.out]).toEqual([
      1,
      expect.stringMatching(/audit_block 1: hash 0x.* 0x3333/),
    ]);
    const none = await run(['verify', '--audit'], { env, doors: DOORS });
    expect([none.code, none.err]).toEqual([2, expect.stringMatching(/no configuration is named/)]);
  });
});

describe('evidence', () => {
  it('is exported and checked by the command, which names the first untrue statement', async () => {
    const { on, trusted, paid } = sealed;
    const env = { DATABASE_URL: on.databases.mainUrl };
    const file = join(on.folder, 'evidence.json');
    const wrote = await run(['evidence', 'export', paid, '--out', file], { env, doors: DOORS });
    expect([wrote.code, wrote.err]).toEqual([0, '']);
    const key = ['--audit-key', trusted.publicKeys[0]!];
    const well = await run(['evidence', 'check', file, ...key, '--rpc', on.anvil.url], {
      doors: DOORS,
    });
    expect([well.code, well.err]).toEqual([0, '']);
    expect(well.out).toMatch(/^true {4}the file is whole/);
    expect(well.out).toMatch(/true {4}the node has 0x[0-9a-f]{64} in a final block/);
    writeFileSync(file, readFileSync(file, 'utf8').replace('"succeeded":true', '"succeeded":null'));
    const flipped = await run(['evidence', 'check', file, ...key], { doors: DOORS });
    expect([flipped.code, flipped.err]).toEqual([
      1,
      expect.stringMatching(/untrue: the file is whole/),
    ]);
    const nothing = await run(['evidence', 'export', 'x', '--out', file], { env, doors: DOORS });
    expect([nothing.code, nothing.err]).toEqual([2, expect.stringMatching(/no withdrawal x/)]);
    const nowhere = await run(['evidence', 'export', paid, '--out', join(file, 'x')], { env });
    expect([nowhere.code, nowhere.err]).toEqual([2, expect.stringMatching(/can not be written/)]);
    const away = await run(['evidence', 'check', `${file}.none`, ...key], { doors: DOORS });
    expect([away.code, away.err]).toEqual([2, expect.stringMatching(/can not be read/)]);
  });
});
