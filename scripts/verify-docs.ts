import { type Law, readLaws } from '../src/roads/reconcile/index.ts';

/** docs/verify.md: what the command does, and every law with its sentence. */
export function verifyReference(): string {
  const laws = readLaws();
  const groups = [...new Set(laws.map(groupOf))];
  return `${[HEAD, ...groups.map((group) => sectionOf(group, laws))].join('\n\n')}\n`;
}

const HEAD = `# payonce verify

Generated from \`laws/\` by \`npm run generate\`. Do not edit by hand.

\`\`\`sh
npx --no payonce verify                    # everything
npx --no payonce verify --since 2027-01-31T00:00:00Z   # or a withdrawal id, or the number of a block
npx --no payonce verify --law chain/lane-balances --law ledger/replay
npx --no payonce verify --laws             # what is checked
npx --no payonce verify --json
\`\`\`

It proves that ledger, states, queue, keys, journal and chain agree, by ${readLaws().length} laws. Each is a file of \`laws/\`: a sentence and the SQL that
finds the rows which break it. Nothing is written: every question is asked in one \`REPEATABLE READ, READ ONLY\` transaction per
database, as the roles \`payonce_app\` and \`payonce_signer\`. It may run at any time beside the processes and gives no false alarm then; it
holds back vacuum while it runs, as every long read does.

Databases and nodes come from \`--config\`, the environment (\`DATABASE_URL\`, \`SIGNER_DATABASE_URL\`), or \`.payonce/dev.json\`, or they are named
(\`--database-url\`, \`--signer-database-url\`, \`--rpc\` once for each node). The signer's section of a configuration is not read, since it
names keys: give its database by the environment or the flag.

| exit code | |
|---|---|
| 0 | every law was checked and holds |
| 1 | a law is broken: each is followed by its first 20 breaks, with what was found and what was expected |
| 2 | usage or configuration |
| 3 | no law is broken, and some could not be checked: no signer database, no node of a chain, a node that lacks the finalized block or its state |

## What the chain is asked

Blocks with their transactions, from the first block of the books (or from \`--since\`) to the block that the books hold as finalized, read by
code that shares nothing with the tracker. Every transaction of a lane and every Transfer log out of one, of a token that a lane has in
the books, must belong to one slot and one posting with equal recipient and amount; then every committed withdrawal must be found on
the chain; then what each lane held must be what the books say: of tokens at the finalized block, of the native coin at the last block
up to which its gas and arrivals are booked. Balances of a block need a node that still has its state; most keep 128 blocks.

A lane that was taken into the books after the finalized block is judged as soon as that block is final.

## What --since leaves out

Rows of withdrawals, transactions, transfers and journal entries that are older, and older blocks. Sums (balances, replay, lanes) are
always over everything.`;

const WORDS: Record<string, string> = {
  ledger:
    'Postings, balances, reserves: the double entry adds up, and moves what the rest says it should.',
  state:
    'Withdrawals and transactions went only the ways that their machines declare, and the history says so.',
  tx: 'Slots, signature requests, attempts, inclusions and blocks, each as the others need it.',
  keys: 'What must be single for ever.',
  policy: 'Windows of limits against what decisions took from them.',
  queue: 'Nothing stands still without anybody who will take it on.',
  chain: 'The books against the chain, both ways.',
  journal: "The books against the signer's journal, both ways.",
};

const groupOf = (law: Law) => law.name.split('/')[0]!;

function sectionOf(group: string, laws: readonly Law[]): string {
  const rows = laws
    .filter((law) => groupOf(law) === group)
    .map(({ name, sentence }) => `| [\`${name}\`](../laws/${name}.sql) | ${sentence} |`);
  return [`## ${group}`, '', WORDS[group]!, '', '| law | |', '|---|---|', ...rows].join('\n');
}
