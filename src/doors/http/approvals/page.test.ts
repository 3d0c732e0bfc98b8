import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { projectRoot } from '../../../base/db/index.ts';
import { type ApprovalContent, approvalDigest, intentId } from '../../../base/effect/index.ts';
import {
  type Address,
  checksummed,
  type Hex,
  keccak256,
  MAX_UINT256,
  toHex,
} from '../../../base/kernel/index.ts';

/** The modules as browsers get them; what they say is held against what the signer computes. */
async function module<T>(name: string): Promise<T> {
  const file = join(projectRoot(), 'console', 'access', name);
  return (await import(/* @vite-ignore */ pathToFileURL(file).href)) as T;
}

type Parts = Parameters<typeof intentId>[0];
type Request = { content: ApprovalContent; digest: Uint8Array; kind: string; id: string };
const keccak = await module<{ keccak256(bytes: Uint8Array): Uint8Array }>('keccak.js');
const digests = await module<{
  approvalDigest(content: ApprovalContent): Uint8Array;
  intentId(parts: Parts): Hex;
  checksummed(address: Address): Hex;
}>('digest.js');
const page = await module<{
  readRequest(view: unknown, now: number): Request;
  tellRequest(request: Request, shown: unknown): [string, string][];
}>('approval-request.js');
const view = await module<{ showPasskey(options: { challenge: string }): Promise<unknown> }>(
  'view.js',
);
type Assertion = Record<'authenticatorData' | 'clientDataJSON' | 'signature', Uint8Array>;
const approver = await module<{
  isSignedBy(publicKey: Uint8Array, assertion: Assertion): Promise<boolean>;
  approverLine(of: {
    operator: { id: string; name: string };
    credentialId: string;
    publicKey: string;
  }): string;
}>('approver-line.js');

const hex = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => toHex(bytes));

describe('what the page computes', () => {
  it('is keccak256 of any bytes, also where they fill blocks', () => {
    for (const length of [0, 1, 135, 136, 137, 271, 272, 273]) {
      const bytes = Buffer.alloc(length, 0xa5);
      expect(toHex(keccak.keccak256(bytes))).toBe(keccak256(bytes));
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(toHex(keccak.keccak256(bytes))).toBe(keccak256(bytes));
      }),
      { numRuns: 50 },
    );
  });

  it('is the digest, the intent and the checksum that the signer computes', () => {
    const content = fc.record<ApprovalContent>({
      chainId: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      walletGroup: fc.string({ unit: 'grapheme' }),
      asset: fc.string(),
      to: hex(20),
      amount: fc.bigInt({ min: 0n, max: MAX_UINT256 }),
      feeCap: fc.bigInt({ min: 0n, max: MAX_UINT256 }),
      intentId: hex(32),
      policyVersion: fc.string(),
      initiator: fc.string(),
      expiry: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    });
    const text = fc.string({ unit: 'grapheme' });
    const parts = fc.record<Parts>({
      ...{ installationId: text, tenantId: text, operation: text, idempotencyKey: text },
    });
    fc.assert(
      fc.property(content, parts, (one, of) => {
        expect(toHex(digests.approvalDigest(one))).toBe(approvalDigest(one));
        expect(digests.intentId(of)).toBe(intentId(of));
        expect(digests.checksummed(one.to)).toBe(checksummed(one.to));
      }),
      { numRuns: 50 },
    );
  });
});

const INTENT: Parts = {
  installationId: '01890000-0000-7000-8000-000000000001',
  tenantId: '01890000-0000-7000-8000-000000000002',
  ...{ operation: 'withdrawal', idempotencyKey: 'k' },
};
const TOKEN = 'eip155:8453/erc20:0x833589fcd6edb6e08f4c7c32d4f71b54bda02913';
const CONTENT: ApprovalContent = {
  ...{ chainId: 8453, walletGroup: 'hot', asset: TOKEN, to: `0x${'ab'.repeat(20)}` },
  ...{ amount: 12_500_000n, feeCap: 50_000_000_000_000_000n, intentId: intentId(INTENT) },
  ...{ policyVersion: 'config:0f', initiator: 'key-1', expiry: 1_900_000_000 },
};
const NOW = 1_800_000_000_000;

/** As the API has it, of a content; `over` is what a liar changes. */
function viewOf(content: ApprovalContent, over: Record<string, unknown> = {}) {
  return {
    withdrawalId: '01890000-0000-7000-8000-000000000003',
    content: { ...content, amount: String(content.amount), feeCap: String(content.feeCap) },
    intent: INTENT,
    digest: approvalDigest(content),
    ...over,
  };
}

