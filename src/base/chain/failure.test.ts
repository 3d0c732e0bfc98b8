import { describe, expect, it } from 'vitest';
import {
  type FailureKind,
  failureOfError,
  failureOfStatus,
  refusesBatch,
  refusesCallOfBatch,
} from './failure.ts';

describe("what a node's error to a read means", () => {
  it.each<[FailureKind, number, string]>([
    ['reverted', 3, 'execution reverted: ERC20: rate limit exceeded'],
    ['reverted', -32000, 'execution reverted'],
    ['reverted', -32015, 'VM execution error: Reverted 0x'],
    ['behind', -32000, 'header not found'],
    ['behind', -32001, 'block not found: 0x1234'],
    ['behind', -39001, 'Unknown block'],
    ['behind', -32602, 'BlockOutOfRangeError: block height is 5 but requested was 9'],
    ['behind', -32000, 'missing trie node 2c3a (path ) state 0x2c3a is not available'],
    ['behind', -32000, 'block range extends beyond current head block'],
    ['behind', -32000, 'required historical state unavailable (reexec=128)'],
    ['behind', -32000, 'state at block #12 is pruned'],
    ['rate_limited', -32005, 'limit exceeded'],
    ['rate_limited', 429, 'slow down'],
    ['rate_limited', -32000, 'Too Many Requests, try again in 2s'],
    ['rate_limited', -32016, 'over rate limit'],
    ['rate_limited', -32000, 'Your app has exceeded its compute units per second capacity'],
    ['node_error', -32005, 'query returned more than 10000 results'],
    ['node_error', -32600, 'block range is too wide, limit exceeded'],
    ['node_error', -32603, 'Internal error'],
    ['unauthorized', -32000, 'Unauthorized'],
    ['unauthorized', -32002, 'invalid project id'],
  ])('%s: %i %s', (kind, code, message) => {
    expect(failureOfError(code, message)).toBe(kind);
  });
});

it.each<[number, FailureKind]>([
  [200, 'malformed'],
  [400, 'malformed'],
  [401, 'unauthorized'],
  [402, 'unauthorized'],
  [403, 'unauthorized'],
  [404, 'malformed'],
  [408, 'server_error'],
  [425, 'server_error'],
  [429, 'rate_limited'],
  [500, 'server_error'],
  [503, 'server_error'],
])('HTTP %i without JSON-RPC is %s', (status, kind) => {
  expect(failureOfStatus(status)).toBe(kind);
});

describe('a batch is refused as such', () => {
  it.each<[boolean, number, number, string]>([
    [true, 413, 0, ''],
    [true, 200, -32600, 'Invalid Request'],
    [true, 200, -32700, 'Parse error'],
    [true, 200, -32005, 'batch size too large'],
    [true, 400, -32000, 'Batch of more than 10 requests are not allowed on free tier'],
    [true, 200, -32000, 'JSON arrays are not supported'],
    [false, 200, -32000, 'Too many requests'],
    [false, 401, -32600, 'Unauthorized'],
    [false, 500, -32603, 'Internal error'],
  ])('%s: HTTP %i, %i %s', (refused, status, code, message) => {
    expect(refusesBatch(status, code, message)).toBe(refused);
  });

  it.each<[boolean, number, string]>([
    [true, -32005, 'batch limit exceeded'],
    [false, 3, 'execution reverted: batch limit exceeded'],
    [false, -32600, 'Invalid Request'],
    [false, -32000, 'batch 7 is sealed'],
  ])('%s, for one call of it: %i %s', (refused, code, message) => {
    expect(refusesCallOfBatch(code, message)).toBe(refused);
  });
});
