import { Assets, type Settings } from '../../../base/config/index.ts';
import type { Db } from '../../../base/db/index.ts';
import type { Log } from '../../../base/kernel/index.ts';
import { listTenants } from '../../../books/access/index.ts';
import { notePaid } from '../../../books/destination/index.ts';
import { readDueChecks } from '../../../books/finding/index.ts';
import { activateDue, type Policies } from '../../../books/policy/index.ts';
import { checkFunds, topUpLanes } from '../../../hands/treasury/index.ts';
import { booksChecks, type Check, runCheck } from '../../../roads/reconcile/index.ts';
import type { SupersededWatch } from '../../../roads/withdrawal/index.ts';
import { installationOf } from '../roles/role.ts';

/** How often what is due is asked for, in one query; a lane that runs dry is to be told soon. */
export const CHECKS_MS = 15_000;

type Scheduled = { check: Check; everyMs: number };

/** The checks of a worker; each runs once at a time in the installation, whatever workers there are. */
function scheduleOf({ db, log, settings }: { db: Db; log: Log; settings: Settings }): Scheduled[] {
  const { everyMs, stuckAfterMs, reconcileEveryMs } = settings.checks;
  const progress = (text: string) => log.debug({ check: 'reconcile' }, text);
  const books = booksChecks(db, { stuckAfterMs, progress });
  const watched =
    settings.treasury.length > 0 ||
    settings.lanes.some((lane) => lane.minGas > 0n || lane.minBalances.length > 0);
  const funds: Check = {
    name: 'funds',
    run: async () => {
      const found = await checkFunds(db, settings.lanes);
      await topUpLanes(await movesContext(db, settings));
      return found;
    },
  };
  return [
    { check: books['status-check'], everyMs },
    { check: books['verify-sent'], everyMs },
    { check: books.reconcile, everyMs: reconcileEveryMs },
    { check: funds, everyMs: watched ? CHECKS_MS : everyMs },
  ].filter((scheduled) => scheduled.everyMs > 0);
}

export async function movesContext(db: Db, settings: Settings) {
  const { lanes, treasury } = settings;
  const assets = new Assets(settings.assets);
  return { db, assets, lanes, treasury, installationId: await installationOf(db) };
}

export async function runDueChecks(worker: {
  db: Db;
  log: Log;
  settings: Settings;
  owner: string;
}): Promise<boolean> {
  const schedule = scheduleOf(worker);
  const due = await readDueChecks(
    worker.db,
    schedule.map(({ check, everyMs }) => ({ check: check.name, everyMs })),
  );
  for (const { check, everyMs } of schedule) {
    if (due.includes(check.name)) await runCheck(worker, check, everyMs);
  }
  return false;
}

/** Lets changes of the policy rule whose delay is over, and what waits on an older one be decided again. */
export async function tendPolicies(db: Db, superseded: SupersededWatch): Promise<boolean> {
  await activateDue(db, async () => (await listTenants(db)).map(({ tenantId }) => tenantId));
  await superseded.round(db);
  return false;
}

/** Whom tenants have paid is known as soon as a rule asks what looks like it. */
export async function notePaidDestinations(db: Db, policies: Policies): Promise<boolean> {
  const policy = await policies.present(db);
  return policy?.asksLookAlike === true && notePaid(db);
}
