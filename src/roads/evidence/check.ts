import { type Hex, messageOf } from '../../base/kernel/index.ts';
import { checkBooks } from './check-books.ts';
import { checkSeal, type Row } from './check-seal.ts';
import { checkTransactions } from './check-transactions.ts';
import { type Evidence, readEvidence } from './file.ts';
import type { Statement } from './statement.ts';

type Verdict = { statements: Statement[]; evidence: Evidence | null };

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
  if (evidence === null) return { statements: [whole], evidence };
  const statements = [whole];
  try {
    const rows: Row[] = [];
    statements.push(...checkSeal(evidence, publicKeys, rows));
    statements.push(...checkBooks(evidence, rows));
    const tx = rows.find(({ table }) => table === 'tx')?.fields;
    if (tx !== undefined) statements.push(...(await checkTransactions(evidence, tx)));
  } catch (error) {
    // Somebody else's file may hold anything.
    const detail = messageOf(error);
    statements.push({ what: 'every part of it has its form', holds: false, detail });
  }
  return { statements, evidence };
}
