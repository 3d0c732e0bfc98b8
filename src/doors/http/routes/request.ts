import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  type Fields,
  isRefusal,
  parseForm,
  type Refusal,
  type RefusalCode,
  refuse,
  showValue,
} from '../../../base/kernel/index.ts';
import type { Verdict } from '../../../roads/withdrawal/index.ts';
import { sendRefusal } from '../answer/reply.ts';
import { integer } from '../query.ts';

const KEY = /^[\x21-\x7e]{1,255}$/;

export const EMPTY_BODY = refuse('invalid_json', 'The body is empty; expected is a JSON object.');

export const NOT_FOUND = refuse(
  'not_found',
  'There is no withdrawal with this id for this tenant.',
);

/** The size of a page. */
export const limit = {
  ...integer({ from: 1, to: 200, default: 50, description: 'The size of a page' }),
  fallback: 50,
};

/** The key of a header or of an item of a batch, or what is wrong with it. */
export function judgeKey(given: unknown, missing: string): string | Refusal {
  if (given === undefined || given === '') {
    return refuse(
      'idempotency_key_required',
      `${missing}: 1 to 255 visible ASCII characters, one per payment, the same when you retry.`,
    );
  }
  if (typeof given === 'string' && KEY.test(given)) return given;
  return refuse(
    'idempotency_key_invalid',
    `The idempotency key is ${describe(given)}; expected is one key of 1 to 255 visible ASCII characters (! to ~, no spaces).`,
  );
}

function describe(given: unknown): string {
  if (typeof given !== 'string') return `of type ${given === null ? 'null' : typeof given}`;
  if (given.length > 255) return `${given.length} characters long`;
  const at = [...given].findIndex((character) => !/[\x21-\x7e]/.test(character));
  return `not plain: character ${at + 1} is not visible ASCII`;
}

/** A header that was sent twice arrives joined with a comma and a space, hence is no key. */
export function headerKey(request: FastifyRequest): string | Refusal {
  return judgeKey(request.headers['idempotency-key'], 'The Idempotency-Key header is missing');
}

/** What is wrong with the body of a request that has none. */
export function refuseBody(body: unknown): Refusal | null {
  if (body === undefined) return null;
  const empty = parseForm(body, new Set(), () => ({}));
  return isRefusal(empty) ? empty : null;
}

/** A list of texts; null, and a fault, for anything else. */
export function textsOf(fields: Fields, name: string, expected: string): string[] | null {
  const given = fields.raw(name);
  if (Array.isArray(given) && given.every((one): one is string => typeof one === 'string')) {
    return given;
  }
  fields.fault(name, 'invalid_request', given, expected);
  return null;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function fault(pointer: string, code: RefusalCode, got: unknown, expected: string): Refusal {
  const shown = got === undefined ? 'nothing' : showValue(got);
  const detail = `At ${pointer === '' ? 'the top' : pointer}: ${shown}; expected is ${expected}.`;
  return refuse(code, detail, { faults: [{ pointer, code, got: shown, expected }] });
}

/** The answer to what was asked under a key. */
export function sendVerdict(
  request: FastifyRequest,
  reply: FastifyReply,
  verdict: Verdict,
): FastifyReply {
  if (verdict.kind === 'refused') {
    if (verdict.replayed) reply.header('idempotent-replayed', 'true');
    return sendRefusal(request, reply, verdict.refusal);
  }
  if (verdict.kind === 'replayed') reply.header('idempotent-replayed', 'true');
  return reply
    .code(202)
    .header('location', `/v1/withdrawals/${verdict.view.id}`)
    .send(verdict.view);
}
