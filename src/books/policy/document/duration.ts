const MINUTE = 60_000;
const UNITS = { m: MINUTE, h: 60 * MINUTE, d: 1_440 * MINUTE } as const;
const SHORT = /^([1-9]\d{0,5})([mhd])$/;
// Months and years have no fixed length.
const ISO = /^P(?:(\d{1,3})W|(?:(\d{1,3})D)?(?:T(?=\d)(?:(\d{1,5})H)?(?:(\d{1,6})M)?)?)$/;
const LONGEST = 400 * UNITS.d;

/** ms of "24h", "30d", "15m" or ISO 8601 "PT24H", "P30D", "P1DT12H"; null when it is none from a minute to 400 days. */
export function parseDuration(text: string): number | null {
  const short = SHORT.exec(text);
  const iso = ISO.exec(text);
  let ms = 0;
  if (short !== null) ms = Number(short[1]) * UNITS[short[2] as keyof typeof UNITS];
  else if (iso !== null) {
    const [weeks, days, hours, minutes] = iso.slice(1).map((part) => Number(part ?? 0));
    ms = (weeks! * 7 + days!) * UNITS.d + hours! * UNITS.h + minutes! * MINUTE;
  }
  return ms >= MINUTE && ms <= LONGEST ? ms : null;
}

/** In the largest unit that fits: "24h", "90m", "30d". */
export function tellDuration(ms: number): string {
  if (ms % UNITS.d === 0 && ms > UNITS.d) return `${ms / UNITS.d}d`;
  return ms % UNITS.h === 0 ? `${ms / UNITS.h}h` : `${ms / MINUTE}m`;
}
