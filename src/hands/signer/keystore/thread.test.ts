import { afterEach, beforeEach, expect, it } from 'vitest';
import { localKey } from './local.ts';
import { SigningThread } from './thread.ts';

const SECRET = Buffer.alloc(32, 0x42);
const OTHER = Buffer.alloc(32, 0x43);
const digests = Array.from({ length: 300 }, (_, n) => Buffer.alloc(32, n + 1));

let thread: SigningThread;
beforeEach(() => {
  thread = new SigningThread();
});
afterEach(() => thread.stop());

it('signs with each of its keys what that key signs anywhere, many at once', async () => {
  const keys = [thread.hold(Buffer.from(SECRET)), thread.hold(Buffer.from(OTHER))];
  const alike = [localKey(Buffer.from(SECRET)), localKey(Buffer.from(OTHER))];
  expect(keys.map(({ address }) => address)).toEqual(alike.map(({ address }) => address));
  const signed = await Promise.all(digests.map((digest, n) => keys[n % 2]!.sign(digest)));
  expect(signed).toEqual(await Promise.all(digests.map((digest, n) => alike[n % 2]!.sign(digest))));
});

it('takes the key over: nothing of it is left where it came from', () => {
  const secret = Buffer.from(SECRET);
  thread.hold(secret);
  expect(secret).toEqual(Buffer.alloc(32));
});

it('signs what was asked for before a key was given up, and nothing after', async () => {
  const key = thread.hold(Buffer.from(SECRET));
  const before = digests.map((digest) => key.sign(digest));
  key.close();
  await expect(key.sign(digests[0]!)).rejects.toThrow('the key was given up');
  thread.stop();
  const alike = localKey(Buffer.from(SECRET));
  expect(await Promise.all(before)).toEqual(
    await Promise.all(digests.map((digest) => alike.sign(digest))),
  );
});

it('takes no digest of another length, and no key that is none', async () => {
  const key = thread.hold(Buffer.from(SECRET));
  await expect(key.sign(Buffer.alloc(31))).rejects.toThrow('a digest of 31 bytes');
  expect(() => thread.hold(Buffer.alloc(32))).toThrow('it is no secp256k1 private key');
});
