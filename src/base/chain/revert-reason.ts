import { printable } from '../kernel/index.ts';

/** Errors without a text of their own that tokens in use give; OpenZeppelin's, by the first four bytes of their data. */
export const KNOWN_ERRORS: Readonly<Record<string, string>> = {
  '0xe450d38c': 'ERC20InsufficientBalance(address,uint256,uint256)',
  '0xfb8f41b2': 'ERC20InsufficientAllowance(address,uint256,uint256)',
  '0x96c6fd1e': 'ERC20InvalidSender(address)',
  '0xec442f05': 'ERC20InvalidReceiver(address)',
  '0x9e79f854': 'ERC20ExceededCap(uint256,uint256)',
  '0xd93c0665': 'EnforcedPause()',
  '0x118cdaa7': 'OwnableUnauthorizedAccount(address)',
  '0xe2517d3f': 'AccessControlUnauthorizedAccount(address,bytes32)',
};

/** Of Panic(uint256), as Solidity documents them. */
const PANICS: Readonly<Record<string, string>> = {
  '01': 'assertion failed',
  '11': 'arithmetic overflow',
  '12': 'division by zero',
  '21': 'no such enum value',
  '22': 'broken storage',
  '31': 'pop of an empty array',
  '32': 'index out of bounds',
  '41': 'out of memory',
  '51': 'call of an uninitialised function',
};

const ERROR_STRING = '08c379a0';
const PANIC = '4e487b71';
const WORD = 64;
/** Four bytes and whole words: no address, hash or short number has this form. */
const REVERT_DATA = /0x([0-9a-f]{8})((?:[0-9a-f]{64})*)(?![0-9a-f])/gi;
const MOST_WORDS = 200;

/**
 * Why a call reverted, out of what a node says of it: clients differ in where they put the returned data and in the
 * words around a reason, so the data counts first. One printable line of at most 200 characters.
 */
export function revertReason(said: string): string {
  const data = [...said.matchAll(REVERT_DATA)].at(-1);
  const decoded = data === undefined ? null : decode(data[1]!.toLowerCase(), data[2]!);
  return shortLine(decoded ?? wordsOf(said)) || 'no reason given';
}

function decode(selector: string, args: string): string | null {
  if (selector === ERROR_STRING) return decodeString(args);
  if (selector === PANIC && args.length === WORD) {
    const code = BigInt(`0x${args}`).toString(16).padStart(2, '0');
    return `panic 0x${code}: ${PANICS[code] ?? 'unknown'}`;
  }
  const known = KNOWN_ERRORS[`0x${selector}`];
  return known === undefined ? `custom error 0x${selector}` : known.slice(0, known.indexOf('('));
}

/** A string as the only argument: where it begins, its length, its bytes. */
function decodeString(args: string): string | null {
  const word = (at: number) => BigInt(`0x${args.slice(at * WORD, (at + 1) * WORD) || '0'}`);
  const length = Number(word(1));
  if (word(0) !== 32n || args.length < 2 * WORD + 2 * length) return null;
  const text = args.slice(2 * WORD, 2 * WORD + 2 * length);
  return Buffer.from(text, 'hex').toString('utf8');
}

const FRAMES = [
  /reverted with reason string '(.*)'/s,
  /reverted with ((?:panic code|custom error) .*)$/s,
  /(?:execution reverted|VM execution error\.?|Reverted):\s*(.*)$/is,
];

function wordsOf(said: string): string {
  for (const frame of FRAMES) {
    const inner = frame.exec(said)?.[1]?.replace(/(:\s*)?0x[0-9a-f]*…?$/i, '') ?? '';
    if (inner.trim() !== '') return inner;
  }
  return /opcode|invalid jump|out of gas/i.test(said) ? said : '';
}

/** Nodes put returned bytes into their words as they are. */
export function shortLine(text: string): string {
  const line = printable(text.replaceAll('\ufffd', ' ')).trim();
  return line.length > MOST_WORDS ? `${line.slice(0, MOST_WORDS - 1)}…` : line;
}
