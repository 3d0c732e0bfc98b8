import { type Db, inTransaction } from '../../base/db/index.ts';
import { writeAudit } from '../../base/event/index.ts';
import { isRefusal, parseForm, type Refusal, refuse } from '../../base/kernel/index.ts';
import { rolesWith } from '../../books/access/index.ts';
import { confirm, propose, readProposals, type Speaker } from '../../books/proposal/index.ts';
import { orderResume, readHeads } from '../../books/tx/index.ts';
import { readEvidence } from './breaks/form.ts';

export type ResumeView = {
  chain: string;
  chainId: number;
  halted: string;
  /** ordered: two persons said so, and the chain's tracker carries it out. */
  status: 'proposed' | 'ordered';
  evidence: string;
  /** Persons by their ids. */
  proposedBy: string;
  confirmedBy: string | null;
};

const FIELDS = new Set(['evidence']);

/**
 * The way back of a halted chain: two persons say the same evidence; what the node
 * shows is then taken for the chain. A word is about one halt: a later one needs two new words.
 */
export async function orderChainResume(
  db: Db,
  chain: { id: string; chainId: number },
  request: { by: Speaker; body: unknown },
): Promise<ResumeView | Refusal> {
  const form = parseForm(request.body, FIELDS, (fields) => {
    const evidence = readEvidence(fields);
    return evidence === null ? null : { evidence };
  });
  if (isRefusal(form)) return form;
  const { chainId } = chain;
  const halted = (await readHeads(db)).get(chainId)?.haltedReason ?? null;
  if (halted === null) return refuse('chain_not_halted', `The chain ${chain.id} is not halted.`);
  const subject = `chain:${chainId}`;
  const content = JSON.stringify({ halted, ...form });
  const { by } = request;
  const { personId } = by;
  const word = { subject, content, by, roles: rolesWith('admin:chains') };
  await propose(db, word);
  const proposal = (await readProposals(db, [subject])).get(subject);
  const told = { chain: chain.id, chainId, halted, ...form };
  if (proposal === undefined || proposal.content !== content || proposal.proposedBy === personId) {
    return { ...told, status: 'proposed', proposedBy: personId, confirmedBy: null };
  }
  const { proposedBy } = proposal;
  return inTransaction(db, async (sql): Promise<ResumeView | Refusal> => {
    const order = { chainId, ...form, proposedBy, confirmedBy: personId };
    const ordered = (await confirm(sql, word)) !== null && (await orderResume(sql, order));
    if (!ordered) return refuse('chain_not_halted', `The chain ${chain.id} goes on already.`);
    const detail = { chainId, halted, ...form, proposedBy };
    const act = { action: 'chain.resume_ordered', actor: `person ${personId}`, subject: chain.id };
    await writeAudit(sql, [{ tenantId: null, ...act, detail }]);
    return { ...told, status: 'ordered', proposedBy, confirmedBy: personId };
  });
}
