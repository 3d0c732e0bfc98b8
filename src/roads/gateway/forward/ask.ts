import { lookup as resolve } from 'node:dns';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Network } from '../../../base/kernel/index.ts';
import { closedHost, isOpenAddress } from './networks.ts';

/** Nothing usable came from an upstream; the message is for logs and says nothing to payers. */
export class UpstreamFailed extends Error {}

type Ask = {
  url: URL;
  method: string;
  headers: Record<string, string>;
  body: Buffer;
  signal: AbortSignal;
  /** Networks that are closed to upstreams otherwise. */
  opened: readonly Network[];
};

/**
 * Asks an upstream once; no redirect is followed. The address is judged where the connection is made, so that a name which
 * resolves to another one a moment later leads nowhere.
 */
export function askUpstream(ask: Ask): Promise<IncomingMessage> {
  const { url, opened } = ask;
  const closed = closedHost(url, opened);
  if (closed !== null) {
    return Promise.reject(new UpstreamFailed(`${closed} is closed to upstreams`));
  }
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((done, fail) => {
    const failed = (error: Error) => fail(new UpstreamFailed(error.message));
    const asked = request(
      url,
      {
        method: ask.method,
        headers: { ...ask.headers, 'content-length': String(ask.body.length) },
        lookup: openLookup(opened),
        signal: ask.signal,
        agent: false,
      },
      done,
    );
    asked.once('error', failed);
    // As after a 101, of which nothing else is told. Behind an answer it says nothing.
    asked.once('close', () => failed(new Error('it closed without an answer')));
    asked.end(ask.body);
  });
}

function openLookup(opened: readonly Network[]): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '');
      const open = addresses.filter(({ address }) => isOpenAddress(address, opened));
      const [first] = open;
      if (first === undefined) {
        return callback(new UpstreamFailed(`${hostname} is at no address that is open`), '');
      }
      if (options.all === true) return callback(null, open);
      callback(null, first.address, first.family);
    });
  };
}
