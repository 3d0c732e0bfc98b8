import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../base/db/index.ts';

/**
 * What a law is asked about, and where its query runs. `main`: the main database as it is. `walk`: the
 * main database beside a page of the chain. `balances`: the same beside what the chain says of each
 * lane. `journal`: the main database beside a page of the journal. `attempts`: the signer's database beside a page
 * of attempts. `signer`: the signer's database as it is.
 */
const ASKED = ['main', 'walk', 'balances', 'journal', 'attempts', 'signer'] as const;
export type Asked = (typeof ASKED)[number];

export type Law = {
  /** `group/name`, as its file. */
  name: string;
  /** One sentence that says what is so. */
  sentence: string;
  asks: Asked;
  /** Gives a row (subject, found, expected) for each break; its one parameter is a JSON document. */
  query: string;
};

const GROUPS = ['ledger', 'state', 'tx', 'keys', 'policy', 'queue', 'chain', 'journal'];

/** The files of laws/ beside the program: group by group, in the order of their names. */
export function readLaws(): Law[] {
  const root = join(projectRoot(), 'laws');
  return GROUPS.flatMap((group) =>
    readdirSync(join(root, group))
      .filter((file) => file.endsWith('.sql'))
      .sort()
      .map((file) => {
        const name = `${group}/${file.slice(0, -'.sql'.length)}`;
        return parseLaw(name, readFileSync(join(root, group, file), 'utf8'));
      }),
  );
}

const HEADER = /^-- (\S+)\n-- ([A-Z][^\n]*\.)\n-- asks: (\w+)\n/;

/** The first three lines: name, sentence, what it is asked about. Further comments are the query's. */
function parseLaw(name: string, text: string): Law {
  const header = HEADER.exec(text);
  const asks = ASKED.find((one) => one === header?.[3]);
  if (header === null || header[1] !== name || asks === undefined) {
    throw new Error(
      `law ${name}: expected "-- ${name}", "-- <sentence>." and "-- asks: ${ASKED.join(' | ')}" as its first lines`,
    );
  }
  const query = text.slice(header[0].length).trim().replace(/;$/, '');
  return { name, sentence: header[2]!, asks, query };
}
