// `npm run example:x402`: an agent buys a report from a shop over HTTP 402, asks again without paying again, and gets its
// money back. Sets up everything it needs by itself; killed at any moment, it can be run again.
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectFolder } from '../../src/doors/dev/index.ts';
import { Agent, receiptOf } from './agent.ts';
import { type Local, startInstallation } from './installation.ts';
import { openShop } from './shop.ts';

const PRICE = 10_000n;
const POCKET = 5_000_000n;
const TIMEOUT_MS = 120_000;

const say = (line: string) => console.log(line);
const dollars = (amount: bigint) => `${(Number(amount) / 1e6).toFixed(2)} USDC`;

class Disagreement extends Error {}

function expect(what: string, found: unknown, wanted: unknown): void {
  if (found === wanted) return;
  throw new Disagreement(`${what}: found ${String(found)}, expected ${String(wanted)}`);
}

async function main(stateDir: string): Promise<void> {
  say('setting up: PostgreSQL, a development chain, api, worker, signer …');
  const local = await startInstallation(stateDir);
  try {
    await story(local);
  } finally {
    await local.end();
  }
}

async function story(local: Local): Promise<void> {
  const { dev, shopKey } = local;
  const { address: token } = dev.assets.find(({ id }) => id === 'USDC')!;
  const [chain] = dev.chains;
  const network = `eip155:${chain!.chainId}` as const;
  const agent = new Agent(network, { rpcUrl: chain!.rpcUrls[0]!, token: token! });
  await agent.mint(POCKET);
  const shop = await openShop(
    { network, asset: token!, amount: PRICE.toString(), payTo: dev.merchantPayTo! },
    { url: `${dev.apiUrl}/x402`, apiKey: shopKey },
  );
  try {
    const before = await earned(local);
    say(`a shop sells a report for ${dollars(PRICE)}; an agent has ${dollars(POCKET)}`);

    const unpaid = await fetch(shop.url);
    expect('the answer without a payment', unpaid.status, 402);
    say(`1  asks without paying               402 Payment Required, ${network}`);

    const order = { headers: { 'idempotency-key': `report-${agent.address}` } };
    const paid = await agent.pay(shop.url, order);
    expect('the answer to a payment', paid.status, 200);
    const { transaction, paymentId } = receiptOf(paid);
    say(`2  pays                              200, ${transaction}`);
    await tell(local, agent, before, POCKET - PRICE);

    const headers = { 'payment-signature': agent.payment, ...order.headers };
    const asked = Array.from({ length: 20 }, () => fetch(shop.url, { headers }));
    const again = await Promise.all(asked);
    expect('answers of 200', again.filter(({ status }) => status === 200).length, 20);
    say('3  asks 20 times with that payment   20 x 200, nothing charged');
    const anew = await agent.pay(shop.url, order);
    expect('the answer to what is signed anew', anew.status, 200);
    expect('its transaction', receiptOf(anew).transaction, transaction);
    expect('runs of the shop’s handler', shop.served(), 1);
    say('4  signs anew under the same key     200, nothing charged; the shop worked once');
    await tell(local, agent, before, POCKET - PRICE);

    say('   the payment becomes final …');
    await refund(local, paymentId);
    say(`5  gets its money back               refund of payment ${paymentId}`);
    await tell(local, agent, before, POCKET);
    expect('payonce verify', await local.payonce('verify'), 0);
    say('ledger, journal and chain agree (payonce verify)');
  } finally {
    shop.close();
  }
}

/** What each has, by the chain and by the ledger. */
async function tell(local: Local, agent: Agent, before: bigint, wanted: bigint): Promise<void> {
  const found = await agent.balance();
  expect('the agent’s balance on the chain', found, wanted);
  const shop = await until('the shop’s balance', async () => {
    const now = (await earned(local)) - before;
    return now === POCKET - wanted ? now : null;
  });
  say(`   the agent has ${dollars(found)}, the shop ${dollars(shop)} more than before`);
}

/** What the shop is owed, in the ledger. */
async function earned(local: Local): Promise<bigint> {
  const { status, body } = await call(local, 'GET', '/v1/merchants/shop/balances');
  if (status === 404) return 0n;
  const { balances = [] } = body as { balances?: Record<string, string>[] };
  const usdc = balances.find(({ asset }) => asset === 'USDC');
  return BigInt(usdc?.['pendingAtomic'] ?? 0) + BigInt(usdc?.['availableAtomic'] ?? 0);
}

async function refund(local: Local, paymentId: string): Promise<void> {
  const path = `/v1/payments/${paymentId}/refunds`;
  const key = { 'idempotency-key': `refund-${paymentId}` };
  await until('the refund to be taken', async () => {
    const { status, body } = await call(local, 'POST', path, { reason: 'the agent wants it' }, key);
    if (status < 300) return true;
    if (body['code'] === 'not_refundable') return null;
    throw new Disagreement(`the refund was refused: ${JSON.stringify(body)}`);
  });
  await until('the refund to be paid', async () => {
    const { body } = await call(local, 'GET', path);
    const [made] = body['items'] as { status: string }[];
    return made?.status === 'PAID' ? true : null;
  });
}

async function call(
  { dev, shopKey }: Local,
  method: string,
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(`${dev.apiUrl}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${shopKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

async function until<Found>(what: string, look: () => Promise<Found | null>): Promise<Found> {
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (performance.now() > deadline) throw new Disagreement(`${what} was waited for in vain`);
    await sleep(300);
  }
}

const [flag, folder] = process.argv.slice(2);
const stateDir = flag === '--state-dir' ? folder : join(projectFolder(), '.payonce-example');
main(resolve(stateDir!)).then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(`example: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  },
);
