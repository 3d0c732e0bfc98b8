import { type Db, inTransaction } from '../../../base/db/index.ts';

export type Answer = {
  txId: string;
  /** The question that it answers: one asked meanwhile stays open. */
  question: number;
  refusal: { code: string; message: string } | null;
};

/** Answers where nobody has answered that question. */
export async function answersGive(main: Db, answers: readonly Answer[]): Promise<void> {
  await inTransaction(main, (sql) =>
    sql.query({
      name: 'signer_answers_give',
      text: `UPDATE dry_verdict v SET answered = a.question, answered_at = clock_timestamp(),
          refusal_code = a.code, refusal_message = a.message
        FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[]) AS a(tx_id, question, code, message)
        WHERE v.tx_id = a.tx_id AND v.answered < a.question`,
      values: [
        answers.map(({ txId }) => txId),
        answers.map(({ question }) => question),
        answers.map(({ refusal }) => refusal?.code ?? null),
        answers.map(({ refusal }) => refusal?.message ?? null),
      ],
    }),
  );
}

/** Says in the main database by which configuration this signer judges, for as long as it runs. */
export async function rulesTell(main: Db, digest: Buffer): Promise<void> {
  await inTransaction(main, (sql) =>
    sql.query({
      name: 'signer_rules_tell',
      text: `INSERT INTO signer_rules (digest) VALUES ($1)
        ON CONFLICT (digest) DO UPDATE SET told_at = clock_timestamp()`,
      values: [digest],
    }),
  );
}
