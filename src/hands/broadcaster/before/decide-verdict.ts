import {
  type GuardSettings,
  groupOfLane,
  type TreasurySettings,
} from '../../../base/config/index.ts';
import { type Address, caip19 } from '../../../base/kernel/index.ts';
import { thresholdOf } from '../../../books/approval/check.ts';
import { type DryVerdict, leavesLane, type TxRow } from '../../../books/tx/index.ts';
import type { Objection } from './decide-rescreen.ts';

type Placed = {
  tx: Pick<TxRow, 'ownerKind' | 'chainId' | 'asset' | 'amount' | 'payerAuthorization'>;
  from: Address;
};

/**
 * Whether the signer, with the configuration that is known here, asks something that may have changed since the
 * decision: approvals and their expiry, what its windows hold, how many top-ups began. Nothing else is a matter of state;
 * where its configuration is another one, everything is asked about. Pure.
 */
export function isAtRisk(
  { guard, treasury }: { guard: GuardSettings; treasury: readonly TreasurySettings[] },
  { tx, from }: Placed,
): boolean {
  if (tx.ownerKind === 'topup') return treasury.some(({ topUp }) => topUp !== null);
  const leaves = tx.ownerKind !== 'sweep' && leavesLane(tx) > 0n;
  const kind = tx.payerAuthorization === null ? 'withdrawal' : 'payment';
  const pays = leaves || kind === 'payment';
  if (pays && thresholdOf(guard.approvals.thresholds, { ...tx, kind }) !== null) return true;
  if (guard.limits.length === 0) return false;
  const group = groupOfLane(guard.walletGroups, { chainId: tx.chainId, address: from });
  // Gas counts against the limits of the native coin, whatever is paid.
  const counted = [caip19(tx.chainId, null), ...(leaves ? [tx.asset] : [])];
  return guard.limits.some(
    ({ walletGroup, asset }) => walletGroup === group && counted.includes(asset),
  );
}

type Read = { kind: 'go' } | { kind: 'ask' } | Objection;

/**
 * What a verdict says of a slot whose gas may cost `fee`; none, or one of less: to be asked. `laneId` null: on
 * any lane, since the signer's configuration, which is ours, makes no difference between those of a tenant. Pure.
 */
export function readVerdict(
  verdict: DryVerdict | undefined,
  { laneId, fee }: { laneId: number | null; fee: bigint },
): Read {
  if (verdict === undefined) return { kind: 'ask' };
  const { answer } = verdict;
  if (answer === null) return { kind: 'wait', reason: 'signer_verdict' };
  if (answer !== 'yes' && answer.code === 'policy_superseded') {
    // Came into force a moment ago: its owner decides anew.
    return { kind: 'wait', reason: 'policy_changed', soon: true };
  }
  if (answer !== 'yes') {
    const message = `${answer.code}: ${answer.message}`;
    return { kind: 'refused', code: 'signer_refused', message };
  }
  const covers = fee <= verdict.fee && (laneId === null || laneId === verdict.laneId);
  return covers ? { kind: 'go' } : { kind: 'ask' };
}
