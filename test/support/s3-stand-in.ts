import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Version = {
  key: string;
  id: string;
  body: Buffer;
  mode: string | undefined;
  until: string | undefined;
  /** Instead of bytes: from here on the key seems to be empty. */
  deleted?: true;
};
type Fault =
  | { kind: 'error'; code: string; status: number }
  /** Takes the request and never answers. */
  | { kind: 'hang' }
  /** Does what it was asked for, and cuts the connection before it says so. */
  | { kind: 'lost' }
  /** Answers with bytes, or a checksum, that are not those it holds. */
  | { kind: 'lie' };
type Asked = { operation: string; key: string; query: URLSearchParams; body: Buffer };
type Answer = { status: number; headers?: Record<string, string>; body?: Buffer };

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('base64');
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/**
 * One bucket of S3 as far as an anchor asks it, over HTTP for the real SDK client: versions, conditional puts, Object
 * Lock. The next calls of an operation meet the faults of its list.
 */
export class S3StandIn {
  readonly versions: Version[] = [];
  /** By operation: `PutObject`, `GetObject`, `ListObjectVersions`. */
  readonly faults = new Map<string, Fault[]>();
  readonly calls: string[] = [];
  /** Whether the bucket was made with it. */
  objectLock = true;
  /** Versions in one answer. */
  page = 1_000;
  readonly #server = createServer((request, response) => {
    void this.#serve(request, response);
  });

  /** The SDK client then finds credentials, which count nowhere. */
  static async start(): Promise<S3StandIn> {
    Object.assign(process.env, {
      AWS_ACCESS_KEY_ID: 'stand-in',
      AWS_SECRET_ACCESS_KEY: 'stand-in',
      AWS_EC2_METADATA_DISABLED: 'true',
    });
    const made = new S3StandIn();
    await new Promise<void>((resolve) => made.#server.listen(0, '127.0.0.1', resolve));
    return made;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** By somebody who may write to the bucket, past the anchor. */
  plant(key: string, text: string): void {
    this.#add({ key, body: Buffer.from(text), mode: undefined, until: undefined });
  }

  /** As a DELETE without a version does. */
  markDeleted(key: string): void {
    this.#add({ key, body: Buffer.alloc(0), mode: undefined, until: undefined, deleted: true });
  }

  #add(version: Omit<Version, 'id'>): void {
    this.versions.push({ ...version, id: `v${this.versions.length + 1}` });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const url = new URL(request.url!, 'http://stand-in');
    const [, , ...path] = decodeURIComponent(url.pathname).split('/');
    const { searchParams: query } = url;
    const operation = query.has('versions')
      ? 'ListObjectVersions'
      : request.method === 'PUT'
        ? 'PutObject'
        : 'GetObject';
    this.calls.push(operation);
    const fault = this.faults.get(operation)?.shift();
    if (fault?.kind === 'hang') return;
    const asked = { operation, key: path.join('/'), query, body: Buffer.concat(chunks) };
    const answer =
      fault?.kind === 'error'
        ? refused(fault.status, fault.code)
        : this.#answer(asked, request.headers, fault?.kind === 'lie');
    if (fault?.kind === 'lost') return void request.socket.destroy();
    response.writeHead(answer.status, answer.headers ?? {});
    response.end(answer.body);
  }

  #answer(asked: Asked, headers: IncomingMessage['headers'], lie: boolean): Answer {
    switch (asked.operation) {
      case 'PutObject':
        return this.#put(asked, headers, lie);
      case 'ListObjectVersions':
        return this.#list(asked.query);
      default:
        return this.#get(asked, headers, lie);
    }
  }

  #put({ key, body }: Asked, headers: IncomingMessage['headers'], lie: boolean): Answer {
    const mode = headers['x-amz-object-lock-mode'] as string | undefined;
    const until = headers['x-amz-object-lock-retain-until-date'] as string | undefined;
    if (mode !== undefined && !this.objectLock) return refused(400, 'InvalidRequest');
    const checksum = headers['x-amz-checksum-sha256'];
    if (checksum !== sha256(body)) return refused(400, 'BadDigest');
    if (headers['if-none-match'] === '*' && this.#newest(key) !== null) {
      return refused(412, 'PreconditionFailed');
    }
    this.#add({ key, body, mode, until });
    const told = lie ? sha256(Buffer.from('other bytes')) : checksum;
    return { status: 200, headers: { 'x-amz-checksum-sha256': told } };
  }

  #get({ key, query }: Asked, headers: IncomingMessage['headers'], lie: boolean): Answer {
    const id = query.get('versionId');
    const found =
      id === null ? this.#newest(key) : (this.versions.find((one) => one.id === id) ?? null);
    if (found === null) return refused(404, 'NoSuchKey');
    if (headers.range !== undefined && found.body.length === 0) return refused(416, 'InvalidRange');
    const end = Number(/^bytes=0-(\d+)$/.exec(headers.range ?? '')?.[1] ?? found.body.length);
    const body = lie ? Buffer.from('1 other bytes') : found.body.subarray(0, end + 1);
    return {
      status: headers.range === undefined ? 200 : 206,
      headers: {
        'content-length': String(body.length),
        ...(found.mode === undefined ? {} : { 'x-amz-object-lock-mode': found.mode }),
        ...(found.until === undefined
          ? {}
          : { 'x-amz-object-lock-retain-until-date': found.until }),
      },
      body,
    };
  }

  #list(query: URLSearchParams): Answer {
    const prefix = query.get('prefix') ?? '';
    const [marker, idMarker] = [query.get('key-marker'), query.get('version-id-marker')];
    const all = this.versions
      .filter(({ key, deleted }) => key.startsWith(prefix) && !deleted)
      .sort((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0));
    const from =
      marker === null ? 0 : all.findIndex(({ key, id }) => key === marker && id === idMarker) + 1;
    const some = all.slice(from, from + this.page);
    const last = some.at(-1);
    const more = last !== undefined && from + this.page < all.length;
    const xml = [
      `<ListVersionsResult><IsTruncated>${more}</IsTruncated>`,
      more ? `<NextKeyMarker>${escaped(last.key)}</NextKeyMarker>` : '',
      more ? `<NextVersionIdMarker>${last.id}</NextVersionIdMarker>` : '',
      ...some.map(
        ({ key, id }) =>
          `<Version><Key>${escaped(key)}</Key><VersionId>${id}</VersionId></Version>`,
      ),
      '</ListVersionsResult>',
    ];
    const headers = { 'content-type': 'application/xml' };
    return { status: 200, headers, body: Buffer.from(xml.join('')) };
  }

  /** Null: there is none, or the newest is a mark that it was deleted. */
  #newest(key: string): Version | null {
    const found = this.versions.findLast((one) => one.key === key);
    return found === undefined || found.deleted ? null : found;
  }
}

function refused(status: number, code: string): Answer {
  const body = `<Error><Code>${code}</Code><Message>as the test wants it</Message></Error>`;
  return { status, headers: { 'content-type': 'application/xml' }, body: Buffer.from(body) };
}
