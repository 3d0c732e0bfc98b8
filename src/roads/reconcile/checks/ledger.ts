import type { Db } from '../../../base/db/index.ts';
import type { Finding } from '../../../books/finding/index.ts';
import { readLaws } from '../laws.ts';
import { verify } from '../verify.ts';

/** How many rows that break a law are told with it. */
const TOLD = 3;

/** The laws of the ledger, by the books alone: chain and journal are `payonce verify`'s. */
export async function checkLedger(db: Db, progress: (text: string) => void): Promise<Finding[]> {
  const report = await verify({
    main: db,
    signer: { absent: 'only the books are asked' },
    nodes: [],
    since: null,
    audit: null,
    laws: readLaws().filter(({ name }) => name.startsWith('ledger/')),
    progress,
  });
  return report.laws.flatMap(({ law, sentence, status, breaks, first }) =>
    status === 'broken'
      ? [
          {
            kind: 'check.law_broken',
            subject: law,
            tenantId: null,
            detail: { law: sentence, breaks, first: first.slice(0, TOLD) },
          },
        ]
      : [],
  );
}
