import { isUtf8 } from 'node:buffer';
import type { Socket } from 'node:net';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { type Log, messageOf, randomToken } from '../../base/kernel/index.ts';
import { problem, problemOfThrown } from './answer/error-map.ts';
import { correlationIdOf, sendProblem, stamp } from './answer/reply.ts';
import { SHARED } from './answer/schemas.ts';
import { type SerializerFactory, serializersAtFirstUse } from './answer/serializers.ts';
import { addApprovalRoutes } from './approvals/routes.ts';
import { Drain } from './drain.ts';
import type { StreamTiming } from './events/event-stream.ts';
import { addConsolePages } from './pages/console-pages.ts';
import { addDocsPages, gatherOpenApi } from './pages/docs-pages.ts';
import { addHoldRoutes } from './policy/holds.ts';
import { addPreviewRoute } from './policy/preview.ts';
import { addSimulateRoute } from './policy/simulate.ts';
import { addApiKeyRoutes } from './routes/api-keys.ts';
import { addAuditRoutes } from './routes/audit.ts';
import type { App, RouteContext } from './routes/context.ts';
import { addAddressBookRoutes } from './routes/control/address-book.ts';
import { addFreezeRoutes } from './routes/control/freeze.ts';
import { addPolicyRoutes } from './routes/control/policies.ts';
import { addEventRoutes } from './routes/events.ts';
import { addLedgerRoutes } from './routes/ledger.ts';
import { addOperationsRoutes } from './routes/operations.ts';
import { addOperatorRoutes } from './routes/operators/operators.ts';
import { addPasskeyRoutes } from './routes/operators/passkeys.ts';
import { addSessionRoutes } from './routes/operators/session.ts';
import { addReconciliationRoutes } from './routes/reconciliation.ts';
import { addReplacementRoutes } from './routes/replacement.ts';
import { addWalletRoutes } from './routes/wallets.ts';
import { addWithdrawalRoutes } from './routes/withdrawals.ts';
import { addX402Routes } from './routes/x402/payments.ts';
import type { Services } from './services/services.ts';
import { addSignatureHooks, noteBody } from './signature/hooks.ts';

type ServerOptions = {
  services: Services;
  log: Log;
  version: string;
  bodyLimitBytes: number;
  /** Networks whose X-Forwarded-* headers are believed; none unless told. */
  trustedProxies?: string[];
  /** One line per request at info; off, only faults of ours are logged. */
  accessLog?: boolean;
  /** How long close() lets running requests finish before it cuts their connections. */
  graceMs?: number;
  timing?: StreamTiming;
  /** Other than each at its first use, as a test has them that holds all schemas of answers. */
  serializers?: SerializerFactory;
};

const TIMING: StreamTiming = { heartbeatMs: 15_000, pollMs: 1_000 };

/**
 * The API, ready to listen or inject. `close()` is the graceful end: no new connections, streams and
 * long polls are told to finish, running requests are answered with Connection: close, then it resolves.
 */
export async function buildServer(options: ServerOptions): Promise<FastifyInstance> {
  const { services, log, bodyLimitBytes } = options;
  const drain = new Drain();
  const answerThrown = (thrown: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const { problem: told, ours } = problemOfThrown(thrown, request.id, bodyLimitBytes);
    if (ours) logFault(log, thrown, request);
    sendProblem(request, reply, told);
  };
  const app = Fastify({
    logger: false,
    bodyLimit: bodyLimitBytes,
    trustProxy: options.trustedProxies?.length ? options.trustedProxies : false,
    genReqId: (raw) => correlationIdOf(raw.headers),
    // Above the idle time-out of usual load balancers (60 s), so that it is they who close first.
    keepAliveTimeout: 72_000,
    requestTimeout: 30_000,
    // A request on a connection that is open at the end is still answered, the last one there.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 512 },
    schemaController: {
      compilersFactory: { buildSerializer: options.serializers ?? serializersAtFirstUse() },
    },
    frameworkErrors: (error, request, reply) =>
      answerThrown(error, request as FastifyRequest, reply as FastifyReply),
    clientErrorHandler: answerUnreadable,
  }).withTypeProvider<TypeBoxTypeProvider>();

  // Bodies are held to their rules by the roads, queries and paths by the routes: their answers name
  // every fault. The schemas of requests are for the document.
  app.setValidatorCompiler(() => () => true);
  app.setErrorHandler<FastifyError>(answerThrown);
  app.decorateRequest('principal');
  app.decorateRequest('session');
  acceptJsonOnly(app);
  addHooks(app, options, drain);
  addSignatureHooks(app, services);
  for (const schema of SHARED) app.addSchema(schema);

  await gatherOpenApi(app as unknown as FastifyInstance, options.version);
  const known = methodsByPath(app);
  const context: RouteContext = { services, drain, log, timing: options.timing ?? TIMING };
  addWithdrawalRoutes(app, context);
  addPreviewRoute(app, context);
  addSimulateRoute(app, context);
  addReplacementRoutes(app, context);
  addLedgerRoutes(app, context);
  addEventRoutes(app, context);
  addOperationsRoutes(app, context);
  addWalletRoutes(app, context);
  addApprovalRoutes(app, context);
  addHoldRoutes(app, context);
  addReconciliationRoutes(app, context);
  addApiKeyRoutes(app, context);
  addFreezeRoutes(app, context);
  await addX402Routes(app, context);
  addPolicyRoutes(app, context);
  addAddressBookRoutes(app, context);
  addAuditRoutes(app, context);
  addOperatorRoutes(app, context);
  addSessionRoutes(app, context);
  addPasskeyRoutes(app, context);
  refuseOtherMethods(app, known);
  await addDocsPages(app as unknown as FastifyInstance);
  addConsolePages(app);
  app.setNotFoundHandler(refuseUnknownPath);
  await app.ready();
  return app as unknown as FastifyInstance;
}

