import { Type } from 'typebox';
import { type Address, isRefusal, parseAddress } from '../../../../base/kernel/index.ts';
import type { AddressBookView } from '../../../../roads/control/index.ts';
import { sendRefusal } from '../../answer/reply.ts';
import { problems, WithdrawalParams } from '../../answer/schemas.ts';
import { guard } from '../../auth.ts';
import { encodeCursor, type List, readIdCursor } from '../../cursor.ts';
import { matching, querySchema, readQuery } from '../../query.ts';
import type { App, RouteContext } from '../context.ts';
import { EMPTY_BODY, limit } from '../request.ts';

const tags = ['Operations'];
const closed = { additionalProperties: false } as const;
const text = Type.String();
const textOrNull = Type.Unsafe<string | null>({ type: ['string', 'null'] });
const reason = Type.String({ minLength: 1, maxLength: 255, description: 'Why; kept' });
const time = Type.String({ format: 'date-time' });

const Entry = Type.Unsafe<AddressBookView>(
  Type.Object({
    id: Type.String({ format: 'uuid' }),
    address: text,
    account: Type.Unsafe<string | null>({ ...textOrNull, description: 'Null: for every account' }),
    label: text,
    addedBy: Type.String({ description: "A person's id: an operator's, or a key's" }),
    addedAt: time,
    removedAt: Type.Unsafe<string | null>({ ...time, type: ['string', 'null'] }),
  }),
);
const EntryPage = Type.Object({ entries: Type.Array(Entry), cursor: textOrNull });
const EntryBody = Type.Object(
  {
    address: text,
    account: Type.Optional(
      Type.String({ description: 'Only for this one; else for every account' }),
    ),
    label: Type.String({ minLength: 1, maxLength: 255 }),
    reason,
  },
  closed,
);

const LIST_QUERY = {
  account: matching(/^[A-Za-z0-9._:-]{1,128}$/, 'an account', {
    description: 'What this account may use, what is for every account included',
  }),
  address: matching(/^0x[0-9a-fA-F]{40}$/, 'an address', { description: 'Only this address' }),
  limit,
  cursor: matching(/^/, 'a cursor', { description: 'The cursor of the page before' }),
};

export function addAddressBookRoutes(app: App, context: RouteContext): void {
  addList(app, context);
  addChanges(app, context);
}

function addList(app: App, { services }: RouteContext): void {
  app.get(
    '/v1/address-book',
    {
      onRequest: guard(services, 'admin:address-book'),
      schema: {
        tags,
        summary: 'List the destinations that the tenant knows, newest first',
        querystring: querySchema(LIST_QUERY),
        response: { 200: EntryPage, ...problems },
      },
    },
    async (request, reply) => {
      const query = readQuery(LIST_QUERY, request.query);
      if (isRefusal(query)) return sendRefusal(request, reply, query);
      const { limit: size = limit.fallback, cursor, account, address } = query;
      const { tenantId } = request.principal;
      const list: List = { kind: 'address-book', tenantId };
      const before = cursor === undefined ? null : readIdCursor(list, cursor);
      if (isRefusal(before)) return sendRefusal(request, reply, before);
      const filter = {
        ...(account === undefined ? {} : { account }),
        ...(address === undefined
          ? {}
          : { address: parseAddress(address.toLowerCase()) as Address }),
      };
      const found = await services.addressBook.list(tenantId, filter, { limit: size + 1, before });
      const entries = found.slice(0, size);
      const more = found.length > size ? encodeCursor(list, entries.at(-1)!.id) : null;
      return reply.send({ entries, cursor: more });
    },
  );
}

function addChanges(app: App, { services }: RouteContext): void {
  const onRequest = guard(services, 'admin:address-book');
  app.post(
    '/v1/address-book',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Add a destination; 201: added, 200: it was there',
        description:
          'It counts as known from now on. How long it must have been known before it is paid, a rule of type address_book says.',
        body: EntryBody,
        response: { 200: Entry, 201: Entry, ...problems },
      },
    },
    async (request, reply) => {
      const { body, principal: by, id: correlationId } = request;
      if (body === undefined) return sendRefusal(request, reply, EMPTY_BODY);
      const answer = await services.addressBook.add({ by, body, correlationId });
      if (isRefusal(answer)) return sendRefusal(request, reply, answer);
      return reply.code(answer.added ? 201 : 200).send(answer.view);
    },
  );
  app.delete(
    '/v1/address-book/:id',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Remove a destination at once',
        params: WithdrawalParams,
        body: Type.Object({ reason }, closed),
        response: { 200: Entry, ...problems },
      },
    },
    async (request, reply) => {
      const { body, principal: by, id: correlationId } = request;
      if (body === undefined) return sendRefusal(request, reply, EMPTY_BODY);
      const id = request.params.id.toLowerCase();
      const answer = await services.addressBook.remove(id, { by, body, correlationId });
      return isRefusal(answer) ? sendRefusal(request, reply, answer) : reply.send(answer);
    },
  );
}
