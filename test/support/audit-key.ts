import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import type { Hex } from '../../src/base/kernel/index.ts';
import { rawPublicKey } from '../../src/books/audit/check.ts';

/** A key of audit blocks, as a configuration has it. */
export function newAuditKey(folder: string): { key: string; publicKey: Hex; anchorFile: string } {
  const { privateKey } = generateKeyPairSync('ed25519');
  return {
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    publicKey: rawPublicKey(privateKey),
    anchorFile: join(folder, 'audit.anchors'),
  };
}