function logFault(log: Log, thrown: unknown, request: FastifyRequest): void {
  const fields = {
    correlationId: request.id,
    method: request.method,
    path: request.url.split('?', 1)[0],
    ...(request.principal && { tenantId: request.principal.tenantId }),
    error: messageOf(thrown),
    stack: thrown instanceof Error ? thrown.stack : undefined,
  };
  log.error(fields, 'a request failed');
}

/** Fastify's own JSON parser (it refuses __proto__), behind a check that the bytes are UTF-8. */
function acceptJsonOnly(app: App): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const bytes = body as Buffer;
    noteBody(request, bytes);
    // Clients that send the header with every POST: whether a body is needed, the route knows.
    if (bytes.length === 0) return done(null, undefined);
    if (!isUtf8(bytes)) {
      return done(Object.assign(new Error('not UTF-8'), { code: 'FST_ERR_CTP_INVALID_JSON_BODY' }));
    }
    void parse(request, bytes.toString('utf8'), done);
  });
}

function addHooks(app: App, options: ServerOptions, drain: Drain): void {
  const { log } = options;
  app.addHook('onRequest', (request, reply, done) => {
    // At once, not in the handler, which would come after a body had been read.
    if (request.is404) return refuseUnknownPath(request, reply);
    stamp(request, reply);
    done();
  });
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (drain.begun) reply.header('connection', 'close');
    done(null, payload);
  });
  if (options.accessLog === true) {
    app.addHook('onResponse', (request, reply, done) => {
      const fields = {
        correlationId: request.id,
        ...(request.principal && { tenantId: request.principal.tenantId }),
        method: request.method,
        path: request.url.split('?', 1)[0],
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime * 1000) / 1000,
      };
      log.info(fields, 'request');
      done();
    });
  }
  drain.watch(app.server);
  let cut: NodeJS.Timeout | undefined;
  app.addHook('preClose', (done) => {
    drain.begin();
    cut = setTimeout(() => app.server.closeAllConnections(), options.graceMs ?? 5_000);
    done();
  });
  app.addHook('onClose', (_app, done) => {
    clearTimeout(cut);
    done();
  });
}

/** What is no HTTP at all has no request to answer; the socket gets a problem by hand. */
function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const [status, reason] =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? ([408, 'Request Timeout'] as const)
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? ([431, 'Request Header Fields Too Large'] as const)
        : ([400, 'Bad Request'] as const);
  const correlationId = randomToken();
  const detail = 'What came could not be read as an HTTP/1.1 request, or did not come in time.';
  const body = JSON.stringify(problem({ code: 'invalid_request', detail, status }, correlationId));
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/problem+json\r\nCorrelation-Id: ${correlationId}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function refuseUnknownPath(request: FastifyRequest, reply: FastifyReply): void {
  const detail = `There is nothing at ${request.url.split('?', 1)[0]!.slice(0, 200)}.`;
  sendProblem(request, reply, problem({ code: 'not_found', detail }, request.id));
}

function methodsByPath(app: App): Map<string, Set<string>> {
  const known = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = known.get(url) ?? new Set();
    for (const one of [method].flat()) methods.add(one);
    known.set(url, methods);
  });
  return known;
}

/** 405 with what is allowed; before the body is read, and before the key is looked at. */
function refuseOtherMethods(app: App, known: Map<string, Set<string>>): void {
  for (const [url, methods] of [...known]) {
    const allow = [...methods].join(', ');
    const refuse = (request: FastifyRequest, reply: FastifyReply) => {
      const detail = `${request.method} is not possible here; ${allow} is.`;
      reply.header('allow', allow);
      sendProblem(
        request,
        reply,
        problem({ code: 'invalid_request', detail, status: 405 }, request.id),
      );
    };
    const others = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
    app.route({
      url,
      method: others.filter((method) => !methods.has(method)),
      exposeHeadRoute: false,
      schema: { hide: true },
      onRequest: refuse,
      handler: refuse,
    });
  }
}
