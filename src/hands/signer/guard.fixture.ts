import type { GuardSettings } from '../../base/config/index.ts';

/** Nobody is asked, nothing is limited. */
export const NO_GUARD: GuardSettings = {
  approvals: { approvers: [], groups: [], thresholds: [], webauthn: null, expireAfterMs: 1 },
  walletGroups: [],
  limits: [],
};
