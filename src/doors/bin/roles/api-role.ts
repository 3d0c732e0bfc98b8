import { Assets, type Settings } from '../../../base/config/index.ts';
import { type Db, Listener, openPool } from '../../../base/db/index.ts';
import { historyEpoch, lastPosition, readAudit, readEvents } from '../../../base/event/index.ts';
import { isRefusal, type Log, systemClock } from '../../../base/kernel/index.ts';
import { KeyCache, LastUse, NonceBook, RateLimiter } from '../../../books/access/index.ts';
import { Ledger } from '../../../books/ledger/index.ts';
import { checkRuledChains, Policies, policyWorld } from '../../../books/policy/index.ts';
import { readLanes, WAKE_HEADS } from '../../../books/tx/index.ts';
import { MoveResolver } from '../../../hands/treasury/index.ts';
import { ApprovalService } from '../../../roads/approval/index.ts';
import {
  AddressBookService,
  FreezeService,
  PolicyService,
  parseSimulation,
  simulatePolicy,
} from '../../../roads/control/index.ts';
import { DepositService } from '../../../roads/deposit/index.ts';
import { exportEvidence } from '../../../roads/evidence/index.ts';
import { BreakService, orderChainResume } from '../../../roads/reconcile/index.ts';
import {
  HoldService,
  pastWithdrawals,
  WithdrawalResolver,
  WithdrawalService,
  withdrawalIntents,
} from '../../../roads/withdrawal/index.ts';
import { pastPayments, paymentIntents } from '../../../roads/x402/index.ts';
import { buildServer, eventView, type Services } from '../../http/index.ts';
import { localOrigin } from '../../public-url.ts';
import { VERSION } from '../../version.ts';
import { chainsOf, ReadinessProbe } from '../health.ts';
import { apiKeyServices } from '../services/api-keys.ts';
import { operatorServices } from '../services/operators.ts';
import { walletServices } from '../services/wallets.ts';
import { x402Services } from '../services/x402.ts';
import { databaseReady, installationOf, type RoleHandle } from './role.ts';

/** Withdrawals, and payments, in one answer: a second or two of this process, which answers others meanwhile. */
const MOST_SIMULATED = 10_000;

type ApiOptions = { settings: Settings; log: Log; port: number; host: string };

/** The HTTP role: accepts, reserves, reads. Stateless; any number may run beside each other. */
export async function startApi({ settings, log, port, host }: ApiOptions): Promise<RoleHandle> {
  const db = openPool({
    url: settings.database.url,
    role: 'payonce_app',
    name: 'payonce-api',
    keepPlans: true,
    max: settings.database.poolSize,
  });
  await databaseReady(db, 'main', log);
  await checkRuledChains(
    db,
    settings.chains.map(({ id }) => id),
  );
  const readiness = new ReadinessProbe(settings, systemClock);
  const listener = new Listener({
    url: settings.database.url,
    role: 'payonce_app',
    name: 'payonce-api-listen',
  });
  const readers = new Set<() => void>();
  listener.on('payonce_event', () => {
    for (const wake of readers) wake();
  });
  const keys = new KeyCache({ sql: db, clock: systemClock, feed: listener });
  keys.start();
  const lastUse = new LastUse({ sql: db, clock: systemClock, log });
  lastUse.start();
  let listening = port;
  const origin = () => settings.http.publicUrl ?? localOrigin(listening);
  const { services, withdrawals } = await servicesOf(settings, db, log, readers);
  const x402 = x402Services(db, settings, log, origin);
  listener.on(WAKE_HEADS, x402.headMoved);
  await listener.start();
  const server = await buildServer({
    services: {
      ...services,
      ...x402.services,
      ...operatorServices(db, origin),
      authenticate: (bearer) => keys.authenticate(bearer),
      rateLimits: new RateLimiter({ clock: systemClock, ...settings.http.rateLimits }),
      noteUse: (keyId, from) => lastUse.note(keyId, from),
      readiness: () => readiness.tell(),
    },
    log,
    version: VERSION,
    bodyLimitBytes: settings.http.bodyLimitBytes,
    trustedProxies: settings.http.trustedProxies,
  });
  await server.listen({ host, port });
  const address = server.addresses()[0];
  if (typeof address === 'object') listening = address.port;
  return {
    ...(typeof address === 'object' ? { port: address.port } : {}),
    async stop() {
      // Requests under way are answered first: an accepted one is in the database or its answer says so.
      await server.close();
      await Promise.all([withdrawals.drain(), x402.drain()]);
      await Promise.all([keys.stop(), lastUse.stop()]);
      await listener.stop();
      await Promise.all([db.end(), readiness.stop()]);
    },
  };
}

