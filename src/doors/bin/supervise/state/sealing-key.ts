import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { Hex } from '../../../../base/kernel/index.ts';
import { rawPublicKey } from '../../../../books/audit/index.ts';
import { statePath, writePrivate } from './state-files.ts';

/** The key of the development installation's audit blocks, made once: blocks stay signed by it over restarts. */
export function sealingKey(stateDir: string): {
  keyFile: string;
  publicKey: Hex;
  anchorFile: string;
} {
  const keyFile = statePath(stateDir, 'auditKey');
  if (!existsSync(keyFile)) {
    const { privateKey } = generateKeyPairSync('ed25519');
    writePrivate(keyFile, privateKey.export({ format: 'pem', type: 'pkcs8' }) as string);
  }
  const publicKey = rawPublicKey(createPrivateKey(readFileSync(keyFile)));
  return { keyFile, publicKey, anchorFile: statePath(stateDir, 'anchors') };
}
