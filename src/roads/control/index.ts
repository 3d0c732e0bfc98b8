/**
 * What operators order: freezes by one person at once, their lifts by two; changes of the policy by two, vetoes by
 * one; the address book; what a draft would have said of the past. Promises that every order is an event
 * with who and why in the act that carries it out, and that a tenant's key has no say about another
 * tenant. Owns no table. A crash leaves an order done or not, or a first word that waits for the second.
 */
export {
  type AddressBookOrder,
  AddressBookService,
  type AddressBookView,
} from './address-book/service.ts';
export { type FreezeOrder, FreezeService, type FreezeView } from './freeze/service.ts';
export { type PolicyOrder, PolicyService } from './policy/service.ts';
export { parseSimulation } from './policy/simulate/request.ts';
export { type Simulation, simulatePolicy } from './policy/simulate/simulate.ts';
export type { PolicyChangeView } from './policy/view.ts';
