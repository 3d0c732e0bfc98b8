import { Type } from 'typebox';
import { isRefusal } from '../../../base/kernel/index.ts';
import type { PreviewView } from '../../../roads/withdrawal/index.ts';
import { sendRefusal } from '../answer/reply.ts';
import { problems, WithdrawalBody } from '../answer/schemas.ts';
import { guard } from '../auth.ts';
import type { App, RouteContext } from '../routes/context.ts';
import { EMPTY_BODY } from '../routes/request.ts';

const Preview = Type.Unsafe<PreviewView>({
  description: 'What policy would decide now and why, and what it would do to the balance',
});

export function addPreviewRoute(app: App, { services }: RouteContext): void {
  app.post(
    '/v1/withdrawals/preview',
    {
      onRequest: guard(services, 'withdrawals:create'),
      schema: {
        tags: ['Withdrawals'],
        summary: 'Ask what would become of a withdrawal; changes nothing and promises nothing',
        body: WithdrawalBody,
        response: { 200: Preview, ...problems },
      },
    },
    async (request, reply) => {
      if (request.body === undefined) return sendRefusal(request, reply, EMPTY_BODY);
      const { body, id: correlationId } = request;
      const view = await services.preview(request.principal.tenantId, { body, correlationId });
      return isRefusal(view) ? sendRefusal(request, reply, view) : reply.send(view);
    },
  );
}
