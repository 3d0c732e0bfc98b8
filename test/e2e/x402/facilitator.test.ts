import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../../../src/base/db/index.ts';
import type { Address } from '../../../src/base/kernel/index.ts';
import {
  deployToken,
  freePort,
  PUBLIC_DEVELOPMENT_KEYS,
  removePostgres,
} from '../../../src/doors/dev/index.ts';
import { startTestAnvil, type TestAnvil } from '../../support/anvil.ts';
import { guard, release } from '../../support/guard.ts';
import { testDatabases } from '../../support/postgres.ts';
import { until } from '../../support/until.ts';
import { verifyOf } from '../../support/verify.ts';
import { ask, fundedPayer, PAY_TO, PRICE, signedPayment } from '../../support/x402/payers.ts';
import { payingFetch, receiptOf, Shop } from '../../support/x402/shop.ts';

const folder = mkdtempSync(join(tmpdir(), 'payonce-facilitator-'));
guard(folder);
const IN_FLIGHT = 50;

type Started = { child: ChildProcess; url: string; text(): string; exit: Promise<number | null> };

let anvil: TestAnvil;
let token: Address;
beforeAll(async () => {
  anvil = await startTestAnvil({ blockTime: 1, slotsInEpoch: 2, gasLimit: 1_000_000_000 });
  token = await deployToken(anvil.url);
});
afterAll(async () => {
  await anvil?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const paidOut = async () => {
  const data = `0x70a08231${PAY_TO.slice(2).padStart(64, '0')}`;
  return BigInt(await anvil.rpc<string>('eth_call', { to: token, data }, 'latest'));
};

/** The command as its own process, configured by environment alone. */
async function start(over: Record<string, string>): Promise<Started> {
  const port = await freePort();
  const script = join(projectRoot(), 'scripts', 'payonce.mjs');
  const { DATABASE_URL: _, SIGNER_DATABASE_URL: __, ...inherited } = process.env;
  const env = {
    ...inherited,
    PORT: String(port),
    RPC_URL: anvil.url,
    CHAIN_ID: '31337',
    TOKEN_ADDRESS: token,
    TOKEN_NAME: 'USD Coin',
    TOKEN_VERSION: '2',
    FACILITATOR_KEY: PUBLIC_DEVELOPMENT_KEYS[1]!,
    PAY_TO,
    ALLOW_ANONYMOUS: 'true',
    ...over,
  };
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  const child = spawn(process.execPath, [script, 'facilitator'], { env, stdio });
  guard(child.pid!);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      text += chunk;
    });
  }
  const exit = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => {
      release(child.pid!);
      resolve(code);
    });
  });
  const url = `http://127.0.0.1:${port}`;
  const started = { child, url, text: () => text, exit };
  const isReady = async () =>
    (await fetch(`${url}/x402/supported`).catch(() => null))?.ok === true ||
    child.exitCode !== null;
  await until('the facilitator to be ready', isReady, 240_000).catch(() => {
    throw new Error(`not ready:\n${text}`);
  });
  return started;
}

/** Every payment settled, asking again as long as nobody knows; the hashes of what was told as a success. */
async function settleAll(urls: readonly string[], bodies: readonly unknown[]): Promise<string[]> {
  return Promise.all(
    bodies.map((body, index) => {
      const url = urls[index % urls.length]!;
      return until('an outcome', async () => {
        const answer = await ask(url, 'settle', body).catch(() => null);
        const { success, errorReason, transaction } = answer?.body ?? {};
        if (success === true || errorReason === 'duplicate_settlement') {
          return transaction as string;
        }
        if (success === false && errorReason !== 'settlement_pending') {
          throw new Error(`told ${JSON.stringify(answer)}`);
        }
        return null;
      });
    }),
  );
}

describe('payonce facilitator', () => {
  it('says what is missing all at once, and ends with 2', async () => {
    const { text, exit } = await start({ PAY_TO: '', TOKEN_NAME: '', CHAIN_ID: 'x' });
    expect(await exit).toBe(2);
    for (const name of ['PAY_TO', 'TOKEN_NAME', 'CHAIN_ID']) {
      expect(text()).toContain(`${name}: found`);
    }
  }, 300_000);

  it('is paid by unmodified packages, survives kill -9 with 50 payments in flight, and pays each once', async () => {
    const dataDir = join(folder, 'embedded');
    const first = await start({ DATA_DIR: dataDir });
    let second: Started | undefined;
    try {
      const payer = await fundedPayer(anvil, token);
      const shop = await Shop.open(first.url, token);
      const answer = await payingFetch(payer).pay(shop.url);
      expect([answer.status, receiptOf(answer).success]).toEqual([200, true]);
      await shop.close();
      const before = await paidOut();
      const bodies = await Promise.all(
        Array.from({ length: IN_FLIGHT }, () => signedPayment(payer, token)),
      );
      const lost = bodies.map((body) => ask(first.url, 'settle', body).catch(() => null));
      await until('some of them to be sent', async () => {
        const pool = await anvil.rpc<{ pending: string }>('txpool_status');
        return Number(pool.pending) > 0 || (await paidOut()) > before;
      });
      first.child.kill('SIGKILL');
      await Promise.all(lost);
      second = await start({ DATA_DIR: dataDir });
      const hashes = await settleAll([second.url], bodies);
      expect(new Set(hashes).size).toBe(IN_FLIGHT);
      expect((await paidOut()) - before).toBe(BigInt(IN_FLIGHT) * BigInt(PRICE));
      const key = PUBLIC_DEVELOPMENT_KEYS[1]!.slice(2);
      const logs = ['api', 'worker', 'signer'].map((role) =>
        readFileSync(join(dataDir, 'logs', `${role}.log`), 'utf8'),
      );
      for (const text of [first.text(), second.text(), ...logs]) expect(text).not.toContain(key);
    } finally {
      first.child.kill('SIGKILL');
      second?.child.kill('SIGTERM');
      await second?.exit;
      await removePostgres(dataDir);
    }
  }, 600_000);

  it('shares one database with another: the same payments at both are settled once', async () => {
    const { mainUrl, signerUrl } = await testDatabases();
    const shared = {
      DATABASE_URL: mainUrl,
      SIGNER_DATABASE_URL: signerUrl,
      FACILITATOR_KEY: PUBLIC_DEVELOPMENT_KEYS[2]!,
    };
    const one = await start({ ...shared, DATA_DIR: join(folder, 'one') });
    const other = await start({ ...shared, DATA_DIR: join(folder, 'other') });
    try {
      const payer = await fundedPayer(anvil, token);
      const before = await paidOut();
      const bodies = await Promise.all(
        Array.from({ length: IN_FLIGHT }, () => signedPayment(payer, token)),
      );
      const [here, there] = await Promise.all([
        settleAll([one.url, other.url], bodies),
        settleAll([other.url, one.url], bodies),
      ]);
      expect(here).toEqual(there);
      expect((await paidOut()) - before).toBe(BigInt(IN_FLIGHT) * BigInt(PRICE));
      other.child.kill('SIGKILL');
      const more = await Promise.all(Array.from({ length: 10 }, () => signedPayment(payer, token)));
      expect(new Set(await settleAll([one.url], more)).size).toBe(10);
      const report = await until('every law to hold', async () => {
        const now = await verifyOf({ mainUrl, signerUrl, nodes: [anvil.url] });
        return now.result === 'clean' && now;
      });
      expect(report.laws.filter(({ status }) => status !== 'ok')).toEqual([]);
    } finally {
      other.child.kill('SIGKILL');
      one.child.kill('SIGTERM');
      await one.exit;
    }
  }, 600_000);
});
