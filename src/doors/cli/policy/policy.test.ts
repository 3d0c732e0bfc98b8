import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { run } from '../cli.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'payonce-policy-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = { cwd: folder, env: { DATABASE_URL: 'postgresql://a:secret@h/main' } };
const file = (name: string, text: string) => writeFileSync(join(folder, name), text);
file(
  'config.yaml',
  `chains: [{ id: local, chainId: 31337, rpc: [{ url: "http://127.0.0.1:8545" }], fees: { maxFeePerGasGwei: "50" } }]
assets: [{ id: ETH, chain: local, decimals: 18, tiers: [{ name: low, commitAt: safe }] }]
`,
);

describe('policy check', () => {
  const argv = ['policy', 'check', 'policy.yaml', '--config', 'config.yaml'];

  test('tells the version of a document that is well', async () => {
    file(
      'policy.yaml',
      `version: 1
rules:
  - { id: all, type: allow }
  - { id: eth, type: tiers, match: { assets: [ETH] }, tiers: [{ name: any, commitAt: finalized }] }
`,
    );
    const plain = await run(argv, at);
    expect(plain).toMatchObject({ code: 0, err: '' });
    expect(plain.out).toMatch(/^policy\.yaml is well: 2 rules; version policy:[0-9a-f]{64}\n$/);
    expect(JSON.parse((await run([...argv, '--json'], at)).out)).toMatchObject({ rules: 2 });
  });

  test('names every fault with its line and its rule, and ends with 2', async () => {
    file(
      'policy.yaml',
      `version: 1
rules:
  - { id: a, type: cap, match: { assets: [DOGE] }, amount: "-1" }
  - { id: b, type: window, per: account, window: 1y, count: 1 }
`,
    );
    const { code, out, err } = await run(argv, at);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err.trimEnd().split('\n')).toEqual([
      'payonce: policy.yaml: line 3, column 43, rule a, match.assets[0]: found "DOGE"; expected one of the assets ETH',
      expect.stringMatching(
        /^payonce: policy\.yaml: line 4, column 42, rule b, window: found "1y"/,
      ),
    ]);
  });

  test('says what is missing: the document, or a configuration', async () => {
    expect(
      await run(['policy', 'check', 'none.yaml', '--config', 'config.yaml'], at),
    ).toMatchObject({
      code: 2,
      err: expect.stringMatching(/none\.yaml can not be read: ENOENT/),
    });
    expect(await run(['policy', 'check', 'policy.yaml'], at)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/no configuration is named/),
    });
  });
});
