import { type Db, inTransaction, type Sql } from '../../../base/db/index.ts';
import { writeAudit, writeEvents } from '../../../base/event/index.ts';
import {
  type Address,
  checksummed,
  isRefusal,
  isUuid,
  parseAddress,
  parseForm,
  type Refusal,
  refuse,
  ZERO_ADDRESS,
} from '../../../base/kernel/index.ts';
import {
  type AddressBookEntry,
  addEntry,
  readEntries,
  removeEntry,
} from '../../../books/destination/index.ts';
import type { Speaker } from '../../../books/proposal/index.ts';
import { readReason } from '../reason.ts';

export type AddressBookView = {
  id: string;
  address: string;
  /** Null: for every account. */
  account: string | null;
  label: string;
  /** A person by id. */
  addedBy: string;
  addedAt: string;
  removedAt: string | null;
};

export type AddressBookOrder = { by: Speaker; body: unknown; correlationId: string };

const NO_ENTRY = refuse('not_found', 'There is no entry with this id in the address book.');
const ACCOUNT = /^[A-Za-z0-9._:-]{1,128}$/;

/** The destinations that a tenant knows. How long one must be known before it may be paid is policy's. */
export class AddressBookService {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  async list(
    tenantId: string,
    filter: { account?: string; address?: Address },
    page: { limit: number; before: string | null },
  ): Promise<AddressBookView[]> {
    return (await readEntries(this.#db, { tenantId, ...filter, ...page })).map(viewOf);
  }

  /** Repeated, it answers the entry that stands, as it was added first. */
  async add(order: AddressBookOrder): Promise<{ added: boolean; view: AddressBookView } | Refusal> {
    const form = parseEntry(order.body);
    if (isRefusal(form)) return form;
    const { tenantId, personId } = order.by;
    const { reason, ...entry } = form;
    return inTransaction(this.#db, async (sql) => {
      const made = await addEntry(sql, { ...entry, tenantId, by: personId });
      if (made.added) await tell(sql, 'address_book.added', made.entry, { ...order, reason });
      return { added: made.added, view: viewOf(made.entry) };
    });
  }

  /** At once: what is not decided yet is decided without it. */
  async remove(id: string, order: AddressBookOrder): Promise<AddressBookView | Refusal> {
    const form = parseForm(order.body, new Set(['reason']), (fields) => {
      const reason = readReason(fields);
      return reason === null ? null : { reason };
    });
    if (isRefusal(form)) return form;
    if (!isUuid(id)) return NO_ENTRY;
    const { tenantId, personId: by } = order.by;
    return inTransaction(this.#db, async (sql) => {
      const entry = await removeEntry(sql, { tenantId, id, by });
      if (entry === null) return NO_ENTRY;
      await tell(sql, 'address_book.removed', entry, { ...order, ...form });
      return viewOf(entry);
    });
  }
}

function parseEntry(body: unknown) {
  return parseForm(body, new Set(['address', 'account', 'label', 'reason']), (fields) => {
    const expected = 'an address, 0x and 40 hex digits, not zero; mixed case with its checksum';
    const address = fields.text('address', { code: 'invalid_address', expected }, (text) => {
      const read = parseAddress(text);
      return read === 'syntax' || read === 'checksum' || read === ZERO_ADDRESS ? undefined : read;
    });
    const account = fields.text(
      'account',
      {
        code: 'invalid_request',
        expected: '1 to 128 characters of A-Z a-z 0-9 . _ : -',
        optional: true,
      },
      (text) => (ACCOUNT.test(text) ? text : undefined),
    );
    const label = fields.label('label');
    const reason = readReason(fields);
    if (address === null || label === null || reason === null) return null;
    return { address, account, label, reason };
  });
}

async function tell(
  sql: Sql,
  type: 'address_book.added' | 'address_book.removed',
  entry: AddressBookEntry,
  {
    by,
    reason,
    correlationId,
  }: Pick<AddressBookOrder, 'by' | 'correlationId'> & { reason: string },
): Promise<void> {
  const { id: subjectId, account, label } = entry;
  const { tenantId, personId } = by;
  const address = checksummed(entry.address);
  const data = { address, account, label, by: personId, reason };
  await writeEvents(sql, [{ tenantId, type, subjectId, correlationId, data }]);
  const act = { tenantId, actor: `person ${personId}`, subject: subjectId, correlationId };
  await writeAudit(sql, [{ ...act, action: type, detail: data }]);
}

function viewOf(entry: AddressBookEntry): AddressBookView {
  return {
    ...entry,
    address: checksummed(entry.address),
    addedAt: entry.addedAt.toISOString(),
    removedAt: entry.removedAt?.toISOString() ?? null,
  };
}
