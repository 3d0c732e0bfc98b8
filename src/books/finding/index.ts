/**
 * Owns what the regular checks found and when each of them ran. Promises that a finding is told once, when it
 * is opened, however often it is found again, and that a check runs once at a time in an installation. A
 * crash leaves a lease that runs out, and findings as the last whole run had them.
 */
export { type Finding, recordFindings } from './findings.ts';
export { beginCheck, endCheck, readDueChecks } from './runs.ts';
