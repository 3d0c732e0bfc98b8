import type { FeeMarket } from '../../../base/chain/index.ts';
import { type FeeSettings, URGENCIES, type Urgency } from '../../../base/config/index.ts';

/** Wei a gas. Of a legacy transaction both are its gas price. `txType` is EIP-2718's. */
export type Price = { maxFeePerGas: bigint; maxPriorityFeePerGas: bigint; txType: 0 | 2 };

/** What a chain asks now, and what its configuration says to bid. */
export type ChainFees = { market: FeeMarket; rules: FeeSettings };

/** The percentiles of tips to ask a chain for, by urgency: half of the configured one, it, and halfway from it to 100. */
export function percentilesOf(percentile: number): number[] {
  return [percentile / 2, percentile, (percentile + 100) / 2];
}

/**
 * The bid: a multiple of the base fee, so that it stays good while that rises, and the tip that others paid of
 * late. Null when the cap (the chain's, unless told otherwise) would not even be taken now; a tip that
 * does not fit under it gives way first.
 */
export function quote(
  { market, rules }: ChainFees,
  { urgency = rules.urgency, cap = rules.maxFeePerGas }: { urgency?: Urgency; cap?: bigint } = {},
): Price | null {
  if (market.baseFeePerGas === null) return legacyQuote(market.gasPrice, rules, { urgency, cap });
  const base = market.baseFeePerGas;
  const room = cap - base;
  if (cap <= 0n || room < rules.minPriorityFeePerGas) return null;
  const tip = smaller(tipOf(market.tips, rules, urgency), room);
  const wanted = scaled(base, rules.baseFeeMultiplier, 1_000n) + tip;
  // Where nothing is asked for, one wei: a fee of zero is none that the signer knows.
  return { maxFeePerGas: smaller(larger(wanted, 1n), cap), maxPriorityFeePerGas: tip, txType: 2 };
}

/** What the next block takes at least. */
export function dueNow({ market, rules }: ChainFees): bigint {
  return market.baseFeePerGas === null
    ? market.gasPrice
    : market.baseFeePerGas + rules.minPriorityFeePerGas;
}

/** The median of what the blocks say: one block of a spike moves it no further than to the next one. */
function tipOf(tips: readonly bigint[][], rules: FeeSettings, urgency: Urgency): bigint {
  const sorted = tips
    .map((of) => of[URGENCIES.indexOf(urgency)]!)
    .sort((a, b) => (a < b ? -1 : Number(a > b)));
  return larger(sorted[Math.floor(sorted.length / 2)] ?? 0n, rules.minPriorityFeePerGas);
}

/** A legacy gas price is paid in full, so nothing is added for a rise, save where it is urgent. */
function legacyQuote(
  gasPrice: bigint,
  rules: FeeSettings,
  { urgency, cap }: { urgency: Urgency; cap: bigint },
): Price | null {
  const least = larger(larger(gasPrice, rules.minPriorityFeePerGas), 1n);
  if (least > cap) return null;
  const wanted = urgency === 'high' ? scaled(least, 5n, 4n) : least;
  const price = smaller(wanted, cap);
  return { maxFeePerGas: price, maxPriorityFeePerGas: price, txType: 0 };
}

function scaled(value: bigint, by: bigint, of: bigint): bigint {
  return (value * by + of - 1n) / of;
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
