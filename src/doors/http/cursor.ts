import { isUuid, type Refusal, refuse } from '../../base/kernel/index.ts';

/**
 * A cursor is base64url of the list's kind, the tenant, what else names the list, and the place.
 * Opaque to clients; one that was made for another list or tenant is refused, since it would page
 * past rows silently.
 */
export type List =
  | {
      kind:
        | 'withdrawals'
        | 'breaks'
        | 'api-keys'
        | 'freezes'
        | 'approvals'
        | 'holds'
        | 'address-book'
        | 'audit'
        | 'policies';
      tenantId: string;
    }
  | { kind: 'transfers'; tenantId: string; account: string }
  | { kind: 'usage'; tenantId: string; merchant: string }
  | { kind: 'events'; tenantId: string; epoch: string };

/** No part may hold the separator: kinds, uuids, account names and numbers do not. */
const SEPARATOR = '|';

function nameOf(list: List): string {
  return [list.kind, list.tenantId, extraOf(list), ''].join(SEPARATOR);
}

function extraOf(list: List): string {
  if (list.kind === 'transfers') return list.account;
  if (list.kind === 'usage') return list.merchant;
  return list.kind === 'events' ? list.epoch : '';
}

export function encodeCursor(list: List, place: string): string {
  return Buffer.from(nameOf(list) + place, 'latin1').toString('base64url');
}

function decode(list: List, cursor: string): string | null {
  if (cursor.length > 1024) return null;
  const bytes = Buffer.from(cursor, 'base64url');
  // Buffer skips characters that are not base64url; only what we would have written is ours.
  if (bytes.toString('base64url') !== cursor) return null;
  const text = bytes.toString('latin1');
  const name = nameOf(list);
  return text.startsWith(name) ? text.slice(name.length) : null;
}

export const INVALID_CURSOR = refuse(
  'invalid_cursor',
  'The cursor is not one that this list gave to this tenant, or the history began anew since. Use the cursor of an earlier answer, or none to start over.',
);

/** The row id that the page ends before. */
export function readIdCursor(list: List, cursor: string): string | Refusal {
  const place = decode(list, cursor);
  return place !== null && isUuid(place) ? place : INVALID_CURSOR;
}

/** The position of the event that was seen last. */
export function readPositionCursor(list: List, cursor: string): bigint | Refusal {
  const place = decode(list, cursor);
  return place !== null && /^(0|[1-9]\d{0,17})$/.test(place) ? BigInt(place) : INVALID_CURSOR;
}
