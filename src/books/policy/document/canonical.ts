import canonicalize from 'canonicalize';
import { sha256Hex } from '../../../base/kernel/index.ts';
import type { Policy } from './types.ts';

/** A bigint as JSON: an object, which no other value of a document is. */
const TAG = 'baseUnits';

/**
 * A read document as it is stored: RFC 8785 JSON with base units and CAIP-19 ids, so that what it means does not
 * move when the configuration renames an asset. Comments, order of keys and the spelling of an amount are gone.
 */
export function canonicalPolicy(policy: Policy): string {
  return canonical(policy);
}

/** RFC 8785 JSON of a document's parts. */
export function canonical(part: unknown): string {
  const plain = JSON.stringify(part, (_key, value) =>
    typeof value === 'bigint' ? { [TAG]: value.toString() } : value,
  );
  return canonicalize(JSON.parse(plain))!;
}

/** What canonicalPolicy wrote; the text was read and checked before it was stored. */
export function policyOfCanonical(text: string): Policy {
  return JSON.parse(text, (_key, value) => {
    const units = (value as { [TAG]?: unknown } | null)?.[TAG];
    return typeof units === 'string' ? BigInt(units) : value;
  }) as Policy;
}

/** The name of a version: what was decided under it can be proved from the stored text. */
export function policyVersion(policy: Policy): string {
  return `policy:${sha256Hex(canonicalPolicy(policy))}`;
}
