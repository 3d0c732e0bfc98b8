import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../../base/kernel/index.ts';
import type { BreakView } from '../../../roads/reconcile/index.ts';
import { FakeServices, OTHER_TENANT, TENANT } from '../fixtures/services.fixture.ts';
import { buildServer } from '../server.ts';

let services: FakeServices;
let app: FastifyInstance;

const breakView = (part: Partial<BreakView> = {}): BreakView => ({
  id: randomUUID(),
  kind: 'effect_mismatch',
  state: 'open',
  chain: 'local',
  chainId: 31337,
  laneId: 1,
  withdrawalId: randomUUID(),
  txId: randomUUID(),
  correlationId: 'c',
  detail: { blockNumber: '12' },
  proposal: {
    action: 'adjust',
    evidence: 'seen',
    adjustments: [{ asset: 'USDC', amount: '1', amountAtomic: '1000000', movement: 'left' }],
    proposedBy: 'k1',
    proposedAt: '2026-01-31T12:00:00.000Z',
  },
  actions: [],
  openedAt: '2026-01-31T12:00:00.000Z',
  resolvedAt: null,
  ...part,
});

beforeEach(async () => {
  services = new FakeServices();
  app = await buildServer({ services, log: silentLog, version: '0', bodyLimitBytes: 65_536 });
});
afterEach(() => app.close());

const call = (method: 'GET' | 'POST', url: string, payload?: object, key = 'all') =>
  app.inject({
    method,
    url,
    headers: { authorization: `Bearer ${key}` },
    ...(payload === undefined ? {} : { payload }),
  });

describe('breaks', () => {
  it('are listed by pages, by state, and each read whole', async () => {
    const views = [breakView(), breakView({ state: 'resolved', proposal: null }), breakView()];
    services.found = views.map((view) => ({ ...view, tenantId: TENANT }));
    const first = (await call('GET', '/v1/reconciliation/breaks?limit=2')).json();
    expect(first.breaks).toEqual(views.slice(0, 2));
    const next = await call('GET', `/v1/reconciliation/breaks?cursor=${first.cursor}`);
    expect(next.json()).toEqual({ breaks: [views[2]], cursor: null });
    const open = await call('GET', '/v1/reconciliation/breaks?state=open');
    expect(open.json().breaks).toHaveLength(2);
    const one = await call('GET', `/v1/reconciliation/breaks/${views[0]!.id}`);
    expect(one.json()).toEqual(views[0]);
  });

  it('of another tenant, or of no id, are not found', async () => {
    const view = breakView();
    services.found = [{ ...view, tenantId: OTHER_TENANT }];
    for (const id of [view.id, randomUUID(), 'nonsense']) {
      const answer = await call('GET', `/v1/reconciliation/breaks/${id}`);
      expect([answer.statusCode, answer.json().code]).toEqual([404, 'not_found']);
      const said = await call('POST', `/v1/reconciliation/breaks/${id}/resolve`, { kind: 'done' });
      expect(said.statusCode).toBe(404);
    }
  });

  it('answer a first word with 202 and a second with 200', async () => {
    const view = breakView();
    services.found = [{ ...view, tenantId: TENANT }];
    const path = `/v1/reconciliation/breaks/${view.id}/resolve`;
    expect((await call('POST', path, { kind: 'proposed' })).statusCode).toBe(202);
    expect((await call('POST', path, { kind: 'done' })).statusCode).toBe(200);
    const empty = await call('POST', path);
    expect([empty.statusCode, empty.json().code]).toEqual([400, 'invalid_json']);
  });

  it.each([
    ['GET', '/v1/reconciliation/breaks'],
    ['GET', `/v1/reconciliation/breaks/${randomUUID()}`],
    ['POST', `/v1/reconciliation/breaks/${randomUUID()}/resolve`],
    ['POST', '/v1/chains/local/resume'],
  ] as const)('need the scope admin: %s %s', async (method, path) => {
    const answer = await call(method, path, method === 'POST' ? {} : undefined, 'none');
    expect([answer.statusCode, answer.json().code]).toEqual([403, 'missing_scope']);
  });

  it('refuse a filter and a state that do not exist', async () => {
    const strange = await call('GET', '/v1/reconciliation/breaks?kind=x');
    expect(strange.json().code).toBe('unknown_field');
    const state = await call('GET', '/v1/reconciliation/breaks?state=closed');
    expect(state.json().code).toBe('invalid_request');
  });
});

describe('a halted chain', () => {
  it('is resumed by its configured id', async () => {
    const answer = await call('POST', '/v1/chains/local/resume', { evidence: 'e' });
    expect(answer.statusCode).toBe(202);
    expect(answer.json()).toMatchObject({ chain: 'local', status: 'proposed', proposedBy: 'k1' });
    expect((await call('POST', '/v1/chains/elsewhere/resume', {})).statusCode).toBe(404);
    expect((await call('POST', '/v1/chains/local/resume')).statusCode).toBe(400);
  });
});
