/**
 * Owns the words: machines, errors, money, bytes, addresses, clock, log context. Knows nothing of
 * payments, has no state and no I/O; a crash here means nothing.
 */
export * from './bytes.ts';
export * from './clock.ts';
export * from './errors.ts';
export * from './evm.ts';
export * from './form.ts';
export * from './keccak.ts';
export * from './log.ts';
export * from './machine.ts';
export * from './money.ts';
export * from './network.ts';
export * from './web.ts';
