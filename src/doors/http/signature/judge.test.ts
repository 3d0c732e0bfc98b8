import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isRefusal } from '../../../base/kernel/index.ts';
import { readBytes, readInnerLists, writeInnerList } from './fields.ts';
import { judgeSignature, type SignedRequest, signatureBase } from './judge.ts';
import { PAIR, signed } from './sign.fixture.ts';

const signer = { keyId: 'k', publicKey: PAIR.publicKey, required: true };

function request(headers: Record<string, string>, more: Partial<SignedRequest> = {}) {
  return {
    ...{ method: 'GET', protocol: 'http', host: 'localhost:80', originalUrl: '/' },
    ...more,
    headers,
  };
}

describe('the signature base', () => {
  it('is that of the example of RFC 9421, B.2.6', () => {
    const publicKey = createPublicKey(
      '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----',
    );
    const input =
      'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"';
    const signature =
      'sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:';
    const headers = {
      date: 'Tue, 20 Apr 2021 02:07:55 GMT',
      'content-type': 'application/json',
      'content-length': '18',
    };
    const more = { method: 'POST', host: 'example.com', originalUrl: '/foo?param=Value&Pet=dog' };
    const list = readInnerLists(input)!.get('sig-b26')!;
    const base = signatureBase(request(headers, more), list) as string;
    const bytes = readBytes(signature)!.get('sig-b26')!;
    expect(verify(null, Buffer.from(base), publicKey, bytes)).toBe(true);
  });
});

describe('structured fields', () => {
  it.each([
    ['a=("x" "y");n=1', '("x" "y");n=1'],
    [
      'a=( "x"   "y" ); n=-1;t=tok/en;b=:AA==:;f;s="q\\"\\\\"',
      '("x" "y");n=-1;t=tok/en;b=:AA==:;f;s="q\\"\\\\"',
    ],
    ['a=()', '()'],
    ['a=("x";req "y")', '("x" "y")'],
  ])('%s is read', (field, written) => {
    expect(writeInnerList(readInnerLists(field)!.get('a')!)).toBe(written);
  });

  it.each([
    '',
    'a',
    'a=',
    'a=("x"',
    'a=("x""y")',
    'a=(x)',
    'A=("x")',
    'a=("x"),',
    'a=("x"),a=("y")',
    'a=("x");n=01',
    'a=("x");n=1.5',
    'a=("x");n=1;n=2',
    'a=("\\x")',
    'a=("é")',
    'a=("x") b=("y")',
    'a=("x");n=',
  ])('%j is not', (field) => {
    expect(readInnerLists(field)).toBeNull();
  });

  it.each(['a=:AB==:', 'a=:A:', 'a="x"', 'a=:AA==:;p=1', 'a=AA=='])('%j has no bytes', (field) => {
    expect(readBytes(field)).toBeNull();
  });
});