describe('a request for approval in the page', () => {
  it('is signed for what its fields say', () => {
    const { content, digest, kind, id } = page.readRequest(viewOf(CONTENT), NOW);
    expect([content, toHex(digest)]).toEqual([CONTENT, approvalDigest(CONTENT)]);
    expect([kind, id]).toEqual(['withdrawal', '01890000-0000-7000-8000-000000000003']);
  });

  const lie = (over: Record<string, unknown>) => ({
    ...viewOf(CONTENT),
    content: { ...viewOf(CONTENT).content, ...over },
  });
  it.each<[string, unknown, RegExp]>([
    ['another digest than its fields have', lie({ amount: '12500001' }), /digest is 0x.*parts/],
    ['another recipient', lie({ to: `0x${'ac'.repeat(20)}` }), /digest is 0x/],
    [
      'an intent of other parts',
      { ...viewOf(CONTENT), intent: { ...INTENT, idempotencyKey: 'x' } },
      /intentId is 0x.*parts/,
    ],
    ['no intent', { ...viewOf(CONTENT), intent: null }, /intent is missing/],
    ['no content', { ...viewOf(CONTENT), content: [] }, /content is missing/],
    ['nothing', null, /content is missing/],
    ['a negative amount', lie({ amount: '-1' }), /amount is no amount/],
    ['an amount beyond uint256', lie({ amount: '9'.repeat(78) }), /amount is no amount/],
    ['an amount that is no text', lie({ amount: 5 }), /amount is no plain text/],
    ['a fee that is none', lie({ feeCap: '0x1' }), /feeCap is no amount/],
    ['a recipient that is none', lie({ to: '0xab' }), /to is not 0x and 40/],
    ['text that hides something', lie({ initiator: 'k\u202e' }), /initiator is no plain text/],
    ['a chain that is none', lie({ chainId: '8453' }), /chainId is no whole number/],
    ['an asset of another chain', viewOf({ ...CONTENT, chainId: 1 }), /not of chain 1/],
    ['what is over', viewOf({ ...CONTENT, expiry: 1_800_000_000 }), /time .* is over/],
  ])('with %s is not signed', (_, view, why) => {
    expect(() => page.readRequest(view, NOW)).toThrow(why);
  });

  const told = (content: ApprovalContent, shown: unknown) =>
    new Map(page.tellRequest(page.readRequest(viewOf(content), NOW), shown));

  it('tells chain, wallets, recipient, asset, fee, time and policy as they are signed', () => {
    const lines = told(CONTENT, { asset: 'USDC', decimals: 6 });
    expect(Object.fromEntries(lines)).toMatchObject({
      To: checksummed(CONTENT.to),
      Chain: '8453',
      From: 'a wallet of hot',
      Asset: TOKEN,
      Fee: 'at most 0.05 of the native coin (50000000000000000 wei)',
      Until: '2030-03-17T17:46:40.000Z',
      Policy: 'config:0f',
      Digest: approvalDigest(CONTENT),
    });
  });

  const coin = { ...CONTENT, asset: 'eip155:8453/slip44:60', amount: 10n ** 18n };
  it.each<[ApprovalContent, unknown, string]>([
    [
      CONTENT,
      { asset: 'USDC', decimals: 6 },
      '12.5 USDC (signed: 12500000 base units; the server says that the token has 6 decimals)',
    ],
    [
      { ...CONTENT, amount: 7n },
      { asset: 'USDC', decimals: 0 },
      '7 USDC (signed: 7 base units; the server says that the token has 0 decimals)',
    ],
    [CONTENT, { asset: '\u202e', decimals: 6 }, expect.stringMatching(/^12\.5 \? /)],
    [CONTENT, { asset: 'USDC', decimals: '6' }, '(signed: 12500000 base units)'],
    [CONTENT, undefined, '(signed: 12500000 base units)'],
    // The coin's unit is no server's word.
    [coin, { decimals: 6 }, '1 of the native coin (signed: 1000000000000000000 wei)'],
    [{ ...coin, amount: 1n }, {}, '0.000000000000000001 of the native coin (signed: 1 wei)'],
  ])(
    'tells an amount by what is signed, and whose word the unit is (%#)',
    (content, shown, line) => {
      expect(told(content, shown).get('Pays')).toEqual(line);
    },
  );
});

describe('a login in the page', () => {
  it('signs nothing that could be an approval, whatever the server asks for', async () => {
    const challenge = Buffer.from(approvalDigest(CONTENT).slice(2), 'hex').toString('base64url');
    await expect(view.showPasskey({ challenge })).rejects.toThrow(/could be an approval/);
  });
});

describe('the line that pins a passkey', () => {
  function assertedBy(privateKey: KeyObject, n = 0): Assertion {
    const [authenticatorData, clientDataJSON] = [Buffer.alloc(37, n), Buffer.from(`client ${n}`)];
    const client = createHash('sha256').update(clientDataJSON).digest();
    const how = privateKey.asymmetricKeyType === 'ec' ? 'sha256' : null;
    const signature = sign(how, Buffer.concat([authenticatorData, client]), privateKey);
    return { authenticatorData, clientDataJSON, signature };
  }
  const spki = (key: KeyObject) => key.export({ format: 'der', type: 'spki' });
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ed25519 = generateKeyPairSync('ed25519');

  it('is given for the key that the passkey signs with, and no other', async () => {
    // r and s are shorter than 32 bytes now and then.
    for (let n = 0; n < 255; n += 1) {
      const assertion = assertedBy(p256.privateKey, n);
      expect(await approver.isSignedBy(spki(p256.publicKey), assertion)).toBe(true);
    }
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const assertion = assertedBy(p256.privateKey);
    expect(await approver.isSignedBy(spki(other.publicKey), assertion)).toBe(false);
    expect(await approver.isSignedBy(spki(ed25519.publicKey), assertion)).toBe(false);
    const edwards = assertedBy(ed25519.privateKey);
    expect(await approver.isSignedBy(spki(ed25519.publicKey), edwards)).toBe(true);
  });

  it('is an item of signer.approvers, whatever the operator is called', () => {
    const publicKey = spki(p256.publicKey).toString('base64');
    const operator = { id: INTENT.tenantId, name: 'ann "a" @ acme' };
    const line = approver.approverLine({ operator, credentialId: 'abc_-', publicKey });
    expect(parse(line)).toEqual([
      {
        ...{ id: 'ann--a----acme', kind: 'webauthn', credentialId: 'abc_-', publicKey },
        initiators: [INTENT.tenantId],
      },
    ]);
    const id = '"] }\n- { id: eve, kind: evm, address: "0x';
    const one = approver.approverLine({ operator: { id, name: 'x' }, credentialId: id, publicKey });
    expect(parse(one)).toMatchObject([{ credentialId: id, initiators: [id] }]);
  });
});
