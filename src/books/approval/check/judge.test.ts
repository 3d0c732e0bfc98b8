import { privateKeyToAccount } from 'viem/accounts';
import { describe, expect, it } from 'vitest';
import {
  type ApprovalContent,
  approvalDigest,
  approvalTypedData,
} from '../../../base/effect/index.ts';
import { fromHex, sha256Hex } from '../../../base/kernel/index.ts';
import { ed25519Person, evmPerson, passkeyPerson, WEBAUTHN } from '../approver.fixture.ts';
import { type ApprovalFault, judgeApproval } from './judge.ts';
import type { Proof } from './signature.ts';

const CONTENT: ApprovalContent = {
  chainId: 1,
  walletGroup: 'hot',
  asset: 'eip155:1/slip44:60',
  to: `0x${'33'.repeat(20)}`,
  amount: 5n,
  feeCap: 7n,
  intentId: `0x${'ab'.repeat(32)}`,
  policyVersion: 'v',
  initiator: 'key-1',
  expiry: 2_000_000_000,
};
const DIGEST = approvalDigest(CONTENT);
const OTHER = approvalDigest({ ...CONTENT, amount: 6n });

const alice = ed25519Person('alice');
const bob = evmPerson('bob');
const carol = passkeyPerson('carol');
const dave = passkeyPerson('dave', 'ed25519');
const self = ed25519Person('self', ['key-1']);
const settings = {
  approvers: [alice, bob, carol, dave, self].map((person) => person.settings),
  webauthn: WEBAUTHN,
};
const judged = (approverId: string, proof: Proof, over: Partial<typeof settings> = {}) =>
  judgeApproval({ ...settings, ...over }, CONTENT, { approverId, proof });
const flipped = (proof: Proof, at = 0): Proof => {
  const signature = Buffer.from(proof.signature);
  signature[at]! ^= 1;
  return { ...proof, signature };
};

/** r and s, 32 bytes each, of a signature in DER. */
function numbersOf(bytes: Buffer): [Buffer, Buffer] {
  const length = bytes[3]!;
  const parts = [bytes.subarray(4, 4 + length), bytes.subarray(6 + length)];
  return parts.map((part) =>
    fromHex(
      `0x${BigInt(`0x${part.toString('hex')}`)
        .toString(16)
        .padStart(64, '0')}`,
    ),
  ) as [Buffer, Buffer];
}

const der = (proof: Proof, change: (bytes: Buffer) => Buffer): Proof => ({
  ...proof,
  signature: change(proof.signature),
});

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
/** The other signature that says the same. */
function otherHalf(proof: Proof): Proof {
  return der(proof, (bytes) => {
    const [r, s] = numbersOf(bytes).map((part) => BigInt(`0x${part.toString('hex')}`));
    const numbers = [r!, P256_ORDER - s!].map((number) => {
      const digits = number.toString(16);
      // A first bit that is set would be a sign.
      const even = digits.length % 2 === 0 ? digits : `0${digits}`;
      const part = fromHex(`0x${even[0]! >= '8' ? '00' : ''}${even}`);
      return Buffer.concat([Buffer.of(2, part.length), part]);
    });
    const body = Buffer.concat(numbers);
    return Buffer.concat([Buffer.of(0x30, body.length), body]);
  });
}

function cutOff({ signature, passkey }: Proof): Proof {
  const authenticatorData = passkey!.authenticatorData.subarray(0, 36);
  return { signature, passkey: { ...passkey!, authenticatorData } };
}

function mixed(): Proof {
  const { authenticatorData } = carol.assert(DIGEST, { counter: 2 }).passkey!;
  const { signature, passkey } = carol.sign(DIGEST);
  return { signature, passkey: { ...passkey!, authenticatorData } };
}