describe('a signature', () => {
  const idempotent = { 'idempotency-key': 'pay-1' };

  it.each<[string, Record<string, string>, Partial<SignedRequest>]>([
    ['of a read', signed({}), {}],
    ['of path and query apart', signed({ cover: ['@method', '@path', '@query'] }), {}],
    ['of a query', signed({ path: '/a?b=c' }), { originalUrl: '/a?b=c' }],
    [
      'of more than it must',
      signed({
        headers: { date: 'today' },
        cover: ['@method', '@target-uri', '@authority', 'date'],
      }),
      {},
    ],
    [
      'of a key and a body',
      signed({ method: 'POST', body: '{}', headers: { ...idempotent, 'content-length': '2' } }),
      { method: 'POST' },
    ],
  ])('%s is good', (_what, headers, more) => {
    const judged = judgeSignature(request(headers, more), signer);
    expect(judged).toMatchObject({ nonce: 'nonce-1', created: expect.any(Number) });
  });

  it('that is not there is refused where it is required, and only there', () => {
    expect(judgeSignature(request({}), signer)).toMatchObject({ code: 'signature_required' });
    expect(judgeSignature(request({}), { ...signer, required: false })).toBeNull();
    const bad = signed({ privateKey: generateKeyPairSync('ed25519').privateKey });
    const lax = { ...signer, required: false };
    expect(judgeSignature(request(bad), lax)).toMatchObject({ code: 'signature_invalid' });
  });

  it('is found among those that others on the way have made', () => {
    const own = signed({});
    const theirs = {
      'signature-input': 'proxy=("@method");keyid="other"',
      signature: 'proxy=:AA==:',
    };
    const both = {
      'signature-input': `${theirs['signature-input']}, ${own['signature-input']}`,
      signature: `${theirs.signature}, ${own['signature']}`,
    };
    expect(isRefusal(judgeSignature(request(both), signer))).toBe(false);
  });

  const good = signed({});
  const parameters = (text: string) => signed({ parameters: text });
  const all = ';created=1;nonce="n";keyid="k";alg="ed25519"';

  it.each<[string, Record<string, string>, Partial<SignedRequest>, string]>([
    ['without its input', { signature: good['signature']! }, {}, 'signature_malformed'],
    [
      'that is only announced',
      { 'signature-input': good['signature-input']! },
      {},
      'signature_malformed',
    ],
    [
      'under another label',
      { ...good, signature: good['signature']!.replace('sig', 'gis') },
      {},
      'signature_malformed',
    ],
    ['that can not be read', { ...good, 'signature-input': 'sig=(' }, {}, 'signature_malformed'],
    [
      'that covers a component twice',
      signed({ cover: ['@method', '@target-uri', '@method'] }),
      {},
      'signature_malformed',
    ],
    ['with an empty nonce', parameters(all.replace('"n"', '""')), {}, 'signature_malformed'],
    [
      'with an endless nonce',
      parameters(all.replace('"n"', `"${'n'.repeat(129)}"`)),
      {},
      'signature_malformed',
    ],
    ['created by word', parameters(all.replace('=1;', '="now";')), {}, 'signature_malformed'],
    [
      'created far from any clock',
      parameters(all.replace('=1;', '=999999999999;')),
      {},
      'signature_malformed',
    ],
    ['that expires by word', parameters(`${all};expires="x"`), {}, 'signature_malformed'],
    ['of another key id', signed({ keyId: 'other' }), {}, 'signature_invalid'],
    ['of nobody', parameters(all.replace(';keyid="k"', '')), {}, 'signature_invalid'],
    [
      'by another key',
      signed({ privateKey: generateKeyPairSync('ed25519').privateKey }),
      {},
      'signature_invalid',
    ],
    [
      'by another algorithm',
      parameters(all.replace('ed25519', 'hmac-sha256')),
      {},
      'signature_invalid',
    ],
    ['that is no signature', { ...good, signature: 'sig=:AAAA:' }, {}, 'signature_invalid'],
    ['of another method', good, { method: 'HEAD' }, 'signature_invalid'],
    ['of another path', good, { originalUrl: '/other' }, 'signature_invalid'],
    ['of another query', good, { originalUrl: '/?limit=1' }, 'signature_invalid'],
    ['of another host', good, { host: 'evil.example' }, 'signature_invalid'],
    [
      'of another idempotency key',
      { ...signed({ headers: idempotent }), 'idempotency-key': 'pay-2' },
      {},
      'signature_invalid',
    ],
    ['without created', parameters(all.replace(';created=1', '')), {}, 'signature_incomplete'],
    ['without a nonce', parameters(all.replace(';nonce="n"', '')), {}, 'signature_incomplete'],
    ['without alg', parameters(all.replace(';alg="ed25519"', '')), {}, 'signature_incomplete'],
    ['that leaves the method open', signed({ cover: ['@target-uri'] }), {}, 'signature_incomplete'],
    ['that leaves the target open', signed({ cover: ['@method'] }), {}, 'signature_incomplete'],
    [
      'that leaves the query open',
      signed({ cover: ['@method', '@path'] }),
      {},
      'signature_incomplete',
    ],
    ['that leaves the key open', { ...good, ...idempotent }, {}, 'signature_incomplete'],
    ['that leaves the body open', { ...good, 'content-length': '2' }, {}, 'signature_incomplete'],
    [
      'that leaves a body in pieces open',
      { ...good, 'transfer-encoding': 'chunked' },
      {},
      'signature_incomplete',
    ],
    [
      'of a header that is not there',
      signed({ cover: ['@method', '@target-uri', 'date'] }),
      {},
      'signature_incomplete',
    ],
    [
      'of what a request has not',
      signed({ cover: ['@method', '@target-uri', '@status'] }),
      {},
      'signature_incomplete',
    ],
    [
      'of an inherited name',
      signed({ cover: ['@method', '@target-uri', 'constructor'] }),
      {},
      'signature_incomplete',
    ],
    [
      'of another digest than SHA-256',
      signed({
        headers: { 'content-digest': 'sha-512=:AAAA:' },
        cover: ['@method', '@target-uri', 'content-digest'],
      }),
      {},
      'digest_mismatch',
    ],
  ])('%s is refused', (_what, headers, more, code) => {
    expect(judgeSignature(request(headers, more), signer)).toMatchObject({ refused: true, code });
  });
});
