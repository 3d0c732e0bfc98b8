import swagger from '@fastify/swagger';
import apiReference from '@scalar/fastify-api-reference';
import type { FastifyInstance, FastifyReply, FastifySchema } from 'fastify';
import { rolesWith } from '../../../books/access/index.ts';
import { errorPage } from '../answer/error-reference.ts';
import type { guard } from '../auth.ts';
import { COOKIE } from '../session/cookie.ts';

/**
 * Nothing on these pages comes from another host, and the policy holds the browser to that; the
 * reference's script builds its own styles and compiles templates, hence inline and eval.
 */
const POLICY = [
  "default-src 'self'",
  "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "worker-src 'self' blob:",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

function asPage(reply: FastifyReply): void {
  reply.header('content-security-policy', POLICY).header('cache-control', 'max-age=300');
}

/** What a route's guards say of themselves. */
type Guarded = { need: ReturnType<typeof guard>['need']; session: true };

/** Before the routes: the document is gathered from them as they are added. */
export async function gatherOpenApi(app: FastifyInstance, version: string): Promise<void> {
  app.addHook('onRoute', (route) => {
    const { need, session } = (route.onRequest ?? {}) as Partial<Guarded>;
    if (session === true) route.schema = { ...route.schema, security: [{ session: [] }] };
    if (need === undefined) return;
    const { scope, ofKeys, ofPeople } = need;
    const security = [
      ...(ofKeys ? [{ apiKey: [scope] }] : []),
      ...(ofPeople ? [{ session: [scope] }] : []),
    ];
    const roles = { 'x-roles': rolesWith(scope) };
    route.schema = { ...route.schema, security, ...(ofPeople && roles) } as FastifySchema;
  });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'payonce',
        version,
        description:
          'The same payment retried a hundred times moves money once. Amounts are decimal strings, times RFC 3339 in UTC, errors RFC 9457; every answer carries Correlation-Id.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      components: {
        securitySchemes: {
          apiKey: { type: 'http', scheme: 'bearer' },
          session: { type: 'apiKey', in: 'cookie', name: COOKIE },
        },
      },
      security: [{ apiKey: [] }],
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, index) => String(json['$id'] ?? `def-${index}`),
    },
  });
}

/** /openapi.json, /docs and /docs/errors; they work without a network. */
export async function addDocsPages(app: FastifyInstance): Promise<void> {
  let document: string | undefined;
  app.get('/openapi.json', { schema: { hide: true } }, (_request, reply) => {
    document ??= JSON.stringify(app.swagger());
    return reply.type('application/json').send(document);
  });
  const page = errorPage();
  app.get('/docs/errors', { schema: { hide: true } }, (_request, reply) => {
    asPage(reply);
    return reply.type('text/html; charset=utf-8').send(page);
  });
  await app.register(apiReference, {
    routePrefix: '/docs',
    configuration: { withDefaultFonts: false, telemetry: false, hideClientButton: true },
    hooks: {
      onRequest: (_request, reply, done) => {
        asPage(reply);
        done();
      },
    },
  });
}
