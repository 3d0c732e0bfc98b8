import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { Log } from '../../../base/kernel/index.ts';
import type { Drain } from '../drain.ts';
import type { StreamTiming } from '../events/event-stream.ts';
import type { Services } from '../services/services.ts';

/** The server while routes are added; answers are typed by their schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression<RawServerDefault>,
  RawReplyDefaultExpression<RawServerDefault>,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export type RouteContext = { services: Services; drain: Drain; log: Log; timing: StreamTiming };
