import { generateKeyPairSync, randomUUID, verify } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { approvalDigest, authorizationDigest, intentId } from '../../../base/effect/index.ts';
import { fromHex } from '../../../base/kernel/index.ts';
import { run } from '../cli.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'approve-'));
afterAll(() => rmSync(folder, { recursive: true }));
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
writeFileSync(join(folder, 'key.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }));

const ID = randomUUID();
const intent = {
  ...{ installationId: randomUUID(), tenantId: randomUUID() },
  ...{ operation: 'withdrawal', idempotencyKey: 'k' },
};
const content = {
  ...{ chainId: 1, walletGroup: 'hot', asset: 'eip155:1/slip44:60', to: `0x${'33'.repeat(20)}` },
  ...{ amount: '5', feeCap: '7', intentId: intentId(intent), policyVersion: 'v', initiator: 'k' },
  expiry: Math.floor(Date.now() / 1000) + 3_600,
};
const digestOf = (of: typeof content) =>
  approvalDigest({
    ...of,
    ...{ to: of.to as `0x${string}`, amount: BigInt(of.amount), feeCap: BigInt(of.feeCap) },
  });
const request = { withdrawalId: ID, content, intent, digest: digestOf(content) };

function approve(given: unknown, ...flags: string[]) {
  writeFileSync(join(folder, 'request.json'), JSON.stringify(given));
  const args = ['approve', ID, '--as', 'alice', '--request', 'request.json', '--out', 'out.json'];
  return run([...args, ...flags], { cwd: folder });
}

describe('payonce approve', () => {
  it('signs offline what it computed itself, and shows it', async () => {
    const ran = await approve(request, '--key', 'key.pem', '--yes');
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(ran.out).toContain(`to          ${content.to}`);
    expect(ran.out).toContain('amount      5 base units');
    const { approver, signature } = JSON.parse(readFileSync(join(folder, 'out.json'), 'utf8'));
    expect(approver).toBe('alice');
    expect(verify(null, fromHex(request.digest), publicKey, fromHex(signature))).toBe(true);
  });

  it('shows and signs nothing without --yes', async () => {
    const ran = await approve(request, '--key', 'key.pem');
    expect(ran.code).toBe(2);
    expect(ran.out).toContain(request.digest);
    expect(ran.err).toContain('nothing was signed');
  });

  const changed = { ...content, amount: '6' };
  it.each<[string, unknown, RegExp]>([
    [
      'a digest of something else',
      { ...request, content: changed },
      /digest is 0x.*from its parts/,
    ],
    [
      'an intent of something else',
      { ...request, intent: { ...intent, idempotencyKey: 'x' } },
      /intentId is 0x/,
    ],
    ['another withdrawal', { ...request, withdrawalId: randomUUID() }, /the request is about/],
    [
      'an amount that is none',
      { ...request, content: { ...content, amount: '-5' } },
      /amount is no amount/,
    ],
    [
      'text that hides something',
      { ...request, content: { ...content, initiator: 'k\u001b[2J' } },
      /initiator is no plain text/,
    ],
    [
      'what is over',
      {
        ...request,
        content: { ...content, expiry: 1 },
        digest: digestOf({ ...content, expiry: 1 }),
      },
      /time for approvals is over/,
    ],
    [
      'an asset of another chain',
      {
        ...request,
        content: { ...content, chainId: 2 },
        digest: digestOf({ ...content, chainId: 2 }),
      },
      /not of chain 2/,
    ],
    ['no request', [], /the request is missing/],
  ])('refuses %s', async (_, given, why) => {
    const ran = await approve(given, '--key', 'key.pem', '--yes');
    expect(ran.code).toBe(2);
    expect(ran.err).toMatch(why);
  });

  it('shows who pays a payment, whose id it computes from the authorization', async () => {
    const token = `0x${'44'.repeat(20)}` as const;
    const payer = `0x${'55'.repeat(20)}` as const;
    const parts = { token, payer, nonce: `0x${'66'.repeat(32)}` } as const;
    const method = { operation: 'payment', assetTransferMethod: 'eip3009' };
    const paid = {
      ...{ ...content, asset: `eip155:1/erc20:${token}`, initiator: payer as string },
      intentId: authorizationDigest({ method: 'eip3009', chainId: 1, ...parts }),
    };
    const about = (of: typeof paid, more: object = {}) => ({
      ...{ withdrawalId: null, paymentId: ID, content: of, digest: digestOf(of) },
      intent: { ...method, ...parts, ...more },
    });
    const ran = await approve(about(paid), '--key', 'key.pem', '--yes');
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(ran.out).toContain(`payment     ${ID}`);
    expect(ran.out).toContain(`from        ${payer}`);
    for (const [lie, why] of [
      [about({ ...paid, initiator: token }), /initiator is 0x4+; from its parts it is 0x5+/],
      [about({ ...paid, asset: content.asset }), /the asset is .*slip44/],
      [about(paid, { nonce: '0x66' }), /nonce is no 32 bytes/],
      [about(paid, { nonce: `0x${'67'.repeat(32)}` }), /intentId is 0x/],
      [about(paid, { assetTransferMethod: 'upto' }), /upto is no way to pay/],
    ] as const) {
      const refused = await approve(lie, '--key', 'key.pem', '--yes');
      expect([refused.code, refused.err]).toEqual([2, expect.stringMatching(why)]);
    }
  });

  it.each([
    ['a request that is no JSON', ['--request', 'bad.txt'], 'bad.txt is not JSON'],
    ['an approval that is no JSON', ['--signature', 'bad.txt'], 'bad.txt is not JSON'],
    // It would be sent to the server.
    ['a keystore for an approval', ['--signature', 'keystore.json'], 'no approval of alice'],
    ['the approval of another', ['--signature', 'bob.json'], 'no approval of alice'],
    ['a place where nothing can be written', ['--out', 'none/out.json'], 'can not be written'],
  ])('refuses %s in one line, and shows nothing of it', async (_, flags, why) => {
    writeFileSync(join(folder, 'bad.txt'), 'secret-secret');
    writeFileSync(join(folder, 'keystore.json'), '{"crypto": {"kdf": "secret-secret"}}');
    writeFileSync(join(folder, 'bob.json'), '{"approver": "bob", "signature": "secret-secret"}');
    writeFileSync(join(folder, 'request.json'), JSON.stringify(request));
    const usual = ['--request', 'request.json', '--key', 'key.pem', '--yes', '--json'];
    const args = ['approve', ID, '--as', 'alice', ...usual, ...flags];
    const { code, out, err } = await run(args, { cwd: folder });
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^payonce: approve: [^\n]*\n$/);
    expect(err).toContain(why);
    expect(err).not.toContain('secret');
  });

  it('refuses a key that is none, and shows nothing of it', async () => {
    writeFileSync(join(folder, 'bad.pem'), 'secret-secret');
    const ran = await approve(request, '--key', 'bad.pem', '--yes');
    expect(ran.code).toBe(2);
    expect(ran.err).toContain('no private key in PEM');
    expect(ran.err).not.toContain('secret-secret');
  });
});
