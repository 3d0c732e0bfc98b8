import { effectDigest, effectOf, fillerOf } from '../../base/effect/index.ts';
import { type Address, fromHex, type Hex, keccak256 } from '../../base/kernel/index.ts';
import type { Fields } from './check-seal.ts';
import type { Evidence } from './file.ts';
import type { Statement } from './statement.ts';

type Bytes = {
  chainId: number;
  nonce: bigint;
  from: string;
  to: string;
  value: bigint;
  data: string;
};

const hexOf = (bytea: string | undefined) => `0x${(bytea ?? '').slice(2)}` as Hex;

/** The signed bytes against the intent: whose they are, what they do, and that no others can be mined beside them. */
export async function checkTransactions(
  evidence: Evidence,
  tx: Fields | undefined,
): Promise<Statement[]> {
  const { slot, attempts, inclusions } = evidence;
  if (tx === undefined || slot === null) {
    if (slot === null && attempts.length === 0 && inclusions.length === 0) return [];
    const lacks = tx === undefined ? 'no transaction of the request' : 'no slot';
    return [{ what: 'what was signed can be compared', holds: false, detail: lacks }];
  }
  const { token, recipient } = { token: tx['token'], recipient: hexOf(tx['recipient']) };
  const effect = effectOf({
    token: token === undefined ? null : hexOf(token),
    recipient: recipient as Address,
    amount: BigInt(tx['amount'] ?? '0'),
  });
  const from = slot.from as Address;
  const digest = effectDigest(Number(slot.chainId), from, effect);
  const statements: Statement[] = [
    {
      what: 'the slot is bound to the intent',
      holds: digest === slot.effectDigest && slot.chainId === tx['chain_id'],
      detail: `nonce ${slot.nonce} of ${slot.from}, effect ${digest}`,
    },
  ];
  for (const { kind, txHash, raw } of attempts) {
    const bytes = await readBytes(raw);
    const wanted = kind === 'filler' ? fillerOf(from) : effect;
    const holds =
      bytes !== null &&
      keccak256(fromHex(raw)) === txHash &&
      bytes.from === slot.from &&
      String(bytes.chainId) === slot.chainId &&
      String(bytes.nonce) === slot.nonce &&
      bytes.to === wanted.to.toLowerCase() &&
      bytes.value === wanted.value &&
      bytes.data === wanted.data;
    const what = kind === 'filler' ? 'closes the nonce without paying' : 'does what was wanted';
    const detail = `signed by ${bytes?.from}, nonce ${bytes?.nonce}, to ${bytes?.to}`;
    statements.push({ what: `transaction ${txHash} ${what}`, holds, detail });
  }
  return [...statements, ...inclusions.map((seen) => inclusionOf(evidence, seen))];
}

/** What the installation saw; whether a node agrees is asked with `--rpc`. */
function inclusionOf(evidence: Evidence, seen: Evidence['inclusions'][number]): Statement {
  return {
    what: `transaction ${seen.txHash} was mined`,
    holds: evidence.attempts.some(({ txHash }) => txHash === seen.txHash),
    detail: `block ${seen.blockNumber} ${seen.blockHash}, ${seen.succeeded ? 'success' : 'reverted'}, ${seen.final ? 'final' : 'not final, or not in the chain any more'}, as the installation saw it`,
  };
}

/** Null for bytes that are no signed transaction. */
async function readBytes(raw: Hex): Promise<Bytes | null> {
  // Loaded when a file is checked: it would be a fifth of what a process loads at its start.
  const { parseTransaction, recoverTransactionAddress } = await import('viem');
  try {
    const { chainId = 0, nonce = 0, to, value = 0n, data = '0x' } = parseTransaction(raw);
    const serializedTransaction = raw as Parameters<
      typeof recoverTransactionAddress
    >[0]['serializedTransaction'];
    const from = (await recoverTransactionAddress({ serializedTransaction })).toLowerCase();
    return { chainId, nonce: BigInt(nonce), from, to: to?.toLowerCase() ?? '', value, data };
  } catch {
    return null;
  }
}
