/**
 * Owns prices on the paths of merchants' APIs, challenges, and the calls that were paid for. Promises: what one key changes
 * for the worse of a merchant or its payers waits, told to them, and can be stopped; a payment pays the one
 * request that its challenge was given for; a paid request is forwarded once and its answer kept, so that asking again
 * costs nothing; nothing is forwarded before it is paid, or, where the answer tells what it costs, told. Nobody's address is
 * asked that is closed to upstreams. A crash before a request is forwarded leaves it to another process, which forwards it
 * and keeps the answer; one while it is forwarded leaves it unknown whether the upstream had it: then the endpoint's policy
 * says what follows, or nothing is charged. An answer and its charge are one record, which another process has paid.
 */
export type { GatewayAnswer } from './call/answers.ts';
export { dropChallenges } from './call/challenge.ts';
export { dropAnswers } from './call/kept.ts';
export { gatewayHandlers } from './ended.ts';
export { EndpointService } from './endpoint/service.ts';
export type { EndpointView } from './endpoint/view.ts';
export { Forwarder } from './forward/forwarder.ts';
export { type GatewayRequest, GatewayService } from './service.ts';
