import { hash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isRefusal, type Refusal, refuse } from '../../../base/kernel/index.ts';
import { sendRefusal } from '../answer/reply.ts';
import type { App } from '../routes/context.ts';
import type { Principal, Services } from '../services/services.ts';
import { isSignedBody, judgeSignature, type Signed } from './judge.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the guard when the request is signed; its body and nonce are judged before the handler. */
    signed: Signed | null;
    /** SHA-256 of the body of a signed request. */
    bodyDigest: Buffer | undefined;
  }
}

/** Judges what the headers say, before the body is read. */
export function refuseSignature(request: FastifyRequest, principal: Principal): Refusal | null {
  if (principal.signature === null) return null;
  const { keyId, signature } = principal;
  const signed = judgeSignature(request, { keyId, ...signature });
  if (isRefusal(signed)) return signed;
  request.signed = signed;
  return null;
}

/** Of the bytes as they came; none are no body. */
export function noteBody(request: FastifyRequest, bytes: Buffer): void {
  if (request.signed !== null && bytes.length > 0)
    request.bodyDigest = hash('sha256', bytes, 'buffer');
}

/**
 * The body is that which was signed, and the signature is used once: the nonce is taken last, so that a request that
 * was altered on its way does not use up the nonce of the true one.
 */
export function addSignatureHooks(app: App, services: Pick<Services, 'takeNonce'>): void {
  app.decorateRequest('signed', null);
  app.decorateRequest('bodyDigest');
  app.addHook('preValidation', (request, reply, done) => {
    const { signed } = request;
    if (signed === null) return done();
    if (!isSignedBody(signed, request.bodyDigest)) {
      return void sendRefusal(request, reply, OTHER_BODY);
    }
    services
      .takeNonce({ keyId: request.principal.keyId!, ...signed })
      .then((verdict) => answer(request, reply, verdict, done), done);
  });
}

const OTHER_BODY = refuse('digest_mismatch', 'The body is not that of Content-Digest.');
const REFUSALS = {
  reused: refuse('signature_replayed', 'The nonce of the signature was used before; sign anew.'),
  stale: refuse(
    'signature_stale',
    'The signature was created more than 5 minutes from now, or has expired; sign anew, and look at the clock.',
  ),
};

function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  verdict: 'taken' | 'reused' | 'stale',
  done: () => void,
): void {
  if (verdict === 'taken') done();
  else sendRefusal(request, reply, REFUSALS[verdict]);
}
