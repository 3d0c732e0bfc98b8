import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import { until } from '../../../../test/support/until.ts';
import { parseNetwork, silentLog, systemClock } from '../../../base/kernel/index.ts';
import type { Call } from '../call/rows.ts';
import type { PricedEndpoint } from '../endpoint/rows.ts';
import { Forwarder } from './forwarder.ts';

/** More than what lies between two ends of a stream. */
const ANSWER = Buffer.alloc(1_024 * 1_024, 'a');

it('an answer is served when it is here, though its reader has read nothing, who has it whole then', async () => {
  const on = await MainDatabase.start();
  const upstream = createServer((_, answer) => answer.end(ANSWER));
  try {
    await new Promise<void>((done) => upstream.listen(0, '127.0.0.1', done));
    const { port } = upstream.address() as AddressInfo;
    // Its price and its payment are others' rules.
    await on.rows('ALTER TABLE gateway_call DROP CONSTRAINT gateway_call_endpoint_id_fkey');
    const [call] = await on.rows<Call>(
      `INSERT INTO gateway_call (call_id, tenant_id, endpoint_id, request_hash, authorization_id, payment_id, correlation_id,
         status, signature_hash, request, request_body, receipt)
       VALUES (payonce_uuid7(), $1, $1, sha256(''), sha256('a'), gen_random_uuid(), 'c', 'FORWARDING', sha256(''), '{}', '', '{}')
       RETURNING call_id AS id, tenant_id AS "tenantId", payment_id AS "paymentId", status, receipt`,
      [on.tenantId],
    );
    const forwarder = new Forwarder({
      ...{ db: on.app, log: silentLog, clock: systemClock, keepMs: 60_000 },
      opened: [parseNetwork('127.0.0.0/8')!],
    });
    const endpoint = {
      ...{ method: 'GET', upstream: `http://127.0.0.1:${port}/`, timeoutMs: 60_000 },
      maxResponseBytes: ANSWER.length,
    } as PricedEndpoint;
    const request = { path: '/', search: '', headers: {}, body: Buffer.alloc(0) };
    const forwarded = await forwarder.forward(call!, endpoint, request);
    await until('the answer to be written down', async () => {
      const [row] = await on.rows<{ status: string }>('SELECT status FROM gateway_call');
      return row!.status === 'SERVED';
    });
    await forwarder.drain();
    expect(ANSWER.equals(await buffer(forwarded!.body))).toBe(true);
  } finally {
    await new Promise((done) => upstream.close(done));
    await on.stop();
  }
});
