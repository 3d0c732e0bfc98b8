import { intentId } from '../../base/effect/index.ts';
import type { Fields, Row } from './check-seal.ts';
import type { Evidence } from './file.ts';
import type { Statement } from './statement.ts';

/** Intent, decision, postings and states, from rows that are proven. */
export function checkBooks(evidence: Evidence, rows: readonly Row[]): Statement[] {
  const of = (table: string) =>
    rows.filter((row) => row.table === table).map(({ fields }) => fields);
  const [withdrawal] = of('withdrawal');
  const [tx] = of('tx');
  const transfers = of('transfer');
  if (withdrawal === undefined) {
    return [{ what: 'the withdrawal is there', holds: false, detail: evidence.withdrawalId }];
  }
  return [
    {
      what: 'the withdrawal is there',
      holds: withdrawal['withdrawal_id'] === evidence.withdrawalId,
      detail: `${withdrawal['amount']} of ${withdrawal['asset']} to ${withdrawal['recipient']}`,
    },
    ...(tx === undefined ? [] : intentOf(evidence, withdrawal, tx)),
    ...(tx === undefined ? [] : [decisionOf(withdrawal, of('decision'))]),
    ...approvalsOf(withdrawal, of('approval_request'), of('approval')),
    ...postingsOf(withdrawal, transfers),
    statesOf(movesOf(evidence, rows)),
    ...paidOf(evidence, of),
  ];
}

function intentOf(evidence: Evidence, withdrawal: Fields, tx: Fields): Statement[] {
  const id = intentId({
    installationId: evidence.installationId,
    tenantId: tx['tenant_id'] ?? '',
    operation: tx['operation'] ?? '',
    idempotencyKey: tx['idempotency_key'] ?? '',
  });
  const same = ['tenant_id', 'asset', 'amount', 'recipient', 'idempotency_key'] as const;
  return [
    {
      what: 'the intent is that of the request',
      holds:
        tx['owner_kind'] === 'withdrawal' &&
        tx['owner_id'] === evidence.withdrawalId &&
        same.every((name) => tx[name] === withdrawal[name]),
      detail: `transaction ${tx['tx_id']}`,
    },
    {
      what: 'the intent id is derived from it',
      holds: `\\x${id.slice(2)}` === tx['intent_id'],
      detail: id,
    },
  ];
}

/** The decision that rules in the end: a tightened policy may have decided again. */
function decisionOf(withdrawal: Fields, decisions: readonly Fields[]): Statement {
  const decision = decisions.find(
    (one) =>
      one['verdict'] === 'allow' &&
      one['tenant_id'] === withdrawal['tenant_id'] &&
      one['subject_id'] === withdrawal['withdrawal_id'],
  );
  const detail = `policy ${decision?.['policy_version']}, tier ${decision?.['tier']}`;
  return { what: 'policy allowed it', holds: decision !== undefined, detail };
}

/** What persons were asked about is this payment. Whose signatures they are is for who has the approvers' keys. */
function approvalsOf(
  withdrawal: Fields,
  requests: readonly Fields[],
  approvals: readonly Fields[],
): Statement[] {
  return requests.map((request) => {
    const given = approvals.filter((one) => one['request_id'] === request['request_id']);
    const same = ['tenant_id', 'asset', 'amount', 'recipient'] as const;
    return {
      what: `approval request ${request['request_id']} is about this payment`,
      holds:
        request['owner_id'] === withdrawal['withdrawal_id'] &&
        same.every((name) => request[name] === withdrawal[name]),
      detail: `signed by ${given.map((one) => one['approver_id']).join(', ') || 'nobody'}`,
    };
  });
}

type Posting = { debit: string; credit: string; amount: bigint };

function postings(transfer: Fields): Posting[] | null {
  const list = (name: string) => (transfer[name] ?? '{}').slice(1, -1).split(',');
  const [debits, credits, amounts] = [list('debit_nos'), list('credit_nos'), list('amounts')];
  if (debits.length !== amounts.length || credits.length !== amounts.length) return null;
  return amounts.map((amount, at) => ({
    debit: debits[at]!,
    credit: credits[at]!,
    amount: BigInt(amount),
  }));
}

