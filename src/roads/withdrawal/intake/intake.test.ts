import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MainDatabase } from '../../../../test/support/main-database.ts';
import { COMMIT, TcpProxy } from '../../../../test/support/tcp-proxy.ts';
import { Assets, developmentSettings } from '../../../base/config/index.ts';
import { type Db, inTransaction } from '../../../base/db/index.ts';
import { silentLog, systemClock, Transient, UnknownOutcome } from '../../../base/kernel/index.ts';
import { depositTransfer, Ledger, replayBreaks } from '../../../books/ledger/index.ts';
import { Policies } from '../../../books/policy/index.ts';
import { type Verdict, WithdrawalService } from '../index.ts';

const USDC = 1_000_000n;
const settings = developmentSettings({
  databaseUrl: '',
  signerDatabaseUrl: null,
  rpcUrl: '',
  token: `0x${'22'.repeat(20)}`,
  lanes: [],
});
const assets = new Assets(settings.assets);
const [usdc] = settings.assets;

let at: MainDatabase;
let account: string;
beforeAll(async () => {
  at = await MainDatabase.start();
});
beforeEach(() => {
  account = `a-${randomUUID()}`;
});
afterAll(() => at.stop());

/** One more process. */
const serviceOn = (db: Db, rules: object = {}): WithdrawalService =>
  new WithdrawalService({
    db,
    ledger: new Ledger(db),
    assets,
    installationId: 'i',
    policyVersion: settings.policyVersion,
    settings,
    policies: new Policies(),
    log: silentLog,
    clock: systemClock,
    fees: new Map(),
    rules: { assets, lanes: [], now: Date.now, ...rules },
  });

async function deposit(amount: bigint): Promise<void> {
  await at.app.query(
    'INSERT INTO account (tenant_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING',
    [at.tenantId, account],
  );
  const ledger = new Ledger(at.app);
  const asset = usdc!.caip19;
  const { tenantId } = at;
  const transfer = depositTransfer({
    tenantId,
    depositId: randomUUID(),
    account,
    asset,
    amount,
    correlationId: 'c',
  });
  await ledger.open([transfer]);
  await ledger.openAccounts([{ tenantId, kind: 'reserved', owner: account, asset }]);
  await inTransaction(at.app, async (sql) => {
    await ledger.lock(sql, [transfer]);
    await ledger.post(sql, [transfer]);
  });
}
const request = (more: Record<string, unknown> = {}, idempotencyKey: string = randomUUID()) => ({
  idempotencyKey,
  correlationId: `c-${idempotencyKey}`,
  body: { account, asset: 'USDC', amount: '1', to: `0x${'55'.repeat(20)}`, ...more },
});
const told = (verdict: Verdict) =>
  verdict.kind === 'refused'
    ? `${verdict.refusal.code}${verdict.replayed ? ' replayed' : ''}`
    : verdict.kind;
const idOf = (verdict: Verdict) => (verdict.kind === 'refused' ? null : verdict.view.id);
const reserves = async () =>
  (
    await at.rows<{ n: number }>(
      `SELECT count(*)::int AS n FROM withdrawal w JOIN reserve USING (withdrawal_id) WHERE w.account = $1`,
      [account],
    )
  )[0]!.n;

