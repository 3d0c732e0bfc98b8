/**
 * For merchants, beside the official packages and without any of the server: a client of the facilitator that asks until it
 * knows and never calls unknown failed, and steps in front of the payment middleware of Express, Fastify and Hono that
 * answer a payment which was served before from memory. Together a payer that asks again is served again and
 * charged once. Owns no state but what it was given; a crash of the merchant forgets what it remembered in memory,
 * and what was paid stays paid.
 */
export { FacilitatorClient, type FacilitatorOptions } from './facilitator/client.ts';
export { FacilitatorFault } from './facilitator/fault.ts';
export type { AnswerStore, KeptAnswer, ServeOnceOptions } from './once/answers.ts';
export { serveOnceFastify } from './once/fastify.ts';
export { serveOnceHono } from './once/hono.ts';
export { serveOnce } from './once/node.ts';
