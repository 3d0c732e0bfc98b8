import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { type Answer, type Heard, run, ScriptedApi } from '../cli.fixture.ts';

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

describe('policy diff', () => {
  const document = (amount: string, more = '') => `version: 1
rules:
  - { id: all, type: allow }
  - { id: cap, type: cap, match: { assets: [ETH] }, amount: "${amount}" }
  - { id: eth, type: tiers, match: { assets: [ETH] }, tiers: [{ name: any, commitAt: finalized }] }
${more}`;
  const diff = (before: string, after: string, ...flags: string[]) => {
    file('before.yaml', before);
    file('after.yaml', after);
    return run(
      ['policy', 'diff', 'before.yaml', 'after.yaml', '--config', 'config.yaml', ...flags],
      at,
    );
  };

  test('says of every difference what it is, and of the whole', async () => {
    const { code, out } = await diff(
      document('1'),
      document('2', '  - { id: no, type: deny, match: { accounts: [mallory] } }\n'),
    );
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      expect.stringMatching(/^effect +rule +field +detail$/),
      expect.stringMatching(/^loosening +cap +amounts +\{"eip155:31337\/slip44:60":/),
      expect.stringMatching(/^tightening +no +- +deny is new$/),
      'after.yaml against before.yaml: loosening',
      '',
    ]);
  });

  test('finds nothing where only the writing differs', async () => {
    const { out } = await diff(document('1'), document('1.000'));
    expect(out).toBe('after.yaml against before.yaml: neutral\n');
    const { out: json } = await diff(document('2'), document('1'), '--json');
    expect(JSON.parse(json)).toMatchObject({ effect: 'tightening', tightens: true });
  });

  test('ends with 2 where either has a fault', async () => {
    const { code, err } = await diff(document('1'), document('x'));
    expect([code, err]).toEqual([2, expect.stringMatching(/^payonce: after\.yaml: line 4/)]);
  });
});

describe('policy apply, confirm, veto and list', () => {
  const change = {
    ...{ id: 'p1', version: `policy:${'ab'.repeat(32)}`, effect: 'loosening', reason: 'audit' },
    ...{ status: 'DRAFT', effectiveAt: null },
    differences: [{ rule: 'cap', field: 'amounts', effect: 'loosening', detail: '1 → 2' }],
  };
  const apis: ScriptedApi[] = [];
  afterEach(async () => {
    for (const api of apis.splice(0)) await api.close();
  });
  const serve = async (answer: (request: Heard) => Answer) => {
    const api = await ScriptedApi.listen(answer);
    apis.push(api);
    return api;
  };
  const from = (api: ScriptedApi) => ({ cwd: folder, env: api.env });

  test('drafts and proposes a document, and shows what it changes', async () => {
    file('policy.yaml', 'version: 1');
    const api = await serve(({ path }) => {
      const status = path.endsWith('/propose') ? 'PROPOSED' : 'DRAFT';
      return { status: status === 'DRAFT' ? 201 : 200, body: { ...change, status } };
    });
    const { code, out } = await run(
      ['policy', 'apply', 'policy.yaml', '--reason', 'audit'],
      from(api),
    );
    expect(code).toBe(0);
    expect(out).toMatch(
      /loosening +cap +amounts +1 → 2\npolicy p1 \(loosening\): proposed: somebody/,
    );
    expect(api.heard.map(({ path, body }) => [path, body])).toEqual([
      ['/v1/policies', { document: 'version: 1', reason: 'audit' }],
      ['/v1/policies/p1/propose', undefined],
    ]);
    expect((await run(['policy', 'apply', 'policy.yaml'], from(api))).code).toBe(2);
    expect((await run(['policy', 'apply', 'none.yaml', '--reason', 'r'], from(api))).code).toBe(2);
  });

  test('tells from when on it rules, that it rules, and that it was vetoed', async () => {
    const bodies = [
      { ...change, status: 'SCHEDULED', effectiveAt: '2026-02-01T12:00:00.000Z' },
      { ...change, effect: 'tightening', status: 'EFFECTIVE' },
      { ...change, status: 'VETOED' },
    ];
    const api = await serve(() => ({ status: 200, body: bodies.shift() }));
    const confirm = ['policy', 'confirm', 'p1'];
    expect((await run(confirm, from(api))).out).toMatch(
      /rules from 2026-02-01T12:00:00.000Z on unless/,
    );
    expect((await run(confirm, from(api))).out).toBe('policy p1 (tightening): rules now\n');
    const veto = await run(['policy', 'veto', 'p1', '--reason', 'too much'], from(api));
    expect(veto.out).toBe('policy p1 (loosening): VETOED\n');
    expect(api.heard.at(-1)).toMatchObject({
      path: '/v1/policies/p1/veto',
      body: { reason: 'too much' },
    });
  });

  test('lists the changes, and says why one can not be confirmed', async () => {
    const body = { code: 'second_person_required', detail: 'Another person.' };
    const api = await serve(({ method }) =>
      method === 'GET'
        ? { status: 200, body: { policies: [change], cursor: null } }
        : { status: 409, body },
    );
    const { out } = await run(['policy', 'list'], from(api));
    expect(out).toMatch(
      /^id +status +effect +version +effective at +reason\np1 +DRAFT +loosening +policy:abababababab /,
    );
    const { code, err } = await run(['policy', 'confirm', 'p1'], from(api));
    expect([code, err]).toEqual([1, 'payonce: second_person_required: Another person.\n']);
  });
});
