/**
 * What the seal covers, and how a row is written down to be hashed. A row is a JSON object in the form of RFC 8785: names
 * sorted, nothing between them; `$table` is its table and every value the text that PostgreSQL gives of it
 * (`::text`; times in UTC with microseconds). What is null is left out, so that a column that is added
 * later, null for what there was, changes no hash. PostgreSQL's to_json escapes a text exactly as RFC 8785 does.
 */
type Sealed = {
  table: string;
  /** UUIDv7, made by a statement that holds its lock on the table, or on one of MAKES_IDS. */
  id: string;
  /** Name to the expression of its text. */
  columns: ReadonlyMap<string, string>;
};

const time = (column: string) =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

function sealed(
  table: string,
  id: string,
  columns: string,
  more: { times?: string; others?: Record<string, string> } = {},
): Sealed {
  const named = (names: string) => names.split(' ').filter((name) => name !== '');
  const all: [string, string][] = [
    ...named(`${id} ${columns}`).map((name): [string, string] => [name, `t.${name}::text`]),
    ...named(more.times ?? '').map((name): [string, string] => [name, time(`t.${name}`)]),
    ...Object.entries(more.others ?? {}),
  ];
  return { table, id, columns: new Map(all.sort(([a], [b]) => (a < b ? -1 : 1))) };
}

const member = (name: string, text: string) =>
  `coalesce(',"${name}":' || to_json(${text})::text, '')`;

/** One event of a batch, of the table expression `i`. */
const ITEM = `'{"$event":"' || i.n || '"' || ${member('correlation_id', 'i.correlation_id')} || ${member('data', 'd.data::text')}
  || ${member('owner_id', 'i.owner_id::text')} || ${member('subject_id', 'i.subject_id::text')} || '}'`;
const ITEMS_OF_BATCH = `unnest(t.subject_ids, t.owner_ids, t.correlation_ids)
    WITH ORDINALITY AS i(subject_id, owner_id, correlation_id, n)
  LEFT JOIN LATERAL json_array_elements(t.data) WITH ORDINALITY AS d(data, n) ON d.n = i.n`;
const sha256OfText = (text: string) => `sha256('\\x00'::bytea || convert_to(${text}, 'UTF8'))`;

/**
 * In the order of their leaves. Of tables whose rows change, the columns that never do (no role may update them).
 * An event batch is hashed with the SHA-256 of its events' hashes in their order, so that one event can be shown
 * without the others.
 */
export const SEALED: readonly Sealed[] = [
  sealed('audit_entry', 'entry_id', 'tenant_id action actor subject correlation_id detail', {
    times: 'at',
  }),
  sealed('event_batch', 'batch_id', 'seq xid tenant_id type from_state to_state size', {
    times: 'at',
    others: {
      items: `(SELECT encode(sha256(string_agg(${sha256OfText(ITEM)}, ''::bytea ORDER BY i.n)), 'hex') FROM ${ITEMS_OF_BATCH})`,
    },
  }),
  sealed(
    'transfer',
    'transfer_id',
    'tenant_id kind account subject_id generation correlation_id debit_nos credit_nos amounts',
    { times: 'at' },
  ),
  sealed(
    'decision',
    'decision_id',
    'tenant_id subject_id policy_version verdict tier commit_at trace inputs sampled',
    {
      times: 'created_at',
    },
  ),
  sealed(
    'withdrawal',
    'withdrawal_id',
    'tenant_id account asset amount fee recipient idempotency_key external_id metadata correlation_id initiated_by',
    { times: 'expires_at created_at' },
  ),
  sealed(
    'tx',
    'tx_id',
    'tenant_id owner_kind owner_id intent_id operation idempotency_key chain_id asset token recipient amount correlation_id from_lane to_lane payer_authorization',
    { times: 'expires_at created_at' },
  ),
  sealed(
    'approval_request',
    'request_id',
    'tenant_id owner_id decision_id requirements wallet_group chain_id asset recipient amount fee_cap intent_id policy_version initiator expiry correlation_id owner_kind',
    { times: 'created_at' },
  ),
  sealed(
    'approval',
    'approval_id',
    'request_id approver_id signature authenticator_data client_data',
    { times: 'created_at' },
  ),
  sealed(
    'break_action',
    'action_id',
    'break_id action evidence adjustments transfer_ids proposed_by confirmed_by',
    { times: 'at' },
  ),
  sealed('signing_freeze', 'freeze_id', 'code detail remedy declared_by', { times: 'at' }),
  sealed(
    'operator_freeze',
    'freeze_id',
    'scope tenant_id chain_id lane_id asset reason frozen_by placed_for',
    {
      times: 'at',
    },
  ),
  sealed(
    'payment',
    'payment_id',
    'tenant_id merchant_id endpoint idempotency_key fingerprint authorization_id converged_on chain_id asset token payer pay_to amount valid_after valid_before nonce signature correlation_id lane_id method priced_endpoint facilitator',
    { times: 'created_at' },
  ),
  sealed('policy_hold', 'hold_id', 'tenant_id subject_id decision_id rule_id gate correlation_id', {
    times: 'expires_at created_at',
  }),
  sealed(
    'policy_change',
    'change_id',
    'tenant_id version base_version effect tightens differences reason drafted_by correlation_id',
    { times: 'created_at' },
  ),
  sealed('address_book_entry', 'entry_id', 'tenant_id address account label added_by', {
    times: 'added_at',
  }),
];

/** Below every UUIDv7. */
export const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** Tables under whose lock ids of sealed rows are made: the sealed ones, and the keys that name withdrawals. */
export const MAKES_IDS: readonly string[] = [
  ...SEALED.map(({ table }) => table),
  'idempotency_key',
];

const textOf = ({ table, columns }: Sealed) =>
  `'{"$table":"${table}"' || ${[...columns].map(([name, text]) => member(name, text)).join(' || ')} || '}'`;

/** The leaves of a table's rows in [$1, $2): for each the id (16 bytes) and the hash (32), by id. */
export function leavesSql(table: Sealed): string {
  return `SELECT string_agg(uuid_send(t.${table.id}) || ${sha256OfText(textOf(table))}, ''::bytea ORDER BY t.${table.id}) AS leaves
    FROM ${table.table} t WHERE t.${table.id} >= $1 AND t.${table.id} < $2`;
}

/** The rows named by $1 as they are hashed. */
export function rowTextsSql(table: Sealed): string {
  return `SELECT t.${table.id} AS id, ${textOf(table)} AS text FROM ${table.table} t
    WHERE t.${table.id} = ANY($1::uuid[]) ORDER BY 1`;
}

/** The events of the batch $1 as they are hashed. */
export const ITEM_TEXTS_SQL = `SELECT i.n::int AS n, i.subject_id AS "subjectId", ${ITEM} AS text
  FROM event_batch t CROSS JOIN LATERAL ${ITEMS_OF_BATCH} WHERE t.batch_id = $1 ORDER BY i.n`;
