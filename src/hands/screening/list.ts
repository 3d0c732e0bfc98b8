import { readFile, stat } from 'node:fs/promises';
import { type Address, messageOf, parseAddress } from '../../base/kernel/index.ts';
import type { Risk } from '../../books/destination/index.ts';
import type { RiskProvider } from './port.ts';

const LINE = /^(\S+)(?:\s+([a-z_][a-z0-9_]{0,63})(?:\s+(100|[1-9]?[0-9]))?)?$/;

/**
 * A file of addresses, one a line: `0x… [category] [score]`, `sanctions` and 100 unless told; `#` begins a comment.
 * An address counts on every chain. Throws Error that names the first line that is none: half a list is none.
 */
export function parseList(text: string): Map<Address, Risk> {
  const risks = new Map<Address, Risk>();
  text.split('\n').forEach((raw, index) => {
    const line = raw.replace(/#.*/, '').trim();
    if (line === '') return;
    const [, word = '', category = 'sanctions', score = '100'] = LINE.exec(line) ?? [];
    const address = parseAddress(word);
    if (address === 'syntax' || address === 'checksum') {
      throw new Error(`line ${index + 1} is not an address, with a category and a score behind it`);
    }
    const risk: Risk = { score: Number(score), category, source: 'list' };
    risks.set(address, worse(risks.get(address), risk));
  });
  return risks;
}

/** Lists are put together from several: the later line of an address takes nothing back. */
function worse(before: Risk | undefined, risk: Risk): Risk {
  if (before === undefined) return risk;
  const rank = ({ category, score }: Risk) => (category === 'sanctions' ? 1_000 : 0) + score;
  return rank(before) >= rank(risk) ? before : risk;
}

const CLEAR: Risk = { score: 0, category: null, source: 'list' };

/** Reads the file again whenever it has changed. While it can not be read nothing is said of anybody. */
export function staticList(file: string): RiskProvider {
  let known: { version: string; risks: ReadonlyMap<Address, Risk> } | null = null;
  const risksNow = async () => {
    const { mtimeMs, size, ino } = await stat(file);
    const version = `${mtimeMs} ${size} ${ino}`;
    if (known?.version !== version) {
      known = { version, risks: parseList(await readFile(file, 'utf8')) };
    }
    return known.risks;
  };
  return {
    name: 'list',
    room: 1_000,
    withinMs: 5_000,
    async ask(places) {
      try {
        const risks = await risksNow();
        return places.map(({ address }) => risks.get(address) ?? CLEAR);
      } catch (error) {
        const failure = `the list can not be read: ${messageOf(error)}`;
        return places.map(() => ({ failure }));
      }
    },
  };
}
