/**
 * Owns x402 payments: an authorization that a payer signed becomes one payment for ever, by its digest, whoever hands
 * it in and however often. Promises: nothing is signed before it is reserved; one transaction of ours at most for each;
 * paid is what the canonical chain shows, whoever sent it; failed is what is final; a success is handed to one
 * caller. What is unknown is never told as a no. A crash leaves rows and jobs that say where each payment stands.
 */

export { paymentIntents } from './approval/intents.ts';
export { announceSuperseded } from './approval/superseded.ts';
export type { PaymentView } from './payment/view.ts';
export { PaymentService } from './payments.ts';
export { paymentHandlers } from './progress/handlers.ts';
export type { RefundView } from './refund/rows.ts';
export type { RefundVerdict } from './refund/service.ts';
export { FacilitatorService } from './service.ts';
export { pastPayments } from './simulate/past.ts';
export { type Supported, supportedOf, takerOf } from './supported.ts';
export type { UsageView } from './usage/view.ts';
export type { Answer } from './wire/answers.ts';
