import { randomUUID } from 'node:crypto';
import { refuse } from '../../base/kernel/index.ts';
import type { AddressBookView } from '../../roads/control/index.ts';
import type { Page, Services } from './services.ts';

type AddressBook = Services['addressBook'];

/** The address book of one tenant, in memory, for tests. */
export class FakeAddressBook implements AddressBook {
  entries: AddressBookView[] = [];
  lastFilter: object | null = null;
  readonly #tenantId: string;

  constructor(tenantId: string) {
    this.#tenantId = tenantId;
  }

  async list(tenantId: string, filter: object, page: Page): Promise<AddressBookView[]> {
    this.lastFilter = filter;
    if (tenantId !== this.#tenantId) return [];
    const from = this.entries.findIndex(({ id }) => id === page.before) + 1;
    return this.entries.slice(from, from + page.limit);
  }

  add: AddressBook['add'] = async ({ by, body }) => {
    const { address, label } = body as { address: string; label: string };
    const known = this.entries.find((one) => one.address === address);
    if (known !== undefined) return { added: false, view: known };
    const addedAt = '2026-01-31T12:00:00.000Z';
    const added = { id: randomUUID(), address, account: null, label, addedAt, removedAt: null };
    const view = { ...added, addedBy: by.personId };
    this.entries.unshift(view);
    return { added: true, view };
  };

  remove: AddressBook['remove'] = async (id, { by }) => {
    const found = this.entries.find((one) => one.id === id);
    if (found === undefined || by.tenantId !== this.#tenantId) return refuse('not_found', 'None.');
    return { ...found, removedAt: '2026-02-01T12:00:00.000Z' };
  };
}
