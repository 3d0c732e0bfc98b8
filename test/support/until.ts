/**
 * The first value of `check` that is neither undefined, null nor false. Asked every 20 ms until the
 * deadline on the monotonic clock; then throws with what was waited for.
 */
export async function until<T>(
  what: string,
  check: () => Promise<T | undefined | null | false>,
  ms = 90_000,
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== null && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`waited ${ms} ms for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