function policyServices(settings: Settings, db: Db, log: Log): Services['policies'] {
  const delayMs = settings.policy.looseningDelayMs;
  const service = new PolicyService({ db, world: policyWorld(settings), delayMs, log });
  return {
    list: (page) => service.list(page),
    get: (id) => service.get(id),
    diff: (body) => service.diff(body),
    draft: (order) => service.draft(order),
    propose: (id, order) => service.propose(id, order),
    confirm: (id, order) => service.confirm(id, order),
    veto: (id, order) => service.veto(id, order),
  };
}

type DatabaseServices = Omit<
  Services,
  | 'authenticate'
  | 'noteUse'
  | 'operators'
  | 'rateLimits'
  | 'readiness'
  | 'sessions'
  | 'x402'
  | 'gateway'
>;

async function servicesOf(
  settings: Settings,
  db: Db,
  log: Log,
  readers: Set<() => void>,
): Promise<{ services: DatabaseServices; withdrawals: WithdrawalService }> {
  const assets = new Assets(settings.assets);
  const ledger = new Ledger(db);
  const installationId = await installationOf(db);
  const withdrawals = new WithdrawalService({
    db,
    ledger,
    assets,
    installationId,
    policyVersion: settings.policyVersion,
    settings,
    policies: new Policies(),
    log,
    clock: systemClock,
    fees: new Map(settings.chains.map((chain) => [chain.chainId, chain.fees])),
    rules: { assets, lanes: settings.lanes, now: () => Date.now() },
  });
  const deposits = new DepositService({ db, ledger, assets });
  const { chains } = settings;
  const moves = new MoveResolver({ db, ledger });
  const owners = {
    withdrawal: new WithdrawalResolver({ db, ledger }),
    ...{ topup: moves, sweep: moves },
  };
  const breaks = new BreakService({ db, ledger, assets, chains, owners });
  const nonces = new NonceBook({ sql: db, clock: systemClock });
  const services: DatabaseServices = {
    submit: (tenantId, requests) => withdrawals.submit(tenantId, requests),
    get: (tenantId, id) => withdrawals.get(tenantId, id),
    list: (tenantId, filter, page) => withdrawals.list(tenantId, filter, page),
    waitFor: (tenantId, id, status, timeoutMs, signal) =>
      withdrawals.waitFor(tenantId, id, status, timeoutMs, signal),
    evidence: (tenantId, withdrawalId) => exportEvidence(db, { tenantId, withdrawalId }),
    cancel: (tenantId, id) => withdrawals.cancel(tenantId, id),
    speedUp: (tenantId, id, request) => withdrawals.speedUp(tenantId, id, request),
    deposit: (tenantId, request) => deposits.deposit(tenantId, request),
    balances: (tenantId, account, at) => deposits.balances(tenantId, account, at),
    transfers: (tenantId, account, page) => deposits.transfers(tenantId, account, page),
    events: async (tenantId, after, limit) =>
      (await readEvents(db, { tenantId, after, limit })).map(eventView),
    lastPosition: (tenantId) => lastPosition(db, tenantId),
    audit: (tenantId, filter, page) => readAudit(db, { tenantId, ...filter, ...page }),
    historyEpoch: () => historyEpoch(db),
    onEvents(callback) {
      readers.add(callback);
      return () => readers.delete(callback);
    },
    chains: (tenantId) => chainsOf(db, settings, tenantId),
    wallets: walletServices(db, settings),
    approvals: new ApprovalService({
      ...{ db, settings },
      intents: {
        withdrawal: (sql, ids) => withdrawalIntents(sql, installationId, ids),
        payment: paymentIntents,
      },
    }),
    holds: new HoldService({ db }),
    preview: (tenantId, request) => withdrawals.preview(tenantId, request),
    simulate: async (tenantId, body) => {
      const asked = parseSimulation(body, policyWorld(settings));
      if (isRefusal(asked)) return asked;
      const sources = [pastWithdrawals({ assets, settings }), pastPayments({ assets, settings })];
      return simulatePolicy(sources, db, { ...asked, tenantId, most: MOST_SIMULATED });
    },
    breaks: (tenantId, filter, page) => breaks.list(tenantId, filter, page),
    readBreak: (tenantId, id) => breaks.get(tenantId, id),
    resolveBreak: (by, id, said) => breaks.resolve(by.tenantId, id, { by, ...said }),
    resumeChain: async (by, id, body) => {
      const chain = chains.find((one) => one.id === id);
      const lanes = chain === undefined ? [] : await readLanes(db, chain.chainId);
      // Whoever has no wallet there has no say.
      if (!lanes.some((lane) => lane.tenantId === by.tenantId)) return null;
      return orderChainResume(db, chain!, { by, body });
    },
    apiKeys: apiKeyServices(db, settings),
    addressBook: new AddressBookService(db),
    policies: policyServices(settings, db, log),
    freezes: new FreezeService({ db, assets, chains, log }),
    takeNonce: (claim) => nonces.take(claim),
  };
  return { services, withdrawals };
}
