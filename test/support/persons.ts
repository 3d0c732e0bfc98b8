import { generateKeyPairSync, sign } from 'node:crypto';
import type { ApproverSettings } from '../../src/base/config/index.ts';
import { fromHex, type Hex, toHex } from '../../src/base/kernel/index.ts';

/** An approver with an Ed25519 key, who signs digests. */
export type Person = {
  settings: ApproverSettings;
  sign(digest: Hex): Buffer;
  /** What the API is given. */
  body(digest: Hex): { approver: string; signature: Hex };
};

export function personOf(id: string, initiators: string[] = []): Person {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const spki = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
  const signed = (digest: Hex) => sign(null, fromHex(digest), privateKey);
  return {
    settings: { id, initiators, kind: 'ed25519', publicKey: spki },
    sign: signed,
    body: (digest) => ({ approver: id, signature: toHex(signed(digest)) }),
  };
}
