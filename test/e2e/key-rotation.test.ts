import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Settings } from '../../src/base/config/index.ts';
import { fromHex } from '../../src/base/kernel/index.ts';
import { readWallets } from '../../src/hands/treasury/index.ts';
import { AwsStandIn } from '../support/aws-stand-in.ts';
import { Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient } from '../support/laws.ts';
import { until } from '../support/until.ts';

let aws: AwsStandIn;
let on: Installation;
/** What the worker's configuration says of the first lane. */
let retired = false;

/** The second lane's key lies in a KMS. */
function inKms(settings: Settings): Settings {
  const keys = settings.signer!.keys.map((key, index) => {
    if (index === 0 || key.kind !== 'development') return key;
    aws.keys.set('alias/new', { secret: fromHex(key.privateKey), highS: true });
    const kind = 'kms' as const;
    return { id: key.id, kind, keyId: 'alias/new', requestsPerSecond: 1_000, ...aws.place };
  });
  return { ...settings, signer: { ...settings.signer!, keys } };
}

function withRetired(settings: Settings): Settings {
  const [first, ...rest] = settings.lanes;
  return retired ? { ...settings, lanes: [{ ...first!, retired }, ...rest] } : settings;
}

beforeAll(async () => {
  aws = await AwsStandIn.start();
  on = await Installation.start({
    lanes: 2,
    settings: inKms,
    roleSettings: (_role, settings) => withRetired(settings),
  });
  await on.deposit('alice', 'USDC', '1000');
});
afterAll(async () => {
  await on?.stop();
  await aws.stop();
});

it('a retired lane brings what it has begun to its end and gives no slots, which the new lane does, with a KMS key', async () => {
  const submit = async (n: number) => {
    const body = { account: 'alice', asset: 'USDC', amount: '1', to: recipient(n) };
    return (await on.withdraw(body)).body['id'] as string;
  };
  const laneOf = (view: Record<string, unknown>) => String(view['nonceKey']).split(':')[1];
  const [old, young] = on.settings.lanes.map(({ address }) => address);

  await on.stopRole('signer');
  const begun = await submit(0);
  const slotted = async () =>
    (await on.call('GET', `/v1/withdrawals/${begun}`)).body['nonceKey'] !== null;
  await until('a slot', slotted);
  retired = true;
  await on.stopRole('worker');
  await on.startWorker();
  await on.startSigner();

  const later = await Promise.all(Array.from({ length: 20 }, (_, n) => submit(n + 1)));
  const first = await on.waitFor(begun);
  expect([first['status'], laneOf(first)]).toEqual(['COMPLETED', old]);
  for (const id of later) {
    const done = await on.waitFor(id);
    expect([done['status'], laneOf(done)]).toEqual(['COMPLETED', young]);
  }
  expect(aws.calls.filter((call) => call === 'Sign')).toHaveLength(later.length);
  const wallets = await readWallets(on.owner, withRetired(on.settings), null);
  expect(wallets.map((wallet) => wallet.retired)).toEqual([true, false]);
  await quiet(on);
  await expectLaws(on);
});
