import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { S3StandIn } from '../../../test/support/s3-stand-in.ts';
import { AWS_LIMITS, type AwsLimits } from '../../base/aws/index.ts';
import {
  ConfigurationError,
  type Hex,
  systemClock,
  Transient,
  toHex,
} from '../../base/kernel/index.ts';
import { AnchorConflict, type AnchoredRoot } from '../../books/audit/index.ts';
import { anchorOf } from './index.ts';

let s3: S3StandIn;
beforeAll(async () => {
  s3 = await S3StandIn.start();
});
afterAll(() => s3.stop());
beforeEach(() => {
  s3.versions.length = 0;
  s3.calls.length = 0;
  s3.faults.clear();
  s3.objectLock = true;
  s3.page = 1_000;
});

const QUICK: AwsLimits = { ...AWS_LIMITS, backOffBaseMs: 1 };
const anchor = (limits = QUICK) =>
  anchorOf(
    {
      ...{ kind: 's3', bucket: 'roots', prefix: 'acme/', region: 'eu-central-1' },
      ...{ endpoint: s3.endpoint, retainDays: 30 },
    },
    { clock: systemClock, limits },
  );
const root = (n: number, hash = n): AnchoredRoot => ({
  height: BigInt(n),
  hash: toHex(Buffer.alloc(32, hash)),
});
const keyOf = (n: number) => `acme/${String(n).padStart(20, '0')}`;
const lineOf = ({ height, hash }: AnchoredRoot) => `${height} ${hash}\n`;

describe('the anchor in a bucket', () => {
  it('puts a root once, under a lock that nobody takes off, and reads what was put', async () => {
    const before = Date.now();
    for (const n of [1, 2, 10]) await anchor().append(root(n));
    const [first] = s3.versions;
    expect(first).toMatchObject({ key: keyOf(1), mode: 'COMPLIANCE' });
    expect(first!.body.toString()).toBe(lineOf(root(1)));
    const keptMs = Date.parse(first!.until!) - before;
    expect(Math.round(keptMs / 86_400_000)).toBe(30);
    expect(await anchor().read()).toEqual([root(1), root(2), root(10)]);
  });

  it('takes the same root again for done, as after a crash between the put and its record', async () => {
    await anchor().append(root(1));
    await anchor().append(root(1));
    expect(s3.versions).toHaveLength(1);
    expect(s3.calls).toEqual(['PutObject', 'PutObject', 'GetObject']);
  });

  it('never puts over another root, and says that there is one', async () => {
    await anchor().append(root(1));
    const other = anchor().append(root(1, 9));
    await expect(other).rejects.toThrow(AnchorConflict);
    await expect(other).rejects.toThrow(
      /s3:\/\/roots\/acme\/ holds "1 0x0101.* at acme\/0{19}1, expected "1 0x0909/,
    );
    expect(s3.versions).toHaveLength(1);
  });

  it('does not take for kept what lies there without a lock, or empty', async () => {
    s3.plant(keyOf(1), lineOf(root(1)));
    await expect(anchor().append(root(1))).rejects.toThrow(/without a lock in compliance mode/);
    s3.plant(keyOf(2), '');
    await expect(anchor().append(root(2))).rejects.toThrow(AnchorConflict);
    expect((await anchor().read())[1]).toMatchObject({ height: 2n });
  });

  it('recognises its own root also when the time of its lock is over', async () => {
    await anchor().append(root(1));
    s3.versions[0]!.until = '2020-01-01T00:00:00Z';
    await anchor().append(root(1));
    expect(s3.versions).toHaveLength(1);
  });

  it('knows how far it is, up to what the chain has', async () => {
    expect(await anchor().highest(100n)).toBe(0n);
    for (let n = 1; n <= 7; n += 1) await anchor().append(root(n));
    const asked = [0n, 1n, 6n, 7n, 8n, 1_000n].map((upTo) => anchor().highest(upTo));
    expect(await Promise.all(asked)).toEqual([0n, 1n, 6n, 7n, 7n, 7n]);
  });

  it('reads every version, also what was covered, marked as deleted, or is no root', async () => {
    s3.page = 2;
    for (const n of [1, 2, 3]) await anchor().append(root(n));
    s3.plant(keyOf(2), lineOf(root(2, 9)));
    s3.plant(keyOf(3), 'no root');
    s3.plant('acme/readme', 'not ours');
    s3.plant(`other/${keyOf(1)}`, lineOf(root(1, 9)));
    s3.markDeleted(keyOf(1));
    const read = await anchor().read();
    expect(read.slice(0, 4)).toEqual([root(1), root(2), root(2, 9), root(3)]);
    // sha256 of 'no root': no block has it.
    expect(read.slice(4)).toEqual([
      { height: 3n, hash: expect.stringMatching(/^0x[0-9a-f]{64}$/) },
    ]);
    expect(s3.calls.filter((call) => call === 'ListObjectVersions')).toHaveLength(3);
  });

  it('takes no word for the bytes of another height', async () => {
    s3.plant(keyOf(1), lineOf(root(2)));
    const [found] = await anchor().read();
    expect(found).toMatchObject({ height: 1n });
    expect(found!.hash).not.toBe(root(2).hash);
  });
});

