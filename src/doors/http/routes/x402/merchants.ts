import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { isRefusal, refuse } from '../../../../base/kernel/index.ts';
import { merchantAccount } from '../../../../books/access/index.ts';
import { sendRefusal } from '../../answer/reply.ts';
import { BalanceList, problems, TransferPage } from '../../answer/schemas.ts';
import { guard } from '../../auth.ts';
import { encodeCursor, type List, readIdCursor } from '../../cursor.ts';
import { matching, querySchema, readQuery } from '../../query.ts';
import type { Services } from '../../services/services.ts';
import type { App, RouteContext } from '../context.ts';
import { limit } from '../request.ts';
import { scopeOf } from './scope.ts';

const tags = ['x402'];
const QUERY = {
  limit,
  cursor: matching(/^/, 'a cursor', { description: 'The cursor of the page before' }),
};
export const MerchantParams = Type.Object({ merchant: Type.String() });
export const NO_MERCHANT = refuse('not_found', 'There is no merchant of this name for this key.');

/** What merchants have, and how it came about. */
export function addMerchantRoutes(app: App, { services }: RouteContext): void {
  addBalances(app, services);
  addTransfers(app, services);
}

function addBalances(app: App, services: Services): void {
  app.get(
    '/v1/merchants/:merchant/balances',
    {
      onRequest: guard(services, 'payments:read'),
      schema: {
        tags,
        summary: 'What a merchant has: pending is of payments under way',
        params: MerchantParams,
        response: { 200: BalanceList, ...problems },
      },
    },
    async (request, reply) => {
      const found = await accountOf(services, request, request.params.merchant);
      if (found === null) return sendRefusal(request, reply, NO_MERCHANT);
      const { tenantId, account } = found;
      const balances = await services.balances(tenantId, account, null);
      if (balances === null) return sendRefusal(request, reply, NO_MERCHANT);
      return reply.send({ account, balances });
    },
  );
}

function addTransfers(app: App, services: Services): void {
  app.get(
    '/v1/merchants/:merchant/transfers',
    {
      onRequest: guard(services, 'payments:read'),
      schema: {
        tags,
        summary: 'A merchant’s statement, newest first',
        params: MerchantParams,
        querystring: querySchema(QUERY),
        response: { 200: TransferPage, ...problems },
      },
    },
    async (request, reply) => {
      const query = readQuery(QUERY, request.query);
      if (isRefusal(query)) return sendRefusal(request, reply, query);
      const of = await accountOf(services, request, request.params.merchant);
      if (of === null) return sendRefusal(request, reply, NO_MERCHANT);
      const { limit: size = limit.fallback, cursor } = query;
      const list: List = { kind: 'transfers', ...of };
      const before = cursor === undefined ? null : readIdCursor(list, cursor);
      if (isRefusal(before)) return sendRefusal(request, reply, before);
      const page = { limit: size + 1, before };
      const found = await services.transfers(of.tenantId, of.account, page);
      if (found === null) return sendRefusal(request, reply, NO_MERCHANT);
      const transfers = found.slice(0, size);
      const more = found.length > size ? encodeCursor(list, transfers.at(-1)!.id) : null;
      return reply.send({ transfers, cursor: more });
    },
  );
}

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** A merchant's key reads its own; null: there is none of this name for this key. */
export async function merchantOf(services: Services, request: FastifyRequest, name: string) {
  const { tenantId, name: own } = await scopeOf(services, request);
  if (!NAME.test(name) || (own !== null && own !== name)) return null;
  return { tenantId, merchant: name };
}

async function accountOf(services: Services, request: FastifyRequest, name: string) {
  const of = await merchantOf(services, request, name);
  return of === null ? null : { tenantId: of.tenantId, account: merchantAccount({ name }) };
}