describe('intake', () => {
  it('makes one withdrawal of a hundred equal requests at once on two processes', async () => {
    await deposit(1_000n * USDC);
    const services = [serviceOn(at.app), serviceOn(at.pool('payonce_app'))];
    const equal = request({}, `k-${randomUUID()}`);
    const verdicts = (
      await Promise.all(
        Array.from({ length: 100 }, (_, n) => services[n % 2]!.submit(at.tenantId, [equal])),
      )
    ).flat();
    expect(new Set(verdicts.map(idOf)).size).toBe(1);
    expect(verdicts.map(told).filter((kind) => kind === 'created')).toHaveLength(1);
    expect(verdicts.map(told).filter((kind) => kind === 'replayed')).toHaveLength(99);
    const fixed = verdicts.map((verdict) => {
      if (verdict.kind === 'refused') throw new Error('refused');
      const {
        id,
        amount,
        to,
        account: of,
        correlationId,
        createdAt,
        idempotencyKey,
      } = verdict.view;
      return JSON.stringify({ id, amount, to, of, correlationId, createdAt, idempotencyKey });
    });
    expect(new Set(fixed).size).toBe(1);
    expect(await reserves()).toBe(1);
  });

  it('answers a replay in the same flush as its first, and other content with a conflict', async () => {
    await deposit(1_000n * USDC);
    const key = randomUUID();
    const service = serviceOn(at.app);
    const verdicts = await service.submit(at.tenantId, [
      request({}, key),
      request({}, key),
      request({ amount: '2' }, key),
      request({ amount: '1.0' }, key),
    ]);
    expect(verdicts.map(told)).toEqual([
      'created',
      'replayed',
      'idempotency_key_conflict',
      'replayed',
    ]);
    expect(new Set(verdicts.map(idOf).filter((id) => id !== null)).size).toBe(1);
    expect(await reserves()).toBe(1);
  });

  it('never shows more reserved than was deposited, however many ask at once', async () => {
    const amount = 100n * USDC;
    await deposit(amount);
    const services = [serviceOn(at.app), serviceOn(at.pool('payonce_app'))];
    let sampling = true;
    let samples = 0;
    const sampler = (async () => {
      const client = await at.owner.connect();
      do {
        await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
        const { rows } = await client.query<{
          available: bigint;
          reserved: bigint;
          promised: bigint;
        }>(
          `SELECT (SELECT balance FROM ledger_account WHERE kind = 'available' AND owner = $1) AS available,
             (SELECT balance FROM ledger_account WHERE kind = 'reserved' AND owner = $1) AS reserved,
             (SELECT coalesce(sum(amount + fee), 0) FROM withdrawal WHERE account = $1 AND status <> 'REJECTED') AS promised`,
          [account],
        );
        await client.query('COMMIT');
        const { available, reserved, promised } = rows[0]!;
        expect(available + reserved).toBe(amount);
        expect(promised).toBe(reserved);
        expect(reserved).toBeLessThanOrEqual(amount);
        samples += 1;
      } while (sampling);
      client.release();
    })();
    // 200 times 1.5 of 100: two thirds of them can not be covered.
    const verdicts = (
      await Promise.all(
        Array.from({ length: 200 }, (_, n) => services[n % 2]!.submit(at.tenantId, [request()])),
      )
    ).flat();
    sampling = false;
    await sampler;
    expect(samples).toBeGreaterThan(0);
    const kinds = verdicts.map(told);
    expect(kinds.filter((kind) => kind === 'created')).toHaveLength(66);
    expect(kinds.filter((kind) => kind === 'insufficient_balance')).toHaveLength(134);
    expect(await replayBreaks(at.app)).toEqual([]);
  });

  it('stores a no for the key: a later deposit does not change the answer', async () => {
    await deposit(USDC);
    const service = serviceOn(at.app);
    const poor = request({ amount: '1' });
    const above = request({ amount: '100001' });
    const first = await service.submit(at.tenantId, [poor, above, poor]);
    expect(first.map(told)).toEqual([
      'insufficient_balance',
      'amount_above_limit',
      'insufficient_balance replayed',
    ]);
    await deposit(1_000_000n * USDC);
    const again = await service.submit(at.tenantId, [poor, above]);
    expect(again.map(told)).toEqual([
      'insufficient_balance replayed',
      'amount_above_limit replayed',
    ]);
    expect(again[0]).toMatchObject({
      refusal: { members: { available: '1', required: '1.5' } },
    });
    expect(await service.submit(at.tenantId, [request()]).then((v) => v.map(told))).toEqual([
      'created',
    ]);
  });

  it('judges an order whose key came earlier in its group by what is stored, not by its neighbour', async () => {
    await deposit(10n * USDC);
    const service = serviceOn(at.app);
    const stored = request();
    await service.submit(at.tenantId, [stored]);
    const other = { ...stored, body: { ...(stored.body as object), amount: '2' } };
    const verdicts = await service.submit(at.tenantId, [other, stored, other]);
    expect(verdicts.map(told)).toEqual([
      'idempotency_key_conflict',
      'replayed',
      'idempotency_key_conflict',
    ]);
  });

  it('that is repeated late, or when its asset is gone, is told of what its key has', async () => {
    await deposit(10n * USDC);
    const first = request({ expiresAt: new Date(Date.now() + 3_600_000).toISOString() });
    await serviceOn(at.app).submit(at.tenantId, [first]);
    const batch = [first, { ...first, body: { ...first.body, amount: '2' } }, request(first.body)];
    const rules = [{ now: () => Date.now() + 7_200_000 }, { assets: new Assets([]) }];
    const answers = rules.map((other) => serviceOn(at.app, other).submit(at.tenantId, batch));
    const conflict = 'idempotency_key_conflict';
    expect((await Promise.all(answers)).map((verdicts) => verdicts.map(told))).toEqual([
      ['replayed', conflict, 'invalid_request'],
      [conflict, conflict, 'unknown_asset'],
    ]);
  });

  it('stores nothing for an unknown account or an external id that is taken', async () => {
    const service = serviceOn(at.app);
    const early = request();
    expect((await service.submit(at.tenantId, [early])).map(told)).toEqual(['account_not_found']);
    await deposit(1_000n * USDC);
    expect((await service.submit(at.tenantId, [early])).map(told)).toEqual(['created']);
    const externalId = randomUUID();
    const contender = request({ externalId });
    const batch = await service.submit(at.tenantId, [
      request({ externalId }),
      contender,
      request(),
    ]);
    expect(batch.map(told)).toEqual(['created', 'external_id_conflict', 'created']);
    const later = await service.submit(at.tenantId, [
      contender,
      { ...contender, body: { ...contender.body, externalId: randomUUID() } },
    ]);
    expect(later.map(told)).toEqual(['external_id_conflict', 'created']);
    expect(await reserves()).toBe(4);
  });

  it('whose COMMIT was not answered says so, and the same key then gives the truth', async () => {
    await deposit(1_000n * USDC);
    const proxy = await TcpProxy.start(at.databases.mainUrl);
    const service = serviceOn(at.pool('payonce_app', 2, proxy.url(at.databases.mainUrl)));
    const [happened, not, away] = [request(), request(), request()];
    const lost = proxy.loseAnswer(COMMIT);
    await expect(service.submit(at.tenantId, [happened])).rejects.toBeInstanceOf(UnknownOutcome);
    await lost;
    proxy.loseRequest(COMMIT);
    await expect(service.submit(at.tenantId, [not])).rejects.toBeInstanceOf(UnknownOutcome);
    proxy.down();
    await expect(service.submit(at.tenantId, [away])).rejects.toBeInstanceOf(Transient);
    proxy.up();
    const verdicts = await service.submit(at.tenantId, [happened, not, away]);
    expect(verdicts.map(told)).toEqual(['replayed', 'created', 'created']);
    expect(await reserves()).toBe(3);
    proxy.cut();
    await proxy.stop();
  });

  it('refuses to cancel what belongs to another tenant, and cancels once what is nobody’s yet', async () => {
    await deposit(1_000n * USDC);
    const service = serviceOn(at.app);
    const [verdict] = await service.submit(at.tenantId, [request()]);
    const id = idOf(verdict!)!;
    const stranger = await at.tenant(`t-${randomUUID()}`);
    expect(await service.cancel(stranger, id)).toMatchObject({ code: 'not_found' });
    expect(await service.get(stranger, id)).toBeNull();
    const both = await Promise.all([
      service.cancel(at.tenantId, id),
      service.cancel(at.tenantId, id),
    ]);
    expect(both).toMatchObject([{ status: 'CANCELLED' }, { status: 'CANCELLED' }]);
    const resolutions = await at.rows(
      'SELECT resolution FROM reserve_resolution WHERE withdrawal_id = $1',
      [id],
    );
    expect(resolutions).toEqual([{ resolution: 'RELEASE' }]);
    expect(await replayBreaks(at.app)).toEqual([]);
  });
});
