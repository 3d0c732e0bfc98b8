/**
 * Owns what is known of destinations: the address book of each tenant. Promises that an address is known from the
 * moment that the database's clock says it was added, never earlier, that it is there once for an account, and that what
 * was removed and comes again is new. Writes happen in the caller's transaction; a crash leaves an entry or none.
 */
export {
  type AddressBookEntry,
  addEntry,
  readEntries,
  readKnownSince,
  removeEntry,
} from './address-book.ts';
