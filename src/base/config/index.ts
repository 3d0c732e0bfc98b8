/**
 * Owns the configuration: the file's schema, secrets by environment or file, and the typed settings
 * that every process runs on. Promises that a file with any fault starts nothing, that all faults are
 * told at once by key path, and that no fault or description shows a secret. Reads files at the start
 * only and has no state; a crash here means that the process did not start.
 */
export { readAddress, readAmount } from './assets.ts';
export { DEVELOPMENT_CHAIN_ID } from './chains.ts';
export { describeSettings } from './describe.ts';
export { DEVELOPMENT_TENANT, DEVELOPMENT_UPSTREAMS, developmentSettings } from './development.ts';
export { isDevelopmentKey } from './development-keys.ts';
export { Faults, shown } from './faults.ts';
export { signingRulesDigest } from './guard/digest.ts';
export { groupOfLane, walletGroupOf } from './guard/groups.ts';
export type {
  ApprovalSettings,
  ApproverSettings,
  GuardSettings,
  LimitSettings,
  Quorum,
  Requirement,
} from './guard/settings.ts';
export { readSettings } from './read.ts';
export { configSchema } from './schema/schema.ts';
export type { ScreeningProviderSettings, ScreeningSettings } from './screening/settings.ts';
export {
  type AnchorSettings,
  type AssetSettings,
  Assets,
  type ChainSettings,
  type EndpointRole,
  type EndpointSettings,
  endpointNames,
  type FeeSettings,
  type KeySettings,
  type LaneSettings,
  type MerchantSettings,
  type Offer,
  quorumOf,
  type RateLimit,
  type Settings,
  type Tier,
  type TreasurySettings,
  URGENCIES,
  type Urgency,
} from './settings.ts';
export { fitShape, given, type Loose } from './shape.ts';
