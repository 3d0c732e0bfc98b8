import { createHash } from 'node:crypto';
import type { ObjectVersion, S3Client } from '@aws-sdk/client-s3';
import { AWS_LIMITS, AwsCalls, type AwsLimits } from '../../base/aws/index.ts';
import type { AnchorSettings } from '../../base/config/index.ts';
import { type Clock, type Hex, Transient } from '../../base/kernel/index.ts';
import { type Anchor, AnchorConflict, type AnchoredRoot } from '../../books/audit/index.ts';

type S3Settings = Extract<AnchorSettings, { kind: 's3' }>;
type Sdk = typeof import('@aws-sdk/client-s3');
type Marker = { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined };
type Held = { text: string; mode: string | undefined };
type Page = { versions: ObjectVersion[]; next: Marker | null };

const DAY_MS = 86_400_000;
/** Far below what one prefix of a bucket takes; reading everything is what needs it. */
const REQUESTS_PER_SECOND = 1_000;
/** Keys are in the order of heights. */
const HEIGHT_DIGITS = 20;
/** Of what may have been put there by anybody, no more is read. */
const MOST_BYTES = 256;
const LINE = /^([0-9]+) (0x[0-9a-f]{64})\n$/;

const isStatus = (error: unknown, status: number) =>
  (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === status;

/**
 * An object for each root, put where there is none, kept by Object Lock in compliance mode: until its time is over nobody
 * deletes or changes that version, the account's owner included. Bytes are a function of the root, so that the same root
 * again is recognised, and another one is a conflict.
 */
export class S3Anchor implements Anchor {
  readonly where: string;
  readonly #settings: S3Settings;
  readonly #clock: Clock;
  readonly #calls: AwsCalls;
  #opened: Promise<{ sdk: Sdk; client: S3Client }> | null = null;

  constructor(
    settings: S3Settings,
    { clock, limits = AWS_LIMITS }: { clock: Clock; limits?: AwsLimits },
  ) {
    this.where = `s3://${settings.bucket}/${settings.prefix}`;
    this.#settings = settings;
    this.#clock = clock;
    this.#calls = new AwsCalls({
      ...{ name: `the anchor ${this.where}`, requestsPerSecond: REQUESTS_PER_SECOND },
      ...{ clock, limits },
    });
  }

  async append(root: AnchoredRoot): Promise<void> {
    const body = `${root.height} ${root.hash}\n`;
    const key = this.#keyOf(root.height);
    if (await this.#put(key, body)) return;
    const held = await this.#get(key);
    if (held === null) throw new Transient(`${this.where} had ${key}, and has it no more`);
    if (held.text !== body) {
      throw new AnchorConflict(
        `${this.where} holds ${JSON.stringify(held.text)} at ${key}, expected ${JSON.stringify(body)}`,
      );
    }
    // Its time may be over by now, where nothing was sealed for so long.
    if (held.mode !== 'COMPLIANCE') {
      throw new AnchorConflict(`${this.where} holds ${key} without a lock in compliance mode`);
    }
  }

  async highest(upTo: bigint): Promise<bigint> {
    let [there, missing] = [0n, upTo + 1n];
    while (missing - there > 1n) {
      const middle = (there + missing) / 2n;
      if ((await this.#get(this.#keyOf(middle))) !== null) there = middle;
      else missing = middle;
    }
    return there;
  }

  async read(): Promise<AnchoredRoot[]> {
    const roots: AnchoredRoot[] = [];
    let after: Marker | null = {};
    while (after !== null) {
      const { versions, next }: Page = await this.#list(after);
      const found = versions.flatMap(({ Key: key = '', VersionId }) => {
        const height = this.#heightOf(key);
        return height === null ? [] : [this.#rootAt(key, height, VersionId)];
      });
      roots.push(...(await Promise.all(found)));
      after = next;
    }
    return roots;
  }

  /** False: there is one already, or it is not sure that it is ours. */
  async #put(key: string, body: string): Promise<boolean> {
    const { bucket: Bucket, retainDays } = this.#settings;
    const { sdk, client } = await this.#open();
    const checksum = createHash('sha256').update(body).digest('base64');
    return await this.#calls.call('PutObject', async (abortSignal) => {
      const command = new sdk.PutObjectCommand({
        ...{ Bucket, Key: key, Body: body, ContentType: 'text/plain', ChecksumSHA256: checksum },
        // Never over another; a try whose answer was lost meets its own object.
        IfNoneMatch: '*',
        ObjectLockMode: 'COMPLIANCE',
        ObjectLockRetainUntilDate: new Date(this.#clock.now() + retainDays * DAY_MS),
      });
      try {
        const { ChecksumSHA256 } = await client.send(command, { abortSignal });
        return ChecksumSHA256 === checksum;
      } catch (error) {
        if (isStatus(error, 412)) return false;
        throw error;
      }
    });
  }

  /** Null: there is none. */
  async #get(key: string, VersionId?: string): Promise<Held | null> {
    const { bucket: Bucket } = this.#settings;
    const { sdk, client } = await this.#open();
    return await this.#calls.call('GetObject', async (abortSignal) => {
      const Range = `bytes=0-${MOST_BYTES - 1}`;
      const which = { Bucket, Key: key, Range, ...(VersionId === undefined ? {} : { VersionId }) };
      try {
        const found = await client.send(new sdk.GetObjectCommand(which), { abortSignal });
        const text = (await found.Body?.transformToString('latin1')) ?? '';
        return { text, mode: found.ObjectLockMode };
      } catch (error) {
        if (isStatus(error, 404)) return null;
        // Of nothing there is no part.
        if (isStatus(error, 416)) return { text: '', mode: undefined };
        throw error;
      }
    });
  }

  async #list(after: Marker): Promise<Page> {
    const { bucket: Bucket, prefix: Prefix } = this.#settings;
    const { sdk, client } = await this.#open();
    return await this.#calls.call('ListObjectVersions', async (abortSignal) => {
      const command = new sdk.ListObjectVersionsCommand({ Bucket, Prefix, ...after });
      const { Versions = [], IsTruncated, ...more } = await client.send(command, { abortSignal });
      const next = { KeyMarker: more.NextKeyMarker, VersionIdMarker: more.NextVersionIdMarker };
      return { versions: Versions, next: IsTruncated ? next : null };
    });
  }

  /** What is no root of that height has the hash of what it is, which is no block's. */
  async #rootAt(key: string, height: bigint, versionId?: string): Promise<AnchoredRoot> {
    // A version that the list has and nobody can read any more is no root either.
    const { text } = (await this.#get(key, versionId)) ?? { text: '' };
    const [, said, hash] = LINE.exec(text) ?? [];
    if (hash !== undefined && said === String(height)) return { height, hash: hash as Hex };
    return { height, hash: `0x${createHash('sha256').update(text, 'latin1').digest('hex')}` };
  }

  #keyOf(height: bigint): string {
    return `${this.#settings.prefix}${String(height).padStart(HEIGHT_DIGITS, '0')}`;
  }

  #heightOf(key: string): bigint | null {
    const digits = key.slice(this.#settings.prefix.length);
    return /^[0-9]{20}$/.test(digits) ? BigInt(digits) : null;
  }

  /** Hundreds of files, which a process with another anchor does not load. */
  #open(): Promise<{ sdk: Sdk; client: S3Client }> {
    const { region, endpoint } = this.#settings;
    this.#opened ??= import('@aws-sdk/client-s3').then((sdk) => ({
      sdk,
      client: new sdk.S3Client({
        region,
        maxAttempts: 1,
        ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
      }),
    }));
    return this.#opened;
  }
}
