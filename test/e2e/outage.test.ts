import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient, runOutLeases, tokenPayments } from '../support/laws.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

/** The statement as the driver sends it; the ledger's own statements hold the word too. */
const COMMIT = 'COMMIT\0';

/** Every wire of the installation goes through a proxy of its own, so that each can be lost alone. */
describe('an outage', () => {
  let on: Installation;
  let apiDatabase: TcpProxy;
  let workerDatabase: TcpProxy;
  let journal: TcpProxy;
  let chain: TcpProxy;
  let sent = 0;

  beforeAll(async () => {
    on = await Installation.make({
      lanes: 2,
      blockTime: 0.1,
      settings: async (settings) => {
        apiDatabase = await TcpProxy.start(settings.database.url);
        workerDatabase = await TcpProxy.start(settings.database.url);
        journal = await TcpProxy.start(settings.signer!.databaseUrl);
        chain = await TcpProxy.start(settings.chains[0]!.rpc[0]!.url);
        const rpc = { url: chain.url(settings.chains[0]!.rpc[0]!.url), roles: ['read', 'send'] };
        return {
          ...settings,
          chains: [{ ...settings.chains[0]!, rpc: [rpc as never], resendAfterMs: 1_000 }],
        };
      },
      roleSettings: (role, settings) => ({
        ...settings,
        database: {
          ...settings.database,
          url: (role === 'api' ? apiDatabase : workerDatabase).url(settings.database.url),
        },
        signer: settings.signer && {
          ...settings.signer,
          databaseUrl: journal.url(settings.signer.databaseUrl),
        },
      }),
    });
    await on.startApi();
    await on.deposit('alice', 'USDC', '100000');
    await on.deposit('alice', 'ETH', '10');
  });
  afterAll(async () => {
    await on?.stop();
    for (const proxy of [apiDatabase, workerDatabase, journal, chain]) await proxy?.stop();
  });

  const order = () => {
    sent += 1;
    return { account: 'alice', asset: 'USDC', amount: '2', to: recipient(sent) };
  };
  const submit = async (count: number) => {
    const orders = Array.from({ length: count }, order);
    const answers = await Promise.all(orders.map((body) => on.withdraw(body)));
    expect(answers.map((answer) => answer.status)).toEqual(orders.map(() => 202));
    return answers.map((answer, n) => ({ id: answer.body['id'] as string, to: orders[n]!.to }));
  };
  const completed = async (made: readonly { id: string; to: string }[]) => {
    const ageing = setInterval(() => void runOutLeases(on), 2_000);
    await quiet(on).finally(() => clearInterval(ageing));
    for (const { id } of made) expect((await on.waitFor(id))['status']).toBe('COMPLETED');
    const paid = await tokenPayments(on);
    for (const { to } of made) expect([to, paid.get(to)]).toEqual([to, [2_000_000n]]);
  };
  const view = async (id: string) => (await on.call('GET', `/v1/withdrawals/${id}`)).body;

  it('of the chain at the start: requests are accepted and reserved, and say why they wait', async () => {
    chain.down();
    await on.startSigner();
    await on.startWorker();
    const made = await submit(5);
    for (const { id } of made) {
      const waiting = await until('a reason', async () => (await view(id))['waiting']);
      expect(waiting).toMatchObject({ reason: 'chain_unreachable' });
      expect((await view(id))['status']).toBe('APPROVED');
    }
    const { body } = await on.call('GET', '/v1/accounts/alice/balances');
    expect(body['balances']).toContainEqual(
      expect.objectContaining({ asset: 'USDC', reserved: '12.5' }),
    );
    expect((await on.call('GET', '/readyz')).status).toBe(200);
    chain.up();
    await completed(made);
    await expectLaws(on);
  });

  it('of the chain in flight, lost answers to sends included', async () => {
    const lost = chain.loseAnswer('eth_sendRawTransaction');
    const early = await submit(20);
    await lost;
    chain.down();
    const late = await submit(20);
    const waiting = await until('a reason', async () => (await view(late[0]!.id))['waiting']);
    expect(waiting).toMatchObject({ reason: 'chain_unreachable' });
    chain.up();
    await completed([...early, ...late]);
    await expectLaws(on);
  });

  it('of a node that keeps its connections and says nothing', async () => {
    chain.silence();
    const made = await submit(3);
    await until(
      'the first to be past its policy',
      async () => (await view(made[0]!.id))['status'] === 'APPROVED',
    );
    chain.speak();
    chain.cut();
    await completed(made);
  });

  it('of the node itself, which is suspended', async () => {
    process.kill(on.anvil.pid, 'SIGSTOP');
    let made: Awaited<ReturnType<typeof submit>>;
    try {
      made = await submit(5);
    } finally {
      process.kill(on.anvil.pid, 'SIGCONT');
    }
    await completed(made);
  });

  it('of the database of the api: 503, nothing happened, and it goes on when it is back', async () => {
    apiDatabase.down();
    const body = order();
    const refusals = async (): Promise<Answer[]> => [
      await on.withdraw(body, 'while-away'),
      await on.call('POST', '/v1/withdrawals/batch', {
        withdrawals: [{ idempotencyKey: 'while-away', ...body }],
      }),
      await on.call('GET', '/v1/withdrawals'),
      await on.call('GET', '/v1/accounts/alice/balances'),
      await on.call('GET', '/v1/events'),
      await on.call(
        'POST',
        '/v1/deposits',
        { account: 'alice', asset: 'USDC', amount: '1', reference: 'away' },
        { 'idempotency-key': 'away' },
      ),
    ];
    for (const answer of [...(await refusals()), ...(await refusals())]) {
      expect([answer.status, answer.body]).toMatchObject([
        503,
        { code: 'unavailable', outcome: 'none', retryable: true },
      ]);
      expect(answer.headers.get('retry-after')).toBe('1');
    }
    expect((await on.call('GET', '/readyz')).status).toBe(503);
    expect((await on.call('GET', '/healthz')).status).toBe(200);
    const stored = await on.rows(`SELECT 1 FROM withdrawal WHERE idempotency_key = 'while-away'`);
    expect(stored).toEqual([]);
    apiDatabase.up();
    const answer = await until('the api to be back', async () => {
      const again = await on.withdraw(body, 'while-away');
      return again.status === 202 && again;
    });
    expect((await on.call('GET', '/readyz')).status).toBe(200);
    await completed([{ id: answer.body['id'] as string, to: body.to }]);
  });

  it('that swallows the answer to a COMMIT: unknown, and the same key gives the truth', async () => {
    const body = order();
    const lost = apiDatabase.loseAnswer(COMMIT);
    const answer = await on.withdraw(body, 'lost-commit');
    await lost;
    expect([answer.status, answer.body]).toMatchObject([
      503,
      { code: 'unavailable', outcome: 'unknown', retryable: true },
    ]);
    const again = await on.withdraw(body, 'lost-commit');
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([202, 'true']);
    await completed([{ id: again.body['id'] as string, to: body.to }]);
  });

  it('that cuts the connection before a COMMIT is delivered: the same key makes it once', async () => {
    const body = order();
    const lost = apiDatabase.loseRequest(COMMIT);
    const answer = await on.withdraw(body, 'cut-commit');
    await lost;
    expect([answer.status, answer.body['outcome']]).toEqual([503, 'unknown']);
    const again = await on.withdraw(body, 'cut-commit');
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([202, null]);
    await completed([{ id: again.body['id'] as string, to: body.to }]);
  });

  it('that swallows the COMMITs of worker and signer, one after the other', async () => {
    const made = await submit(30);
    for (let n = 0; n < 12; n += 1) await workerDatabase.loseAnswer(COMMIT);
    await completed(made);
    await expectLaws(on);
  });

  it('of the database of worker and signer in the middle of a burst', async () => {
    const made = await submit(60);
    await until('the first bytes to be out', async () => {
      const [row] = await on.rows<{ n: bigint }>('SELECT count(*) AS n FROM attempt');
      return row!.n > 0n;
    });
    workerDatabase.down();
    const late = await submit(20);
    workerDatabase.up();
    await completed([...made, ...late]);
    await expectLaws(on);
  });

  it("of the signer's journal: slots wait, and are signed when it is back", async () => {
    journal.down();
    const made = await submit(10);
    await until('slots', async () => {
      const [row] = await on.rows<{ n: bigint }>(
        `SELECT count(*) AS n FROM tx WHERE status = 'SLOTTED' AND owner_id = ANY($1::uuid[])`,
        [made.map(({ id }) => id)],
      );
      return row!.n === 10n;
    });
    journal.up();
    await completed(made);
    await expectLaws(on);
  });

  it('of the signer process, with claims that it left behind', async () => {
    await on.stopRole('signer');
    const made = await submit(5);
    await until('orders', async () => {
      // As one that died after its claim leaves them.
      const claimed = await on.rows(
        `UPDATE signature_request r SET claimed_by = 'gone', claimed_at = now() - interval '31 seconds'
         FROM tx t WHERE t.tx_id = r.tx_id AND t.owner_id = ANY($1::uuid[]) RETURNING r.tx_id`,
        [made.map(({ id }) => id)],
      );
      return claimed.length === 5;
    });
    await on.startSigner();
    await completed(made);
    await expectLaws(on);
  });

  it('of the worker, stopped and started again in the middle of a burst', async () => {
    const made: { id: string; to: string }[] = [];
    for (let round = 0; round < 4; round += 1) {
      made.push(...(await submit(40)));
      await on.stopRole('worker');
      await on.startWorker();
    }
    await completed(made);
    await expectLaws(on);
    expect((await tokenPayments(on)).size).toBe(sent);
  });
});