describe('a bucket that misbehaves', () => {
  it.each<[string, Parameters<S3StandIn['faults']['set']>[1]]>([
    ['throttles', [{ kind: 'error', code: 'SlowDown', status: 503 }]],
    ['fails for a moment', [{ kind: 'error', code: 'InternalError', status: 500 }]],
    [
      'meets two puts at once',
      [{ kind: 'error', code: 'ConditionalRequestConflict', status: 409 }],
    ],
    ['does the work and loses the answer', [{ kind: 'lost' }]],
    ['says that it holds other bytes, and does not', [{ kind: 'lie' }]],
  ])('and %s is asked again until the root is kept', async (_, faults) => {
    s3.faults.set('PutObject', faults);
    await anchor().append(root(1));
    expect(s3.versions.map(({ body }) => body.toString())).toEqual([lineOf(root(1))]);
  });

  it('and answers nothing is given up in time; the next try goes on', async () => {
    s3.faults.set('PutObject', [{ kind: 'hang' }, { kind: 'hang' }, { kind: 'hang' }]);
    const hasty = { attemptMs: 100, withinMs: 200, backOffBaseMs: 1 };
    const given = anchor(hasty).append(root(1));
    await expect(given).rejects.toThrow(Transient);
    await expect(given).rejects.toThrow(/PutObject had no answer in 200 ms/);
    s3.faults.clear();
    await anchor().append(root(1));
    expect(await anchor().read()).toEqual([root(1)]);
  });

  it('and lies about what it holds is not believed', async () => {
    await anchor().append(root(1));
    s3.faults.set('GetObject', [{ kind: 'lie' }]);
    await expect(anchor().append(root(1))).rejects.toThrow(AnchorConflict);
    s3.faults.set('GetObject', [{ kind: 'lie' }]);
    const [found] = await anchor().read();
    expect(found!.hash).not.toBe<Hex>(root(1).hash);
  });

  it.each<[string, () => void, RegExp]>([
    [
      'has no Object Lock',
      () => {
        s3.objectLock = false;
      },
      /PutObject failed: InvalidRequest/,
    ],
    [
      'is closed to us',
      () => {
        s3.faults.set('PutObject', [{ kind: 'error', code: 'AccessDenied', status: 403 }]);
      },
      /PutObject failed: AccessDenied/,
    ],
  ])('and %s is told as a fault of the configuration', async (_, bend, why) => {
    bend();
    const given = anchor().append(root(1));
    await expect(given).rejects.toThrow(ConfigurationError);
    await expect(given).rejects.toThrow(why);
    expect(s3.versions).toEqual([]);
  });
});
