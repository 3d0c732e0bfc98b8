import { AWS_LIMITS, AwsCalls } from '../../../base/aws/index.ts';
import type { KeySettings } from '../../../base/config/index.ts';
import type { Signature } from '../../../base/effect/index.ts';
import {
  type Address,
  ConfigurationError,
  messageOf,
  Transient,
} from '../../../base/kernel/index.ts';
import { type Key, named, type Surroundings } from './key.ts';
import { localKey } from './local.ts';
import { decryptKeystoreV3 } from './v3.ts';

type SecretSettings = Extract<KeySettings, { kind: 'secretsManager' }>;

/** The secret at the service; both throw as AwsCalls does. */
type Secret = {
  /** The current version's id. */
  version(): Promise<string | undefined>;
  read(): Promise<{ version: string | undefined; text: string | undefined }>;
  close(): void;
};

/** How late a rotation is noticed, a tenth more or less, so that not all signers ask at once. */
const LOOK_EVERY_MS = 300_000;
/** Far below the service's quota: the secret is read once, and its version every few minutes. */
const REQUESTS_PER_SECOND = 10;

/** A private key that AWS Secrets Manager holds: read once, and again when it has a new version. */
export async function secretsManagerKey(
  settings: SecretSettings,
  surroundings: Surroundings,
): Promise<Key> {
  const name = `key ${settings.id} (secret ${settings.secretId})`;
  const secret = await openSecret(name, settings, surroundings);
  const { hold = localKey } = surroundings;
  const parse = (text: string | undefined) =>
    named(name, () => hold(privateKeyIn(text, settings.password)));
  try {
    const { version, text } = await secret.read();
    const key = new SecretKey({ name, secret, parse, version, key: parse(text) }, surroundings);
    void key.follow();
    return key;
  } catch (error) {
    secret.close();
    throw error;
  }
}

async function openSecret(
  name: string,
  { secretId: SecretId, region, endpoint }: SecretSettings,
  { clock, aws: limits = AWS_LIMITS }: Surroundings,
): Promise<Secret> {
  // Hundreds of files, which a signer with other keys does not load.
  const { SecretsManagerClient, DescribeSecretCommand, GetSecretValueCommand } = await import(
    '@aws-sdk/client-secrets-manager'
  );
  const client = new SecretsManagerClient({
    region,
    maxAttempts: 1,
    ...(endpoint === undefined ? {} : { endpoint }),
  });
  const calls = new AwsCalls({ name, requestsPerSecond: REQUESTS_PER_SECOND, clock, limits });
  return {
    version: async () => {
      const { VersionIdsToStages = {} } = await calls.call('DescribeSecret', (abortSignal) =>
        client.send(new DescribeSecretCommand({ SecretId }), { abortSignal }),
      );
      const versions = Object.entries(VersionIdsToStages);
      return versions.find(([, stages]) => stages?.includes('AWSCURRENT'))?.[0];
    },
    read: async () => {
      const { VersionId, SecretString } = await calls.call('GetSecretValue', (abortSignal) =>
        client.send(new GetSecretValueCommand({ SecretId }), { abortSignal }),
      );
      return { version: VersionId, text: SecretString };
    },
    close: () => {
      calls.close();
      client.destroy();
    },
  };
}

/**
 * Throws Error that shows nothing of the text. The text itself can not be overwritten; it is dropped at once.
 */
function privateKeyIn(text: string | undefined, password: string | undefined): Buffer {
  if (text === undefined) throw new Error('it is binary, expected text');
  const trimmed = text.trim();
  if (/^(0x)?[0-9a-fA-F]{64}$/.test(trimmed)) return Buffer.from(trimmed.slice(-64), 'hex');
  if (!trimmed.startsWith('{')) {
    throw new Error('it is neither a private key of 64 hex digits nor a keystore v3 file');
  }
  if (password === undefined) {
    throw new Error('it may be a keystore v3 file, and no password is configured for it');
  }
  return decryptKeystoreV3(trimmed, password);
}

type Opened = {
  name: string;
  secret: Secret;
  /** Throws ConfigurationError for what is no key. */
  parse(text: string | undefined): Key;
  version: string | undefined;
  key: Key;
};

/**
 * Its current version is the truth: when that holds no key, or another one's, the key read before is overwritten and
 * nothing is signed until a later version holds it again. While the service can not be asked, the key is kept.
 */
class SecretKey implements Key {
  readonly address: Address;
  readonly #opened: Opened;
  readonly #surroundings: Surroundings;
  readonly #closing = new AbortController();
  #key: Key | null;
  #version: string | undefined;
  #why = '';
  #looking: Promise<void> | null = null;

  constructor(opened: Opened, surroundings: Surroundings) {
    this.address = opened.key.address;
    this.#opened = opened;
    this.#surroundings = surroundings;
    this.#key = opened.key;
    this.#version = opened.version;
  }

  get held(): boolean {
    return this.#key !== null;
  }

  async sign(digest: Buffer): Promise<Signature> {
    if (this.#key === null) await this.look();
    if (this.#key === null) throw new Transient(this.#why);
    return this.#key.sign(digest);
  }

  close(): void {
    this.#closing.abort();
    this.#forget(`${this.#opened.name} was given up`);
    this.#opened.secret.close();
  }

  async follow(): Promise<void> {
    const { clock, log } = this.#surroundings;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await clock.sleep(LOOK_EVERY_MS * (0.9 + Math.random() * 0.2), signal);
      await this.look().catch((error) =>
        log.warn({ error: messageOf(error) }, 'whether a key was rotated is not known'),
      );
    }
  }

  /** However many ask at once, the service is asked once. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    const { secret } = this.#opened;
    const current = await secret.version();
    if (this.#closing.signal.aborted || current === this.#version) return;
    const { version, text } = await secret.read();
    if (this.#closing.signal.aborted) return;
    this.#take(text);
    this.#version = version;
  }

  #take(text: string | undefined): void {
    const { name, parse } = this.#opened;
    const { log } = this.#surroundings;
    try {
      const key = parse(text);
      if (key.address !== this.address) {
        key.close();
        throw new ConfigurationError(`${name}: it holds the key of ${key.address} now`);
      }
      this.#forget('');
      this.#key = key;
      log.info({ key: name }, 'a key was read again: its secret has a new version');
    } catch (error) {
      this.#forget(`${messageOf(error)}; expected the key of ${this.address}`);
      log.error({ error: this.#why }, 'a key is used no more: its secret has a new version');
    }
  }

  #forget(why: string): void {
    this.#key?.close();
    this.#key = null;
    this.#why = why;
  }
}
