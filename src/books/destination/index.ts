/**
 * Owns what is known of destinations: the address book of each tenant, whom it has paid, and how risky screening calls an
 * address. Promises
 * that an address is known from the moment that the database's clock says it was added, never earlier, that it is there
 * once for an account, and that what was removed and comes again is new; that a risk is told with its age, and never
 * older than was asked for. Writes happen in the caller's transaction; a crash leaves an entry or none.
 */
export {
  type AddressBookEntry,
  addEntry,
  readEntries,
  readKnownAt,
  readKnownSince,
  removeEntry,
} from './address-book.ts';
export { notePaid, readLookAlikes } from './look-alike.ts';
export {
  type Place,
  type Risk,
  readScreened,
  type Screened,
  takeWanted,
  WAKE_SCREENING,
  wantScreened,
  writeScreened,
  writeUnanswered,
} from './screening.ts';
