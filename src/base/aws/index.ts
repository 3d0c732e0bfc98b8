/**
 * Owns how AWS services are called: so many requests at a time and a second, tried again with full jitter for so long,
 * and what an error of an SDK client means. Promises that a refusal is not asked again, that a throttled request slows
 * all, and that no answer in time is said as such. Knows no service; the SDK's clients are its callers'. No state
 * outlives the process.
 */
export { AWS_LIMITS, AwsCalls, type AwsLimits } from './calls.ts';
