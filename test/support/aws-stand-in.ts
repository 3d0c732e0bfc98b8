import { generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import secp256k1 from 'secp256k1';

/** What a KMS says of a key; a lie is what differs from the secret that it signs with. */
type KmsKey = {
  secret: Buffer;
  /** What it is called in answers, where it is asked for by another name. */
  arn?: string;
  spec?: string;
  usage?: string;
  algorithms?: string[];
  /** Whose public key is given; `P-256`: one of that curve. */
  publicKeyOf?: Buffer | 'P-256' | 'rubbish';
  /** As half of the real ones are. */
  highS?: boolean;
  /** Instead of the signature. */
  signature?: Buffer;
};

/** Under `binary` a secret that is no text. */
type Version = { id: string; text?: string; binary?: Buffer };
type Fault =
  | { kind: 'error'; type: string; status?: number }
  /** Takes the request and never answers. */
  | { kind: 'hang' };
type Body = Record<string, unknown>;

const SPKI_SECP256K1 = Buffer.from('3056301006072a8648ce3d020106052b8104000a034200', 'hex');
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/**
 * KMS and Secrets Manager as far as keystores ask them, over AWS JSON 1.1 for the real SDK clients. Keys and secrets
 * are set by the test, and so is what goes wrong: the next calls of an operation meet the faults of its list.
 */
export class AwsStandIn {
  /** By key id or alias. */
  readonly keys = new Map<string, KmsKey>();
  readonly secrets = new Map<string, Version>();
  /** By operation: `Sign`, `GetPublicKey`, `GetSecretValue`, `DescribeSecret`. */
  readonly faults = new Map<string, Fault[]>();
  /** Operations as they were asked for. */
  readonly calls: string[] = [];
  readonly #server = createServer((request, response) => {
    void this.#serve(request, response);
  });

  /** The SDK clients then find credentials, which count nowhere. */
  static async start(): Promise<AwsStandIn> {
    Object.assign(process.env, {
      AWS_ACCESS_KEY_ID: 'stand-in',
      AWS_SECRET_ACCESS_KEY: 'stand-in',
      AWS_EC2_METADATA_DISABLED: 'true',
    });
    const made = new AwsStandIn();
    await new Promise<void>((resolve) => made.#server.listen(0, '127.0.0.1', resolve));
    return made;
  }

  /** For the configuration of a key. */
  get place(): { region: string; endpoint: string } {
    const { port } = this.#server.address() as AddressInfo;
    return { region: 'eu-central-1', endpoint: `http://127.0.0.1:${port}` };
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const operation = String(request.headers['x-amz-target']).split('.')[1]!;
    this.calls.push(operation);
    const fault = this.faults.get(operation)?.shift();
    if (fault?.kind === 'hang') return;
    const answer = fault
      ? { __type: fault.type, message: 'as the test wants it' }
      : this.#answer(operation, JSON.parse(Buffer.concat(chunks).toString('utf8')));
    const status = '__type' in answer ? (fault?.status ?? 400) : 200;
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify(answer));
  }

  #answer(operation: string, body: Body): Body {
    switch (operation) {
      case 'GetPublicKey':
        return this.#publicKey(String(body['KeyId']));
      case 'Sign':
        return this.#sign(body);
      case 'DescribeSecret':
      case 'GetSecretValue':
        return this.#secret(operation, String(body['SecretId']));
      default:
        return { __type: 'UnknownOperationException' };
    }
  }

  #publicKey(keyId: string): Body {
    const key = this.keys.get(keyId);
    if (key === undefined) return { __type: 'NotFoundException', message: 'no such key' };
    return {
      KeyId: key.arn ?? keyId,
      KeySpec: key.spec ?? 'ECC_SECG_P256K1',
      KeyUsage: key.usage ?? 'SIGN_VERIFY',
      SigningAlgorithms: key.algorithms ?? ['ECDSA_SHA_256'],
      PublicKey: spki(key).toString('base64'),
    };
  }

  #sign({ KeyId, Message, MessageType, SigningAlgorithm }: Body): Body {
    const key = this.keys.get(String(KeyId));
    const digest = Buffer.from(String(Message), 'base64');
    if (key === undefined) return { __type: 'NotFoundException', message: 'no such key' };
    if (MessageType !== 'DIGEST' || SigningAlgorithm !== 'ECDSA_SHA_256' || digest.length !== 32) {
      return { __type: 'ValidationException', message: 'expected a digest of 32 bytes' };
    }
    const { signature } = secp256k1.ecdsaSign(digest, key.secret);
    if (key.highS) {
      const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`);
      signature.set(Buffer.from((ORDER - s).toString(16).padStart(64, '0'), 'hex'), 32);
    }
    const der = key.signature ?? Buffer.from(secp256k1.signatureExport(signature));
    return { KeyId, SigningAlgorithm, Signature: der.toString('base64') };
  }

  #secret(operation: string, name: string): Body {
    const version = this.secrets.get(name);
    if (version === undefined) {
      return { __type: 'ResourceNotFoundException', message: 'no such secret' };
    }
    const { id, text, binary } = version;
    if (operation === 'DescribeSecret') {
      const VersionIdsToStages = { before: ['AWSPREVIOUS'], [id]: ['AWSCURRENT'] };
      return { Name: name, VersionIdsToStages };
    }
    const content =
      binary === undefined ? { SecretString: text } : { SecretBinary: binary.toString('base64') };
    return { Name: name, VersionId: id, VersionStages: ['AWSCURRENT'], ...content };
  }
}

function spki({ secret, publicKeyOf = secret }: KmsKey): Buffer {
  if (publicKeyOf === 'rubbish') return Buffer.from('rubbish');
  if (publicKeyOf === 'P-256') {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return publicKey.export({ format: 'der', type: 'spki' });
  }
  return Buffer.concat([SPKI_SECP256K1, secp256k1.publicKeyCreate(publicKeyOf, false)]);
}
