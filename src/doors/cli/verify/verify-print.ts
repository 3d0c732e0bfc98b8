import type { VerifyReport } from '../../../roads/reconcile/index.ts';
import type { Output } from '../context.ts';
import { printTable } from '../print.ts';

/** A line per law, then what breaks them, then the verdict. */
export function printReport(out: Output, report: VerifyReport): void {
  printTable(
    out,
    report.laws.map(({ law, status, breaks, reason }) => ({
      law,
      state: status,
      breaks: String(breaks),
      note: reason ?? '',
    })),
  );
  for (const { law, sentence, breaks, first } of report.laws) {
    if (breaks === 0) continue;
    out.write(`\n${law}: ${sentence}\n`);
    for (const { subject, found, expected } of first) {
      out.write(`  ${subject}: found ${found}, expected ${expected}\n`);
    }
    if (breaks > first.length) out.write(`  and ${breaks - first.length} more\n`);
  }
  if (report.audit !== null) printAudit(out, report.audit);
  out.write(`\n${verdictOf(report)}\n`);
}

function printAudit(out: Output, audit: NonNullable<VerifyReport['audit']>): void {
  const { blocks, rows, unsigned, unsealed, breaks } = audit;
  const state = breaks.length === 0 ? 'ok' : 'broken';
  const tail = `${unsigned} blocks not signed yet, ${unsealed} rows not sealed yet`;
  out.write(`\naudit ${state}: ${blocks} blocks, ${rows} rows; ${tail}\n`);
  for (const { subject, found, expected } of breaks) {
    out.write(`  ${subject}: ${found}, expected ${expected}\n`);
  }
}

function verdictOf({ laws, chains, since, at }: VerifyReport): string {
  const count = (status: string) => laws.filter((law) => law.status === status).length;
  const walked = chains.map(({ chainId, walkedFrom, finalized }) =>
    walkedFrom === null
      ? `chain ${chainId} not walked`
      : `chain ${chainId} walked from block ${walkedFrom} to ${finalized}`,
  );
  const [ok, broken, skipped] = [count('ok'), count('broken'), count('skipped')];
  const words = [`${ok} laws hold`, `${broken} broken`, `${skipped} not checked`, ...walked];
  return `as of ${at}${since === null ? '' : `, since ${since}`}: ${words.join(', ')}`;
}
