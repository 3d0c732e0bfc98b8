import { type Db, dbErrorKind, type Sql } from '../../base/db/index.ts';
import { messageOf } from '../../base/kernel/index.ts';
import { type AuditReport, checkBlocks, type Trusted } from '../../books/audit/index.ts';
import { attemptPages } from './attempts.ts';
import { lowestBlock, readChains, verifyChain } from './chain/compare.ts';
import { journalHeight, journalPages } from './journal.ts';
import { type Law, readLaws } from './laws.ts';
import { type Scope, type Since, scopeOf } from './since.ts';
import { openSnapshot } from './snapshot.ts';
import { type LawResult, Tally } from './tally.ts';

type VerifyOptions = {
  /** Any role that may read; nothing is written. */
  main: Db;
  /** The signer's database, or why there is none. */
  signer: Db | { absent: string };
  /** Nodes of any chains, by URL; which chain is whose is asked. A chain without one is skipped and told. */
  nodes: readonly string[];
  since: Since | null;
  /** These alone; by default all of them. */
  laws?: readonly Law[];
  /** Whom to believe about the seal, which is then computed anew; null: it is not looked at. */
  audit: Trusted | null;
  /** Told often; whoever prints decides what to drop. */
  progress(text: string): void;
};

export type VerifyReport = {
  result: 'clean' | 'broken' | 'incomplete';
  since: string | null;
  /** The moment of the main database's snapshot. */
  at: string;
  /** Blocks walkedFrom..finalized were compared; null: the chain could not be asked. */
  chains: { chainId: number; walkedFrom: number | null; finalized: number }[];
  laws: LawResult[];
  /** Null: not looked at. */
  audit: AuditReport | null;
};

/**
 * Checks every law against one snapshot of each database, and the chain up to the block that was final in
 * the main one's. Works on a running installation: what a snapshot shows is whole steps only, and the orders in which
 * steps write are accounted for: the journal is read after the main database, so it holds all that main
 * says was signed; only entries that were there before are asked for in main.
 * Throws ConfigurationError for a --since that names nothing, and what the main database throws.
 */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  const tally = new Tally(options.laws ?? readLaws());
  const signer = 'absent' in options.signer ? null : options.signer;
  const journalKnown = signer === null ? null : await journalHeight(signer).catch(unreachable);
  const main = await openSnapshot(options.main);
  try {
    const at = await now(main.sql);
    const scope = await scopeOf(main.sql, options.since);
    const chains = await readChains(main.sql);
    options.progress('the laws of the books');
    await tally.ask(main.sql, 'main', { since: scope.sinceId });
    if (signer === null || typeof journalKnown !== 'bigint') {
      const reason = 'absent' in options.signer ? options.signer.absent : String(journalKnown);
      tally.skip(['journal', 'attempts', 'signer'], reason);
    } else {
      await verifyJournal(options, tally, main.sql, signer, { scope, journalKnown });
    }
    const walked: VerifyReport['chains'] = [];
    for (const chain of chains) {
      const { chainId, finalized } = chain;
      const from = await lowestBlock(main.sql, chain, scope);
      const reason = await verifyChain(options, tally, main.sql, { chain, from, scope });
      if (reason !== null) tally.skip(['walk', 'balances'], `chain ${chainId}: ${reason}`);
      walked.push({ chainId, walkedFrom: reason === null ? from : null, finalized });
    }
    const { audit: trusted } = options;
    const audit =
      trusted === null
        ? null
        : await checkBlocks(main.sql, trusted, (text) => options.progress(text));
    const laws = tally.results();
    const result = (audit?.breaks.length ?? 0) > 0 ? 'broken' : resultOf(laws);
    return { result, since: toldSince(options.since), at, chains: walked, laws, audit };
  } finally {
    await main.end();
  }
}

const unreachable = (error: unknown) => `the signer's database: ${messageOf(error)}`;

function resultOf(laws: readonly LawResult[]): VerifyReport['result'] {
  if (laws.some((law) => law.status === 'broken')) return 'broken';
  return laws.some((law) => law.status === 'skipped') ? 'incomplete' : 'clean';
}

function toldSince(since: Since | null): string | null {
  if (since === null) return null;
  if (since.kind === 'time') return since.at.toISOString();
  return since.kind === 'block' ? `block ${since.height}` : `withdrawal ${since.id}`;
}

/** Also what takes the snapshot: everything after it sees this moment. */
async function now(sql: Sql): Promise<string> {
  const { rows } = await sql.query<{ at: Date }>('SELECT clock_timestamp() AS at');
  return rows[0]!.at.toISOString();
}

async function verifyJournal(
  options: VerifyOptions,
  tally: Tally,
  main: Sql,
  signer: Db,
  known: { scope: Scope; journalKnown: bigint },
): Promise<void> {
  try {
    const journal = await openSnapshot(signer);
    try {
      await tally.ask(journal.sql, 'signer', { since: known.scope.sinceId });
      for await (const { upTo, entries } of journalPages(journal.sql, known.scope)) {
        options.progress(`the journal, entry ${upTo}`);
        await tally.ask(main, 'journal', { known: String(known.journalKnown), entries });
      }
      for await (const attempts of attemptPages(main, known.scope)) {
        options.progress('attempts against the journal');
        await tally.ask(journal.sql, 'attempts', { attempts });
      }
    } finally {
      await journal.end();
    }
  } catch (error) {
    if (dbErrorKind(error) !== 'lost') throw error;
    tally.skip(['journal', 'attempts', 'signer'], unreachable(error));
  }
}
