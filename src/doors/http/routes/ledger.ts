import { isRefusal, refuse } from '../../../base/kernel/index.ts';
import { sendRefusal } from '../answer/reply.ts';
import {
  AccountParams,
  BalanceList,
  Deposit,
  DepositBody,
  KeyHeader,
  problems,
  TransferPage,
} from '../answer/schemas.ts';
import { guard } from '../auth.ts';
import { encodeCursor, type List, readIdCursor } from '../cursor.ts';
import { instant, matching, querySchema, readQuery } from '../query.ts';
import type { Services } from '../services/services.ts';
import type { App, RouteContext } from './context.ts';
import { EMPTY_BODY, headerKey, limit } from './request.ts';

const ACCOUNT = /^[A-Za-z0-9._:-]{1,128}$/;
const tags = ['Accounts'];

const BALANCE_QUERY = { at: instant('The balances as they were then') };
const TRANSFER_QUERY = {
  limit,
  cursor: matching(/^/, 'a cursor', { description: 'The cursor of the page before' }),
};

const NO_ACCOUNT = refuse('account_not_found', 'This tenant has no account of this name.');

export function addLedgerRoutes(app: App, { services }: RouteContext): void {
  addDeposit(app, services);
  addBalances(app, services);
  addTransfers(app, services);
}

function addDeposit(app: App, services: Services): void {
  app.post(
    '/v1/deposits',
    {
      onRequest: guard(services, 'ledger:credit'),
      schema: {
        tags,
        summary: 'Credit an account; the first deposit creates it',
        headers: KeyHeader,
        body: DepositBody,
        response: { 201: Deposit, ...problems },
      },
    },
    async (request, reply) => {
      const idempotencyKey = headerKey(request);
      if (typeof idempotencyKey !== 'string') return sendRefusal(request, reply, idempotencyKey);
      if (request.body === undefined) return sendRefusal(request, reply, EMPTY_BODY);
      const order = { idempotencyKey, body: request.body, correlationId: request.id };
      const verdict = await services.deposit(request.principal.tenantId, order);
      const replayed = verdict.kind === 'refused' ? verdict.replayed : verdict.kind === 'replayed';
      if (replayed) reply.header('idempotent-replayed', 'true');
      if (verdict.kind === 'refused') return sendRefusal(request, reply, verdict.refusal);
      return reply.code(201).send(verdict.view);
    },
  );
}

function addBalances(app: App, services: Services): void {
  app.get(
    '/v1/accounts/:account/balances',
    {
      onRequest: guard(services, 'ledger:read'),
      schema: {
        tags,
        summary: 'Read the balances of an account, now or at a point in time',
        params: AccountParams,
        querystring: querySchema(BALANCE_QUERY),
        response: { 200: BalanceList, ...problems },
      },
    },
    async (request, reply) => {
      const query = readQuery(BALANCE_QUERY, request.query);
      if (isRefusal(query)) return sendRefusal(request, reply, query);
      const { account } = request.params;
      if (!ACCOUNT.test(account)) return sendRefusal(request, reply, NO_ACCOUNT);
      const { tenantId } = request.principal;
      const balances = await services.balances(tenantId, account, query.at ?? null);
      if (balances === null) return sendRefusal(request, reply, NO_ACCOUNT);
      return reply.send({ account, balances });
    },
  );
}

function addTransfers(app: App, services: Services): void {
  app.get(
    '/v1/accounts/:account/transfers',
    {
      onRequest: guard(services, 'ledger:read'),
      schema: {
        tags,
        summary: "Read an account's statement, newest first",
        params: AccountParams,
        querystring: querySchema(TRANSFER_QUERY),
        response: { 200: TransferPage, ...problems },
      },
    },
    async (request, reply) => {
      const query = readQuery(TRANSFER_QUERY, request.query);
      if (isRefusal(query)) return sendRefusal(request, reply, query);
      const { account } = request.params;
      if (!ACCOUNT.test(account)) return sendRefusal(request, reply, NO_ACCOUNT);
      const { limit: size = limit.fallback, cursor } = query;
      const { tenantId } = request.principal;
      const list: List = { kind: 'transfers', tenantId, account };
      const before = cursor === undefined ? null : readIdCursor(list, cursor);
      if (isRefusal(before)) return sendRefusal(request, reply, before);
      const found = await services.transfers(tenantId, account, { limit: size + 1, before });
      if (found === null) return sendRefusal(request, reply, NO_ACCOUNT);
      const transfers = found.slice(0, size);
      const more = found.length > size ? encodeCursor(list, transfers.at(-1)!.id) : null;
      return reply.send({ transfers, cursor: more });
    },
  );
}
