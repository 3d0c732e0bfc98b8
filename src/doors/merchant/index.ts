/**
 * For merchants, beside the official packages and without any of the server: a facilitator client that asks until it knows, and
 * a step in front of the payment middleware that answers a payment which was served before from memory. Together a
 * payer that asks again is served again and charged once. Owns no state but what it was given; a crash of the
 * merchant forgets what it remembered in memory, and what was paid stays paid.
 */
export { patient } from './patient.ts';
export { serveOnce } from './serve-once.ts';
