import { type Hex, keccak256 } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { expect } from 'vitest';
import { NodeChain } from '../../src/base/chain/index.ts';
import { Assets } from '../../src/base/config/index.ts';
import { openPool } from '../../src/base/db/index.ts';
import type { Address } from '../../src/base/kernel/index.ts';
import { Ledger } from '../../src/books/ledger/index.ts';
import { readLanes } from '../../src/books/tx/index.ts';
import { PUBLIC_DEVELOPMENT_KEYS } from '../../src/doors/dev/index.ts';
import { adoptAgain } from '../../src/hands/treasury/index.ts';
import { Installation } from './installation.ts';
import { recipient } from './laws.ts';
import { until } from './until.ts';
import { verifyOf } from './verify.ts';

const GWEI = 10n ** 9n;
export const THIEF: Address = `0x${'ee'.repeat(20)}`;
const key = privateKeyToAccount(PUBLIC_DEVELOPMENT_KEYS[1]!);
export const WORD = { by: 'a test', note: 'the key was tried elsewhere', forced: false };

/** Made by `startShared`. */
export let on: Installation;
let n = 0;

export const view = async (id: string) => (await on.call('GET', `/v1/withdrawals/${id}`)).body;
/** Above the low tier: committed at finalized. */
export const submit = async (to?: Address, more = {}): Promise<string> => {
  n += 1;
  const body = { account: 'alice', asset: 'USDC', amount: '2000', to: to ?? recipient(n), ...more };
  const answer = await on.withdraw(body);
  expect(answer.status).toBe(202);
  return answer.body['id'] as string;
};
const walked = () =>
  until('the walk to reach the latest block', async () => {
    const latest = Number(await on.anvil.rpc<string>('eth_blockNumber'));
    const [head] = await on.rows<{ latest: bigint }>('SELECT latest FROM chain_head');
    return Number(head!.latest) === latest;
  });
export const mine = async (blocks: number) => {
  for (let mined = 0; mined < blocks; mined += 1) {
    await on.anvil.mine();
    await walked();
  }
};
export const lane = async () => (await readLanes(on.owner))[0]!;
export const frozen = () =>
  until('the lane to be frozen', async () => {
    await mine(1);
    return (await lane()).pausedReason === 'foreign_nonce';
  });
/** From the lane's wallet, signed by whoever else has its key. */
export const foreignSend = async (
  nonce: bigint,
  call: { to: Address; value?: bigint; data?: Hex },
): Promise<Hex> => {
  const bytes = await key.signTransaction({
    type: 'eip1559',
    chainId: 31337,
    nonce: Number(nonce),
    gas: 100_000n,
    maxFeePerGas: 200n * GWEI,
    maxPriorityFeePerGas: 100n * GWEI,
    ...call,
  });
  expect(await on.anvil.rpc('eth_sendRawTransaction', bytes)).toBe(keccak256(bytes));
  return keccak256(bytes);
};
export const adopt = async (word: typeof WORD | null) => {
  const { settings } = on;
  const db = openPool({ url: on.databases.mainUrl, role: 'payonce_app', name: 'test', max: 2 });
  try {
    const [installation] = await on.rows<{ id: string }>(
      'SELECT installation_id AS id FROM installation',
    );
    const context = {
      db,
      ledger: new Ledger(db),
      assets: new Assets(settings.assets),
      installationId: installation!.id,
      chain: settings.chains[0]!,
      port: new NodeChain({ url: on.anvil.url }),
    };
    return await adoptAgain(context, await lane(), word);
  } finally {
    await db.end();
  }
};
export const brokenLaws = async () => {
  const { mainUrl, signerUrl } = on.databases;
  const report = await verifyOf({ mainUrl, signerUrl, nodes: [on.anvil.url] });
  return report.laws.flatMap((law) => (law.status === 'ok' ? [] : [law.law]));
};
export const told = (type: string) =>
  on.rows<{ data: Record<string, unknown> }>(
    'SELECT data FROM event WHERE type = $1 ORDER BY at, event_id',
    [type],
  );

/** An installation of one lane, whose key somebody else has too; blocks come when the test says so. */
export async function startShared(): Promise<void> {
  on = await Installation.start({
    lanes: 1,
    settings: (settings) => ({
      ...settings,
      chains: [{ ...settings.chains[0]!, resendAfterMs: 1_000 }],
    }),
  });
  await on.anvil.hold();
  await on.deposit('alice', 'USDC', '1000000');
  await on.deposit('alice', 'ETH', '20');
  await mine(10);
}
