import { type Fault, type Refusal, type RefusalCode, refuse } from './errors.ts';

/** What a field may be, in words; where they must be put together, a function, asked only when there is a fault. */
type Expected = string | (() => string);

/** The fields of one body, and the faults found while reading them. */
export class Fields {
  readonly faults: Fault[] = [];
  readonly #body: Record<string, unknown>;

  constructor(body: Record<string, unknown>) {
    this.#body = body;
  }

  /** A string that `read` accepts; else a fault. Optional fields may be absent or null. */
  text<T>(
    name: string,
    rule: { code: RefusalCode; expected: Expected; optional?: boolean },
    read: (text: string) => T | undefined,
  ): T | null {
    const value = this.#body[name];
    if (value === undefined || value === null) {
      if (rule.optional !== true) this.fault(name, 'invalid_request', value, rule.expected);
      return null;
    }
    const result = typeof value === 'string' ? read(value) : undefined;
    if (result === undefined) {
      this.fault(name, rule.code, value, rule.expected);
      return null;
    }
    return result;
  }

  /** A name that somebody else gave: 1 to 255 characters without control characters or lone surrogates. */
  label(name: string, optional = false): string | null {
    const expected = '1 to 255 characters without control characters';
    return this.text(name, { code: 'invalid_request', expected, optional }, (text) =>
      text.length >= 1 && text.length <= 255 && wellFormed(text) && !hasControl(text)
        ? text
        : undefined,
    );
  }

  raw(name: string): unknown {
    return this.#body[name];
  }

  fault(name: string, code: RefusalCode, value: unknown, expected: Expected): void {
    this.faults.push({
      pointer: `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
      code,
      got: showValue(value),
      expected: typeof expected === 'string' ? expected : expected(),
    });
  }
}

/** Runs `read` over a JSON object with known fields only; null from it, or any fault, is a refusal. */
export function parseForm<T>(
  body: unknown,
  known: ReadonlySet<string>,
  read: (fields: Fields) => T | null,
): T | Refusal {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return refuse('invalid_request', `The body is ${showValue(body)}; expected a JSON object.`, {
      faults: [
        { pointer: '', code: 'invalid_request', got: showValue(body), expected: 'a JSON object' },
      ],
    });
  }
  const fields = new Fields(body as Record<string, unknown>);
  for (const name of Object.keys(body)) {
    if (!known.has(name))
      fields.fault(name, 'unknown_field', name, `one of ${[...known].join(', ')}`);
  }
  const form = read(fields);
  if (fields.faults.length === 0 && form !== null) return form;
  const codes = new Set(fields.faults.map((fault) => fault.code));
  const [only] = codes;
  const code = codes.size === 1 && only !== undefined ? only : 'invalid_request';
  const first = fields.faults[0];
  const more =
    fields.faults.length > 1 ? ` (and ${fields.faults.length - 1} more, see errors)` : '';
  const detail =
    first === undefined
      ? 'The request is not usable.'
      : `${first.pointer} is ${first.got}; expected ${first.expected}${more}.`;
  return refuse(code, detail, { faults: fields.faults });
}

/** A value as an answer may quote it: short, one line. */
export function showValue(value: unknown): string {
  if (value === undefined) return 'missing';
  // Not written out: it may be large, and nested deeper than a writer can follow.
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** True when the text survives UTF-8: no lone surrogates. */
export function wellFormed(text: string): boolean {
  return Buffer.from(text, 'utf8').toString('utf8') === text;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\x00-\x1f\x7f]/;

function hasControl(text: string): boolean {
  return CONTROL.test(text);
}

/** Somebody else's words as one line without control characters: a NUL is no text for PostgreSQL. */
export function printable(text: string): string {
  return CONTROL.test(text) ? text.split(CONTROL).filter(Boolean).join(' ') : text;
}
