import type { Script } from './script.ts';

/**
 * The same script with as few actions as still go wrong: pieces are left out, halves first, as long as `fails`
 * holds. At most `tries` lives.
 */
export async function shrink(
  script: Script,
  fails: (script: Script) => Promise<boolean>,
  tries = 150,
): Promise<Script> {
  let best = script;
  let left = tries;
  for (let size = Math.ceil(script.actions.length / 2); size >= 1 && left > 0; ) {
    let smaller = false;
    for (let from = 0; from < best.actions.length && left > 0; ) {
      const actions = [...best.actions.slice(0, from), ...best.actions.slice(from + size)];
      left -= 1;
      if (await fails({ ...best, actions })) {
        best = { ...best, actions };
        smaller = true;
      } else from += size;
    }
    // One by one as long as it helps.
    if (size > 1) size = Math.floor(size / 2);
    else if (!smaller) break;
  }
  return best;
}
