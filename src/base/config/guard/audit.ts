import { createPrivateKey } from 'node:crypto';
import type { Hex } from '../../kernel/index.ts';
import type { Faults } from '../faults.ts';
import { readAwsPlace } from '../lanes.ts';
import type { ConfigFile } from '../schema/schema.ts';
import type { Secrets } from '../secrets.ts';
import type { AnchorSettings, Settings } from '../settings.ts';
import type { Loose } from '../shape.ts';

export function readAudit(
  section: Loose<NonNullable<ConfigFile['audit']>>,
  secrets: Secrets,
  faults: Faults,
): Settings['audit'] {
  return {
    anchor: readAnchor(section.anchor ?? {}, secrets, faults),
    publicKeys: (section.publicKeys ?? []).flatMap((key) => (key as Hex | undefined) ?? []),
  };
}

function readAnchor(
  { file, s3 }: Loose<NonNullable<NonNullable<ConfigFile['audit']>['anchor']>>,
  secrets: Secrets,
  faults: Faults,
): AnchorSettings | null {
  if (file !== undefined) return { kind: 'file', path: secrets.pathOf(file) };
  if (s3 === undefined) return null;
  const { bucket = '', prefix = '', retainDays = 1 } = s3;
  const place = readAwsPlace(s3, bucket, 'audit.anchor.s3', faults);
  return { kind: 's3', bucket, prefix, retainDays, ...place };
}

/** The private key in PEM, once it is seen to be an Ed25519 key. */
export function readAuditKey(
  section: Loose<NonNullable<NonNullable<ConfigFile['signer']>['audit']>>,
  secrets: Secrets,
  faults: Faults,
): string | null {
  const path = 'signer.audit.key';
  const pem = section.key === undefined ? undefined : secrets.read(path, section.key);
  if (pem === undefined) return null;
  try {
    if (createPrivateKey(pem).asymmetricKeyType === 'ed25519') return pem;
  } catch {
    // The same fault as for a key of another kind.
  }
  faults.add(path, 'no such key (not shown)', 'a private Ed25519 key in PEM (PKCS #8)');
  return null;
}
