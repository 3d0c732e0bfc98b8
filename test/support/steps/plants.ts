import { bend, split } from './points/bend.ts';
import type { Wires } from './processes.ts';

/** A fault that a test plants into how processes reach the world, to see it found. */
export type Plant = (wires: Wires) => Wires;

/** A cancel looks whether the signature was asked for, and does not take the order away. */
export const hastyCancel: Plant = (wires) => ({
  ...wires,
  app: bend(wires.app, 'tx_stop_slotted', (text) =>
    text
      .replace(
        'UPDATE signature_request r SET cancelled_at = now() FROM wanted w',
        'SELECT r.tx_id FROM signature_request r, wanted w',
      )
      .replace('RETURNING r.tx_id', ''),
  ),
});

/** A settle does not hold the chain's head while it acts. */
export const looseHead: Plant = (wires) => ({
  ...wires,
  app: bend(wires.app, 'head_lock_share', () => 'SELECT 1 WHERE $1::bigint[] IS NOT NULL'),
});

/** What a block held stays included when the block is gone. */
export const noOrphans: Plant = (wires) => ({
  ...wires,
  app: bend(wires.app, 'inclusion_orphans', (text) => `${text} LIMIT 0`),
});

/** Bytes that the chain has lost are neither sent again nor outbid. */
export const noResend: Plant = (wires) => {
  const resent = bend(wires.app, 'attempt_resend', (text) =>
    text.replace('LIMIT $3', 'LIMIT 0 * $3'),
  );
  const outbid = bend(resent, 'slot_passed_over', (text) =>
    text.replace('LIMIT $4', 'LIMIT 0 * $4'),
  );
  return { ...wires, app: outbid };
};

/** The end of a withdrawal and its postings are two transactions. */
export const tornEnd: Plant = (wires) => ({
  ...wires,
  app: split(wires.app, 'advance_withdrawal'),
});

/** A payment whose nonce somebody else used ends, and is released, before that use is final: both look whether it is. */
export const hastyReplaced: Plant = (wires) => {
  const hasty = (text: string) => text.replace('AND f.block_number <= h.finalized', '');
  return { ...wires, app: bend(bend(wires.app, 'foreign_final', hasty), 'tx_settled', hasty) };
};

/** What is known of a payment is not looked for before the chain is asked about it. */
export const blindToPayments: Plant = (wires) => ({
  ...wires,
  app: bend(wires.app, 'payment_look_up', (text) => `${text} LIMIT 0`),
});

/** A success is told to whoever asks. */
export const toldToAll: Plant = (wires) => ({
  ...wires,
  app: bend(wires.app, 'payment_deliver', (text) =>
    text
      .replace('AND p.delivered_at IS NULL', '')
      .replace('AND (p.delivering_until IS NULL OR p.delivering_until < now())', ''),
  ),
});
