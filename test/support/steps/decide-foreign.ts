import { Assets } from '../../../src/base/config/index.ts';
import { Ledger } from '../../../src/books/ledger/index.ts';
import { BreakService } from '../../../src/roads/reconcile/index.ts';
import { WithdrawalResolver } from '../../../src/roads/withdrawal/index.ts';
import type { Road } from './road.ts';

/** What two persons say of every transaction that is not ours and may have paid: by its nonce, so that a life repeats it. */
export async function decideForeign(road: Road): Promise<void> {
  const { tenantId, settings, persons, wires } = road;
  const { app: db } = wires;
  const ledger = new Ledger(db);
  const owners = { withdrawal: new WithdrawalResolver({ db, ledger }) };
  const assets = new Assets(settings.assets);
  const breaks = new BreakService({ db, ledger, assets, chains: settings.chains, owners });
  const open = await breaks.list(tenantId, { state: 'open' }, { limit: 100, before: null });
  for (const { id, kind, detail } of open) {
    if (kind !== 'foreign_payment') continue;
    const nonce = BigInt(String(detail['nonceKey']).split(':').at(-1)!);
    const body = { action: nonce % 2n === 0n ? 'commit' : 'release', evidence: 'seen' };
    for (const personId of persons) {
      await breaks.resolve(tenantId, id, { by: { personId, tenantId }, body, correlationId: 'c' });
    }
  }
}
