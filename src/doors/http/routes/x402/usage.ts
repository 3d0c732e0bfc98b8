import { Type } from 'typebox';
import { isRefusal, refuse } from '../../../../base/kernel/index.ts';
import type { UsageView } from '../../../../roads/x402/index.ts';
import { sendRefusal } from '../../answer/reply.ts';
import { problems } from '../../answer/schemas.ts';
import { guard } from '../../auth.ts';
import { encodeCursor, type List, readIdCursor } from '../../cursor.ts';
import { instant, matching, querySchema, readQuery } from '../../query.ts';
import type { App, RouteContext } from '../context.ts';
import { limit } from '../request.ts';
import { MerchantParams, merchantOf, NO_MERCHANT } from './merchants.ts';

const DAY_MS = 86_400_000;
const LONGEST_DAYS = 366;
const USUAL_DAYS = 30;

const QUERY = {
  from: instant('From when on; 30 days before `to` where it is not given'),
  to: instant('Until before when; now where it is not given'),
  limit,
  cursor: matching(/^/, 'a cursor', { description: 'The cursor of the page before' }),
};
const text = Type.String();
const textOrNull = Type.Unsafe<string | null>({ type: ['string', 'null'] });
const time = Type.String({ format: 'date-time' });
const whole = (description: string) => Type.Integer({ description });
const sum = (description: string) =>
  Type.Object({ count: Type.Integer(), amount: text, amountAtomic: text }, { description });
const Usage = Type.Unsafe<UsageView>(
  Type.Object({
    id: Type.String({ description: 'Of this row of the report' }),
    endpoint: Type.Unsafe<string | null>({
      ...textOrNull,
      description: 'The id of the priced endpoint; null: handed in by the merchant itself',
    }),
    method: textOrNull,
    path: textOrNull,
    resource: Type.Unsafe<string | null>({
      ...textOrNull,
      description: 'What was paid for where the merchant handed it in itself, by its URL',
    }),
    asset: text,
    custodial: Type.Boolean({ description: 'Paid to a wallet of ours: in the merchant’s books' }),
    calls: whole('Requests that came with a payment of their own'),
    served: whole('Of the gateway: forwarded, and answered'),
    billable: sum('Reserved, under way or settled: owed unless it fails'),
    settled: sum('Of these, settled'),
    refunded: sum('Of these, given back, whole or in part'),
  }),
);
const Page = Type.Object({
  from: time,
  to: time,
  usage: Type.Array(Usage),
  cursor: textOrNull,
});
const NO_PERIOD = refuse(
  'invalid_request',
  `\`from\` is before \`to\`, by ${LONGEST_DAYS} days at most.`,
);

/** What a merchant's endpoints were used for. */
export function addUsageRoute(app: App, { services }: RouteContext): void {
  app.get(
    '/v1/merchants/:merchant/usage',
    {
      onRequest: guard(services, 'payments:read'),
      schema: {
        tags: ['x402'],
        summary:
          'What a merchant’s endpoints were used for in a time: calls, billable, settled, refunded',
        description:
          'A payment counts in the time at which it was handed in, with what has become of it until now.',
        params: MerchantParams,
        querystring: querySchema(QUERY),
        response: { 200: Page, ...problems },
      },
    },
    async (request, reply) => {
      const query = readQuery(QUERY, request.query);
      if (isRefusal(query)) return sendRefusal(request, reply, query);
      const of = await merchantOf(services, request, request.params.merchant);
      if (of === null) return sendRefusal(request, reply, NO_MERCHANT);
      const { limit: size = limit.fallback, cursor, to = new Date() } = query;
      const from = query.from ?? new Date(to.getTime() - USUAL_DAYS * DAY_MS);
      const lasts = to.getTime() - from.getTime();
      if (lasts <= 0 || lasts > LONGEST_DAYS * DAY_MS)
        return sendRefusal(request, reply, NO_PERIOD);
      const list: List = { kind: 'usage', ...of };
      const after = cursor === undefined ? null : readIdCursor(list, cursor);
      if (isRefusal(after)) return sendRefusal(request, reply, after);
      const found = await services.x402.usage(of, { from, to, after, limit: size + 1 });
      if (found === null) return sendRefusal(request, reply, NO_MERCHANT);
      const usage = found.slice(0, size);
      const more = found.length > size ? encodeCursor(list, usage.at(-1)!.id) : null;
      const period = { from: from.toISOString(), to: to.toISOString() };
      return reply.send({ ...period, usage, cursor: more });
    },
  );
}
