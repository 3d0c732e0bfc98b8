import { describe, expect, it } from 'vitest';
import { forwardedHeaders, returnedHeaders } from './headers.ts';

describe('headers', () => {
  it('of a client go on without what is between it and us, and without what only we may say', () => {
    const given = {
      accept: 'application/json',
      'content-type': 'text/plain',
      'x-trace': 'a',
      connection: 'close, X-Secret-Hop',
      'x-secret-hop': '1',
      host: 'gateway',
      'transfer-encoding': 'chunked',
      authorization: 'Bearer pk_1',
      cookie: 'a=1',
      'payment-signature': 'x',
      'x-forwarded-for': '1.2.3.4',
      'payonce-payment-id': 'forged',
      payonce_payer: 'forged',
      'x-original-url': '/dear',
      'x-http-method-override': 'DELETE',
    };
    expect(forwardedHeaders(given, { 'payonce-payment-id': 'p' })).toEqual({
      accept: 'application/json',
      'content-type': 'text/plain',
      'x-trace': 'a',
      'payonce-payment-id': 'p',
    });
  });

  it('of an upstream come back without power over our origin, and without words of payment', () => {
    const given = {
      'content-type': 'text/html',
      etag: '"1"',
      'set-cookie': ['a=1'],
      'payment-response': 'forged',
      'access-control-allow-origin': '*',
      'content-security-policy': 'script-src *',
      nel: '{"report_to":"a","max_age":1}',
      'report-to': '{"group":"a"}',
      'content-length': '7',
      connection: 'keep-alive',
    };
    expect(returnedHeaders(given)).toEqual({ 'content-type': 'text/html', etag: '"1"' });
  });
});