/** Each movement takes from one account what it gives to another, and a reserve is resolved by what was set aside. */
function postingsOf(withdrawal: Fields, transfers: readonly Fields[]): Statement[] {
  const all = transfers.map((transfer) => ({ transfer, moved: postings(transfer) }));
  const balanced = all.every(({ moved }) =>
    moved?.every(({ debit, credit, amount }) => debit !== credit && amount > 0n),
  );
  const total = BigInt(withdrawal['amount'] ?? '0') + BigInt(withdrawal['fee'] ?? '0');
  const own = all.filter(({ transfer }) => transfer['subject_id'] === withdrawal['withdrawal_id']);
  const sums = own.map(({ transfer, moved }) => ({
    kind: transfer['kind'] ?? '',
    generation: transfer['generation'] ?? '',
    sum: (moved ?? []).reduce((sum, { amount }) => sum + amount, 0n),
  }));
  const made = sums.filter(({ kind }) => kind === 'RESERVE' || kind === 'REVERSE');
  const resolved = sums.filter(({ kind }) => kind === 'COMMIT' || kind === 'RELEASE');
  const generations = resolved.map(({ generation }) => generation);
  const single = new Set(generations).size === generations.length;
  return [
    {
      what: 'postings balance',
      holds: balanced && transfers.length > 0,
      detail: `${transfers.length} transfers`,
    },
    {
      what: 'what was set aside is resolved once',
      holds:
        sums.every(({ sum }) => sum === total) &&
        single &&
        made.length >= resolved.length &&
        made.some(({ generation }) => generation === '1'),
      detail: sums.map(({ kind, sum }) => `${kind} ${sum}`).join(', '),
    },
  ];
}

const isCompletion = (move: Fields) => ['COMPLETED', 'RESETTLED'].includes(move['to_state'] ?? '');

/** Whether the last that its events tell is that it was paid. */
export function endsCompleted(evidence: Evidence, rows: readonly Row[]): boolean {
  const last = movesOf(evidence, rows).at(-1);
  return last !== undefined && isCompletion(last);
}

/**
 * What is told to be completed was committed, and one of its own transactions paid it, or two persons decided that it
 * counts as paid.
 */
function paidOf(evidence: Evidence, of: (table: string) => Fields[]): Statement[] {
  const told = of('event_batch').filter((batch) => batch['type'] === 'withdrawal');
  if (!told.some(isCompletion)) return [];
  const [paid] = payments(evidence);
  const commits = of('transfer').filter(
    (one) => one['kind'] === 'COMMIT' && one['subject_id'] === evidence.withdrawalId,
  );
  const decided = of('break_action').find(
    (one) =>
      one['action'] === 'commit' &&
      commits.some((commit) => one['transfer_ids'] === `{${commit['transfer_id']}}`),
  );
  const persons = `${decided?.['proposed_by']} and ${decided?.['confirmed_by']}`;
  return [
    {
      what: 'what is completed was committed and paid',
      holds: commits.length > 0 && (paid ?? decided) !== undefined,
      detail:
        paid === undefined && decided ? `as ${persons} say` : `by ${paid?.txHash ?? 'nothing'}`,
    },
  ];
}

/** Where the file has its transactions paying. */
export function payments({ attempts, inclusions }: Evidence): Evidence['inclusions'] {
  const effects = attempts.filter(({ kind }) => kind === 'effect').map(({ txHash }) => txHash);
  return inclusions.filter(
    ({ txHash, succeeded, effectOk }) => succeeded && effectOk && effects.includes(txHash),
  );
}

/** The withdrawal's own moves as the sealed events tell them, in their order. */
function movesOf(evidence: Evidence, rows: readonly Row[]): Fields[] {
  const moves = evidence.events.flatMap(({ batchId, own }) => {
    const batch = rows.find(({ table, id }) => table === 'event_batch' && id === batchId)?.fields;
    if (batch?.['type'] !== 'withdrawal') return [];
    const mine = own.some(
      ({ text }) => (JSON.parse(text) as Fields)['subject_id'] === evidence.withdrawalId,
    );
    return mine ? [{ seq: BigInt(batch['seq'] ?? '0'), batch }] : [];
  });
  return moves.sort((a, b) => (a.seq < b.seq ? -1 : 1)).map(({ batch }) => batch);
}

/** Each begins where the one before ended. */
function statesOf(moves: readonly Fields[]): Statement {
  const states = moves.map((move) => move['to_state']);
  const linked = moves.every(
    (move, at) => move['from_state'] === (at === 0 ? undefined : states[at - 1]),
  );
  return {
    what: 'its states follow each other',
    holds: linked && states.length > 0,
    detail: states.join(' → '),
  };
}