describe('an approval', () => {
  it.each([alice, bob, carol, dave])('of a key of any kind counts', (person) => {
    expect(judged(person.settings.id, person.sign(DIGEST))).toBeNull();
  });

  it.each<[string, Proof]>([
    // Used once for one payment, so nothing can be gained by an older counter, and many authenticators count nothing.
    ['whatever its counter says', carol.assert(DIGEST, { counter: 0 })],
    ['that is kept on several devices', carol.assert(DIGEST, { flags: 0x1d })],
    // One of this and the one above is the upper: WebAuthn asks for no half, and authenticators give either.
    ['with s in the other half', otherHalf(carol.sign(DIGEST))],
  ])('of a passkey %s counts', (_, proof) => {
    expect(judged('carol', proof)).toBeNull();
  });

  it('counts as an EVM wallet signs the typed data that it is shown', async () => {
    const wallet = privateKeyToAccount(`0x${sha256Hex('key of bob')}`);
    const typed = approvalTypedData(CONTENT) as Parameters<typeof wallet.signTypedData>[0];
    const signature = fromHex(await wallet.signTypedData(typed));
    expect(judged('bob', { signature, passkey: null })).toBeNull();
  });

  const invalid = 'approval_signature_invalid' as const;
  const halfOrder = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const high = (proof: Proof): Proof => {
    const s = BigInt(`0x${proof.signature.subarray(32, 64).toString('hex')}`);
    const flippedS = fromHex(`0x${(halfOrder - s).toString(16).padStart(64, '0')}`);
    const v = proof.signature[64] === 27 ? 28 : 27;
    return {
      signature: Buffer.concat([proof.signature.subarray(0, 32), flippedS, Buffer.from([v])]),
      passkey: null,
    };
  };

  it.each<[string, string, Proof, ApprovalFault['code']]>([
    ['of nobody', 'eve', alice.sign(DIGEST), 'approver_unknown'],
    ['of who asked for it', 'self', self.sign(DIGEST), 'approver_is_initiator'],
    ['of another content, Ed25519', 'alice', alice.sign(OTHER), invalid],
    ['of another content, EVM', 'bob', bob.sign(OTHER), invalid],
    ['of another content, passkey', 'carol', carol.sign(OTHER), invalid],
    ['of another person', 'alice', self.sign(DIGEST), invalid],
    ['of another EVM key', 'bob', evmPerson('eve').sign(DIGEST), invalid],
    ['of another passkey', 'carol', passkeyPerson('eve').sign(DIGEST), invalid],
    ['with a bit turned, Ed25519', 'alice', flipped(alice.sign(DIGEST)), invalid],
    ['with a bit turned, EVM', 'bob', flipped(bob.sign(DIGEST), 5), invalid],
    ['with a bit turned, passkey', 'carol', flipped(carol.sign(DIGEST), 20), invalid],
    ['cut off, Ed25519', 'alice', { signature: Buffer.alloc(63), passkey: null }, invalid],
    ['cut off, EVM', 'bob', { signature: Buffer.alloc(64), passkey: null }, invalid],
    ['of zeros, EVM', 'bob', { signature: Buffer.alloc(65), passkey: null }, invalid],
    [
      'with a v that is none',
      'bob',
      {
        signature: Buffer.concat([bob.sign(DIGEST).signature.subarray(0, 64), Buffer.from([29])]),
        passkey: null,
      },
      invalid,
    ],
    ['with s in the upper half', 'bob', high(bob.sign(DIGEST)), invalid],
    ['of a passkey where a key is pinned', 'alice', carol.sign(DIGEST), invalid],
    ['of a key where a passkey is pinned', 'carol', alice.sign(DIGEST), invalid],
    [
      'at another origin',
      'carol',
      carol.assert(DIGEST, { origin: 'https://evil.example' }),
      invalid,
    ],
    ['in a frame of another origin', 'carol', carol.assert(DIGEST, { crossOrigin: true }), invalid],
    ['for another relying party', 'carol', carol.assert(DIGEST, { rpId: 'evil.example' }), invalid],
    ['of a registration', 'carol', carol.assert(DIGEST, { type: 'webauthn.create' }), invalid],
    [
      'of an authenticator that verified nobody',
      'carol',
      carol.assert(DIGEST, { flags: 0x01 }),
      invalid,
    ],
    ['without a person present', 'carol', carol.assert(DIGEST, { flags: 0x04 }), invalid],
    [
      'of a passkey for a challenge in another alphabet',
      'carol',
      carol.assert(DIGEST, { challenge: fromHex(DIGEST).toString('base64') }),
      invalid,
    ],
    ['of a passkey for no challenge', 'carol', carol.assert(DIGEST, { challenge: '' }), invalid],
    [
      'of a passkey at a page below its origin',
      'carol',
      carol.assert(DIGEST, { origin: `${WEBAUTHN.origins[0]}.evil.example` }),
      invalid,
    ],
    ['of another curve where a passkey is pinned', 'carol', dave.sign(DIGEST), invalid],
    [
      'with a byte behind its DER',
      'carol',
      der(carol.sign(DIGEST), (bytes) => Buffer.concat([bytes, Buffer.of(0)])),
      invalid,
    ],
    [
      'in BER, with its length in the long form',
      'carol',
      der(carol.sign(DIGEST), (bytes) => Buffer.concat([Buffer.of(0x30, 0x81), bytes.subarray(1)])),
      invalid,
    ],
    [
      'as r and s without DER',
      'carol',
      der(carol.sign(DIGEST), (bytes) => Buffer.concat(numbersOf(bytes))),
      invalid,
    ],
    ['with no bytes, passkey', 'carol', der(carol.sign(DIGEST), () => Buffer.alloc(0)), invalid],
    ['with authenticator data cut off', 'carol', cutOff(carol.sign(DIGEST)), invalid],
    ['with authenticator data of another answer', 'carol', mixed(), invalid],
    [
      'with client data that is no JSON',
      'carol',
      {
        signature: Buffer.alloc(70),
        passkey: { authenticatorData: Buffer.alloc(37), clientData: Buffer.from('x') },
      },
      invalid,
    ],
  ])('%s does not count', (_, approver, proof, code) => {
    expect(judged(approver, proof)?.code).toBe(code);
  });

  it('of a passkey does not count where none are configured', () => {
    expect(
      judgeApproval({ ...settings, webauthn: null }, CONTENT, {
        approverId: 'carol',
        proof: carol.sign(DIGEST),
      })?.code,
    ).toBe(invalid);
  });

  it('of an approver who was taken out does not count any more', () => {
    const approvers = settings.approvers.filter(({ id }) => id !== 'alice');
    expect(judged('alice', alice.sign(DIGEST), { approvers })?.code).toBe('approver_unknown');
  });
});
