import type { Fields } from '../../base/kernel/index.ts';

/** Why: of every order, for whoever asks later. */
export function readReason(fields: Fields): string | null {
  const reason = fields.label('reason');
  if (reason === null || reason.trim() !== '') return reason;
  fields.fault('reason', 'invalid_request', reason, '1 to 255 characters that say why');
  return null;
}
