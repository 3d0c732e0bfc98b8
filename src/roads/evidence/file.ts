import canonicalize from 'canonicalize';
import { type Hex, sha256Hex } from '../../base/kernel/index.ts';

const FORMAT = 'payonce evidence 1';

/** A sealed row: `text` is what its hash is made of, and the path leads from there to the root of a block. */
export type EvidenceRow = {
  table: string;
  id: string;
  text: string;
  /** Null: not sealed yet. */
  proof: { height: string; index: number; path: Hex[] } | null;
};

/** Everything about one withdrawal, for somebody who has no access to the installation. */
export type Evidence = {
  format: typeof FORMAT;
  installationId: string;
  withdrawalId: string;
  exportedAt: string;
  /** Withdrawal, its transaction, decision, transfers, event batches, approvals, what two persons decided. */
  rows: EvidenceRow[];
  /** Of each event batch the hashes of all its events, and in full those of the withdrawal. */
  events: { batchId: string; hashes: Hex[]; own: { n: number; text: string }[] }[];
  /** Signed headers: `message` is what was signed. */
  blocks: { message: string; publicKey: Hex; signature: Hex }[];
  /** The nonce that the withdrawal has for ever, and every set of bytes that was signed for it. */
  slot: { chainId: string; from: Hex; nonce: string; effectDigest: Hex } | null;
  attempts: { id: string; kind: string; txHash: Hex; raw: Hex }[];
  /** Where the installation saw them, and whether that block is final. */
  inclusions: {
    txHash: Hex;
    blockNumber: string;
    blockHash: Hex;
    succeeded: boolean;
    effectOk: boolean;
    final: boolean;
  }[];
  /** SHA-256 of everything above, in the form of RFC 8785. */
  digest: string;
};

export function writeEvidence(evidence: Omit<Evidence, 'format' | 'digest'>): string {
  const whole = { format: FORMAT, ...evidence };
  return `${canonicalize({ ...whole, digest: digestOf(whole) })}\n`;
}

function digestOf(whole: object): string {
  return sha256Hex(canonicalize(whole) ?? '');
}

/** Null for a text that is not such a file, byte for byte. */
export function readEvidence(text: string): Evidence | null {
  try {
    const { digest, ...whole } = JSON.parse(text) as Evidence;
    const same = whole.format === FORMAT && digest === digestOf(whole);
    return same && `${canonicalize({ ...whole, digest })}\n` === text ? { ...whole, digest } : null;
  } catch {
    return null;
  }
}
