import { type Hex, messageOf } from '../../base/kernel/index.ts';
import { checkBooks, endsCompleted } from './check-books.ts';
import { checkSeal, type Row } from './check-seal.ts';
import { checkTransactions } from './check-transactions.ts';
import { type Evidence, readEvidence } from './file.ts';
import type { Statement } from './statement.ts';

export type Verdict = {
  statements: Statement[];
  evidence: Evidence | null;
  /** The last that it tells of the withdrawal is that it was paid. */
  completed: boolean;
};

/**
 * Judges a file by itself and the trusted keys alone: no database, no network. Every statement is computed anew from
 * what the one before it proved: signed headers, rows that lead to them, and then what the rows say.
 */
export async function checkEvidence(text: string, publicKeys: readonly Hex[]): Promise<Verdict> {
  const evidence = readEvidence(text);
  const whole = {
    what: 'the file is whole',
    holds: evidence !== null,
    detail: 'its own digest, and its form byte for byte',
  };
  if (evidence === null) return { statements: [whole], evidence, completed: false };
  const statements = [whole];
  let completed = false;
  try {
    const rows: Row[] = [];
    statements.push(...checkSeal(evidence, publicKeys, rows));
    statements.push(...checkBooks(evidence, rows));
    const tx = rows.find(({ table }) => table === 'tx')?.fields;
    statements.push(...(await checkTransactions(evidence, tx)));
    completed = endsCompleted(evidence, rows);
  } catch (error) {
    // Somebody else's file may hold anything.
    const detail = messageOf(error);
    statements.push({ what: 'every part of it has its form', holds: false, detail });
  }
  return { statements, evidence, completed };
}
