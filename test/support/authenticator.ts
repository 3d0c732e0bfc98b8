import {
  createHash,
  createSign,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';

type Options = { challenge: string; rp?: { id?: string }; rpId?: string };
type Bend = {
  origin?: string;
  rpId?: string;
  /** The person was there, and was not asked for anything else. */
  unverified?: boolean;
  challenge?: string;
};

/**
 * A passkey made in software, for tests: it answers as an authenticator and a browser together do, and can be made to
 * answer wrongly. ECDSA over P-256, no attestation.
 */
export class Authenticator {
  readonly id = randomBytes(16).toString('base64url');
  readonly #origin: string;
  readonly #private: KeyObject;
  readonly #cose: Buffer;
  /** Of the next answer; 0: it counts nothing. */
  counter = 1;

  constructor(origin: string) {
    this.#origin = origin;
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#private = privateKey;
    const { x, y } = publicKey.export({ format: 'jwk' }) as { x: string; y: string };
    const part = (text: string) => cborBytes(Buffer.from(text, 'base64url'));
    // {1: 2, 3: -7, -1: 1, -2: x, -3: y}
    const head = Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01]);
    this.#cose = Buffer.concat([head, Buffer.of(0x21), part(x), Buffer.of(0x22), part(y)]);
  }

  register(given: object, bend: Bend = {}): object {
    const options = given as Options;
    const rpId = bend.rpId ?? options.rp!.id!;
    const raw = Buffer.from(this.id, 'base64url');
    const size = Buffer.alloc(2);
    size.writeUInt16BE(raw.length);
    const credential = Buffer.concat([Buffer.alloc(16), size, raw, this.#cose]);
    const data = Buffer.concat([this.#head(rpId, bend, 0x40), credential]);
    const attestation = Buffer.concat([
      Buffer.of(0xa3),
      ...[cborText('fmt'), cborText('none'), cborText('attStmt'), Buffer.of(0xa0)],
      ...[cborText('authData'), cborBytes(data)],
    ]);
    return this.#answer({
      clientDataJSON: this.#clientData('webauthn.create', options, bend).toString('base64url'),
      attestationObject: attestation.toString('base64url'),
      transports: ['internal'],
    });
  }

  login(given: object, bend: Bend = {}): object {
    const options = given as Options;
    const data = this.#head(bend.rpId ?? options.rpId!, bend, 0);
    const client = this.#clientData('webauthn.get', options, bend);
    const signed = Buffer.concat([data, createHash('sha256').update(client).digest()]);
    return this.#answer({
      clientDataJSON: client.toString('base64url'),
      authenticatorData: data.toString('base64url'),
      signature: createSign('sha256').update(signed).sign(this.#private).toString('base64url'),
    });
  }

  #head(rpId: string, { unverified = false }: Bend, more: number): Buffer {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(this.counter);
    if (this.counter > 0) this.counter += 1;
    const flags = Buffer.of(0x01 | (unverified ? 0 : 0x04) | more);
    return Buffer.concat([createHash('sha256').update(rpId).digest(), flags, counter]);
  }

  #clientData(type: string, { challenge }: Options, bend: Bend): Buffer {
    const origin = bend.origin ?? this.#origin;
    return Buffer.from(
      JSON.stringify({ type, challenge: bend.challenge ?? challenge, origin, crossOrigin: false }),
    );
  }

  #answer(response: object): object {
    const { id } = this;
    return { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response };
  }
}

function cborHead(major: number, length: number): Buffer {
  if (length < 24) return Buffer.of((major << 5) | length);
  if (length < 256) return Buffer.of((major << 5) | 24, length);
  return Buffer.of((major << 5) | 25, length >> 8, length & 255);
}

const cborBytes = (bytes: Buffer) => Buffer.concat([cborHead(2, bytes.length), bytes]);
const cborText = (text: string) => Buffer.concat([cborHead(3, text.length), Buffer.from(text)]);
