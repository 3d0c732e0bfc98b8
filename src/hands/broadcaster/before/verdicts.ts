import type { Settings } from '../../../base/config/index.ts';
import type { Db } from '../../../base/db/index.ts';
import { askSigner, othersRule, readVerdicts, type TxRow } from '../../../books/tx/index.ts';
import type { Price } from '../gas/quote.ts';
import type { Lane } from '../observe.ts';
import type { Objection } from './decide-rescreen.ts';
import { isAtRisk, readVerdict } from './decide-verdict.ts';

/** A transaction with all that its slot would have. */
type Placed = { tx: TxRow; lane: Lane; price: Price; gasLimit: bigint };

type Context = {
  db: Db;
  settings: Pick<Settings, 'guard' | 'treasury'>;
  rulesDigest: Buffer;
};

/**
 * What the signer has against these transactions, by transaction, or that it was not heard yet: those that it might
 * refuse are asked about before they have a slot, which would have to be filled. Those without a risk cost nothing but one
 * look at whose rules hold. Outside of any transaction; a crash leaves at most questions asked.
 */
export async function readDryVerdicts(
  { db, settings, rulesDigest }: Context,
  placed: readonly Placed[],
): Promise<Map<string, Objection>> {
  if (placed.length === 0) return new Map();
  const all = await othersRule(db, rulesDigest);
  const risky = placed.filter(
    ({ tx, lane }) => all || isAtRisk(settings, { tx, from: lane.address }),
  );
  const verdicts = await readVerdicts(
    db,
    risky.map(({ tx }) => tx.txId),
  );
  const objections = new Map<string, Objection>();
  const asked: Placed[] = [];
  for (const one of risky) {
    const { tx, lane, price, gasLimit } = one;
    const slot = { laneId: all ? lane.state.laneId : null, fee: gasLimit * price.maxFeePerGas };
    const read = readVerdict(verdicts.get(tx.txId), slot);
    if (read.kind === 'ask') {
      asked.push(one);
      objections.set(tx.txId, { kind: 'wait', reason: 'signer_verdict', soon: true });
    } else if (read.kind !== 'go') objections.set(tx.txId, read);
  }
  await askSigner(
    db,
    asked.map(({ tx: { txId }, lane: { state }, price, gasLimit }) => {
      return { txId, laneId: state.laneId, gasLimit, ...price };
    }),
  );
  return objections;
}
