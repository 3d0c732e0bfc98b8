import { isRefusal, messageOf } from '../../../base/kernel/index.ts';
import { sendRefusal } from '../answer/reply.ts';
import { ChainList, Health, problems, Readiness } from '../answer/schemas.ts';
import { guard } from '../auth.ts';
import { readQuery } from '../query.ts';
import type { App, RouteContext } from './context.ts';

const tags = ['Operations'];

export function addOperationsRoutes(app: App, { services, drain, log }: RouteContext): void {
  app.get(
    '/healthz',
    { schema: { tags, summary: 'The process runs', security: [], response: { 200: Health } } },
    async () => ({ status: 'ok' }),
  );
  app.get(
    '/readyz',
    {
      schema: {
        tags,
        summary: 'Requests can be taken: the database is reachable and its schema right',
        security: [],
        response: { 200: Readiness, 503: Readiness },
      },
    },
    async (request, reply) => {
      if (drain.begun) {
        const shutdown = { ok: false, detail: 'the process is ending' };
        return reply.code(503).send({ ready: false, checks: { shutdown } });
      }
      try {
        const { ready, checks } = await services.readiness();
        return reply.code(ready ? 200 : 503).send({ ready, checks });
      } catch (error) {
        const fields = { correlationId: request.id, error: messageOf(error) };
        log.error(fields, 'readiness could not be told');
        const readiness = { ok: false, detail: 'the checks could not be made' };
        return reply.code(503).send({ ready: false, checks: { readiness } });
      }
    },
  );
  app.get(
    '/v1/chains',
    {
      onRequest: guard(services, 'admin:chains:read'),
      schema: { tags, summary: 'Read the chains', response: { 200: ChainList, ...problems } },
    },
    async (request, reply) => {
      const query = readQuery({}, request.query);
      if (isRefusal(query)) return sendRefusal(request, reply, query);
      return reply.send({ chains: await services.chains(request.principal.tenantId) });
    },
  );
}
