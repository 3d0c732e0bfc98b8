import { Type } from 'typebox';
import { isRefusal, parseForm, type Refusal, refuse } from '../../../base/kernel/index.ts';
import type { MoveView, WalletView } from '../../../hands/treasury/index.ts';
import { sendRefusal } from '../answer/reply.ts';
import { problems } from '../answer/schemas.ts';
import { guard } from '../auth.ts';
import { readQuery } from '../query.ts';
import { actorOf, type ProposalView } from '../services/services.ts';
import type { App, RouteContext } from './context.ts';
import { EMPTY_BODY } from './request.ts';

const tags = ['Operations'];
const closed = { additionalProperties: false } as const;
const Wallet = Type.Unsafe<WalletView>({
  description: 'A hot wallet: nonces, what is in flight, why it is paused, funds by the books',
});
const WalletList = Type.Object({ wallets: Type.Array(Wallet) }, closed);
const WalletParams = Type.Object({ id: Type.String({ pattern: '^[0-9]{1,9}$' }) }, closed);
const Change = Type.Object(
  { reason: Type.String({ minLength: 1, maxLength: 255, description: 'Kept with the event' }) },
  closed,
);

const Moves = Type.Object(
  { moves: Type.Array(Type.Unsafe<MoveView>({ description: 'One asset on its way' })) },
  closed,
);
const Proposals = Type.Object(
  {
    proposals: Type.Array(Type.Unsafe<ProposalView>({ description: 'From one wallet to another' })),
  },
  closed,
);

const NO_BODY = refuse('unknown_field', 'A sweep takes no body, or an empty object.');
const NO_WALLET = refuse('not_found', 'This tenant has no wallet of this id.');

export function addWalletRoutes(app: App, { services }: RouteContext): void {
  const onRequest = guard(services, 'admin:lanes');
  const forReaders = guard(services, 'admin:lanes:read');
  const { wallets } = services;
  app.get(
    '/v1/wallets',
    {
      onRequest: forReaders,
      schema: { tags, summary: 'List the hot wallets', response: { 200: WalletList, ...problems } },
    },
    async (request, reply) => {
      const query = readQuery({}, request.query);
      if (isRefusal(query)) return sendRefusal(request, reply, query);
      return reply.send({ wallets: await wallets.list(request.principal.tenantId) });
    },
  );
  app.get(
    '/v1/wallets/:id',
    {
      onRequest: forReaders,
      schema: {
        tags,
        summary: 'Read a hot wallet',
        params: WalletParams,
        response: { 200: Wallet, ...problems },
      },
    },
    async (request, reply) => {
      const listed = await wallets.list(request.principal.tenantId);
      const wallet = listed.find(({ id }) => id === request.params.id);
      return wallet === undefined ? sendRefusal(request, reply, NO_WALLET) : reply.send(wallet);
    },
  );
  app.get(
    '/v1/wallets/rebalancing',
    {
      onRequest: forReaders,
      schema: {
        tags,
        summary: 'List what could be moved so that every wallet has its minimums',
        description: 'Proposals; nothing of it is done.',
        response: { 200: Proposals, ...problems },
      },
    },
    async (request, reply) => {
      const query = readQuery({}, request.query);
      if (isRefusal(query)) return sendRefusal(request, reply, query);
      return reply.send({ proposals: await wallets.rebalancing(request.principal.tenantId) });
    },
  );
  app.post(
    '/v1/wallets/:id/sweep',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Sweep what a wallet has above what it is to keep to the treasury wallet',
        description:
          'Needs no key: of an asset whose sweep is under way no other one begins. Answers the moves begun. 409 `not_sweepable` says in `reason` why not.',
        params: WalletParams,
        body: Type.Optional(Type.Object({}, closed)),
        response: { 202: Moves, ...problems },
      },
    },
    async (request, reply) => {
      const { tenantId } = request.principal;
      const { body } = request;
      if (body !== undefined && Object.keys(body ?? { null: body }).length > 0) {
        return sendRefusal(request, reply, NO_BODY);
      }
      const moves = await wallets.sweep(tenantId, request.params.id, actorOf(request.principal));
      if (moves === null) return sendRefusal(request, reply, NO_WALLET);
      return isRefusal(moves)
        ? sendRefusal(request, reply, moves)
        : reply.code(202).send({ moves });
    },
  );
  const changes = [
    ['pause', 'Give no more slots on a wallet; what is in flight goes on'],
    ['resume', 'Give slots on a paused wallet again'],
  ] as const;
  for (const [verb, summary] of changes) {
    app.post(
      `/v1/wallets/:id/${verb}`,
      {
        onRequest,
        schema: {
          tags,
          summary,
          description: 'Idempotent by nature; needs no key.',
          params: WalletParams,
          body: Change,
          response: { 200: Wallet, ...problems },
        },
      },
      async (request, reply) => {
        const note = readReason(request.body);
        if (isRefusal(note)) return sendRefusal(request, reply, note);
        const { tenantId } = request.principal;
        const { id } = request.params as { id: string };
        const changed = await wallets[verb](tenantId, id, {
          by: actorOf(request.principal),
          note,
        });
        if (changed === null) return sendRefusal(request, reply, NO_WALLET);
        return isRefusal(changed) ? sendRefusal(request, reply, changed) : reply.send(changed);
      },
    );
  }
}

function readReason(body: unknown): string | Refusal {
  if (body === undefined) return EMPTY_BODY;
  const form = parseForm(body, new Set(['reason']), (fields) => {
    const reason = fields.label('reason');
    return reason === null ? null : { reason };
  });
  return isRefusal(form) ? form : form.reason;
}
