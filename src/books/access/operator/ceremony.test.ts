import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { isoCBOR } from '@simplewebauthn/server/helpers';
import { describe, expect, it } from 'vitest';
import { spkiOf } from './ceremony.ts';

const bytes = (text: string | undefined) => new Uint8Array(Buffer.from(text!, 'base64url'));
const spki = (key: KeyObject) => key.export({ format: 'der', type: 'spki' }).toString('base64');
const made = (
  key: KeyObject,
  labels: [number, number][],
  names: [number, 'x' | 'y' | 'n' | 'e'][],
) => {
  const jwk = key.export({ format: 'jwk' });
  const parts = names.map(([label, name]) => [label, bytes(jwk[name])] as const);
  return isoCBOR.encode(new Map<number, number | Uint8Array>([...labels, ...parts]));
};

describe('the key of a passkey', () => {
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey;
  const edwards = generateKeyPairSync('ed25519').publicKey;
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
  const xy: [number, 'x' | 'y'][] = [
    [-2, 'x'],
    [-3, 'y'],
  ];

  it.each<[string, Uint8Array, string | null]>([
    [
      'over P-256',
      made(
        p256,
        [
          [1, 2],
          [3, -7],
          [-1, 1],
        ],
        xy,
      ),
      spki(p256),
    ],
    [
      'of Ed25519',
      made(
        edwards,
        [
          [1, 1],
          [3, -8],
          [-1, 6],
        ],
        [[-2, 'x']],
      ),
      spki(edwards),
    ],
    [
      'over P-384',
      made(
        p384,
        [
          [1, 2],
          [3, -35],
          [-1, 2],
        ],
        xy,
      ),
      null,
    ],
    [
      'of RSA',
      made(
        rsa,
        [
          [1, 3],
          [3, -257],
        ],
        [
          [-1, 'n'],
          [-2, 'e'],
        ],
      ),
      null,
    ],
  ])('%s is told in the form of the configuration, where that takes it', async (_, cose, key) => {
    expect(await spkiOf(cose)).toBe(key);
  });
});
