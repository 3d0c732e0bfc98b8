import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ERRORS, type ErrorCode, silentLog } from '../../base/kernel/index.ts';
import { ANSWERS } from './answer/error-map.ts';
import { errorReference } from './answer/error-reference.ts';
import { FakeServices } from './fixtures/services.fixture.ts';
import { buildServer } from './server.ts';

let app: FastifyInstance;

beforeAll(async () => {
  const services = new FakeServices();
  app = await buildServer({ services, log: silentLog, version: '1.2.3', bodyLimitBytes: 1024 });
});
afterAll(() => app.close());

describe('the error map', () => {
  it('answers the codes of the contract with its statuses', () => {
    const contract: Record<number, string> = {
      400: 'invalid_json invalid_request unknown_field idempotency_key_required idempotency_key_invalid invalid_amount invalid_address invalid_cursor batch_empty batch_too_large signature_malformed digest_mismatch tenant_required idempotency_key_mismatch',
      401: 'unauthenticated signature_required signature_incomplete signature_invalid signature_stale signature_replayed passkey_refused',
      403: 'missing_scope address_not_allowed grant_too_wide missing_role cross_site_request login_not_fresh own_rights freeze_elsewhere operator_elsewhere approver_unknown approver_is_initiator',
      404: 'not_found account_not_found invitation_ended',
      409: 'external_id_conflict not_cancellable not_replaceable key_ended lane_frozen payment_conflict not_refundable not_custodial not_sweepable break_not_resolvable chain_not_halted second_person_required last_security_admin already_active not_registered other_passkey operator_exists approval_closed approval_expired hold_closed policy_change_refused nothing_pending',
      410: 'answer_gone',
      413: 'body_too_large',
      415: 'unsupported_media_type',
      422: 'idempotency_key_conflict unknown_asset amount_below_minimum amount_above_limit insufficient_balance refund_exceeds_payment endpoint_refused destination_refused policy_denied approval_signature_invalid policy_faulty',
      429: 'rate_limited',
      500: 'internal',
      502: 'upstream_failed',
      503: 'unavailable payment_pending',
    };
    const listed = Object.entries(contract).flatMap(([status, codes]) =>
      codes.split(' ').map((code) => [code, Number(status)]),
    );
    const codes = Object.keys(ANSWERS) as ErrorCode[];
    const answers = codes.filter((code) => ANSWERS[code].seen === 'answer');
    expect(answers.map((code) => [code, ANSWERS[code].status]).sort()).toEqual(listed.sort());
  });
});

describe('the error reference', () => {
  it('is current in docs/errors.md', () => {
    const file = new URL('../../../docs/errors.md', import.meta.url);
    expect(readFileSync(file, 'utf8')).toBe(errorReference());
  });

  it('is a page on which the type of every problem is a place', async () => {
    const page = await app.inject({ url: '/docs/errors' });
    expect(page.headers['content-type']).toMatch('text/html');
    for (const code of Object.keys(ERRORS)) {
      expect(page.body).toContain(`id="${code}"`);
      expect(errorReference()).toContain(`id="${code}"`);
    }
  });
});

describe('the OpenAPI document', () => {
  type Operation = { responses: Record<string, unknown>; parameters?: { name: string }[] };
  type Document = {
    openapi: string;
    paths: Record<string, Record<string, Operation>>;
    components: { schemas: Record<string, unknown> };
  };
  const read = async () => (await app.inject({ url: '/openapi.json' })).json() as Document;

  it('is 3.1; which routes it has is told by reach.test.ts', async () => {
    expect((await read()).openapi).toBe('3.1.0');
  });

  it('resolves every reference', async () => {
    const document = await read();
    const names = Object.keys(document.components.schemas).sort();
    expect(names).toEqual(['Balance', 'Deposit', 'Event', 'Problem', 'Transfer', 'Withdrawal']);
    const references = JSON.stringify(document).match(/"\$ref":"[^"]*"/g) ?? [];
    expect(references.length).toBeGreaterThan(10);
    for (const reference of references) {
      const name = /^"\$ref":"#\/components\/schemas\/(\w+)"$/.exec(reference)?.[1];
      expect(names).toContain(name);
    }
  });

  it('tells of problems, filters and the key header', async () => {
    const { paths } = await read();
    const create = paths['/v1/withdrawals']?.['post'];
    expect(Object.keys(create?.responses ?? {})).toEqual(['202', '4XX', '5XX']);
    expect(create?.parameters?.map(({ name }) => name)).toContain('idempotency-key');
    const list = paths['/v1/withdrawals']?.['get'];
    expect(list?.parameters?.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['txHash', 'nonceKey', 'attemptId', 'limit', 'cursor']),
    );
  });
});

describe('the reference page', () => {
  it('brings its own script and loads nothing from elsewhere', async () => {
    const moved = await app.inject({ url: '/docs' });
    expect(moved.statusCode).toBe(301);
    const page = await app.inject({ url: '/docs/' });
    expect(page.headers['content-type']).toMatch('text/html');
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
    expect(page.body).not.toMatch(/(src|href)="(https?:)?\/\//);
    const [, source] = /<script src="([^"]+)"/.exec(page.body) ?? [];
    const script = await app.inject({ url: new URL(source ?? '', 'http://x/docs/').pathname });
    expect(script.statusCode).toBe(200);
    expect(script.headers['content-type']).toMatch('javascript');
    expect(script.body.length).toBeGreaterThan(1_000_000);
    expect((await app.inject({ url: '/docs/openapi.json' })).json().openapi).toBe('3.1.0');
  });
});
