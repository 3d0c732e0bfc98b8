import { type TSchema, Type } from 'typebox';
import { type Fault, parseInstant, type Refusal, refuse } from '../../base/kernel/index.ts';

/** One query parameter: its schema for OpenAPI, and the reader that holds requests to it. */
type Parameter<T> = {
  schema: TSchema;
  expected: string;
  /** Undefined when the text is not what is expected. */
  read(text: string): T | undefined;
};

type Parameters = Record<string, Parameter<unknown>>;
type Read<P extends Parameters> = {
  [Name in keyof P]?: Exclude<ReturnType<P[Name]['read']>, undefined>;
};

export function matching(
  pattern: RegExp,
  expected: string,
  options: { description: string; fold?: boolean },
): Parameter<string> {
  return {
    schema: Type.String({ pattern: pattern.source, description: options.description }),
    expected,
    read: (text) => {
      if (!pattern.test(text)) return undefined;
      return options.fold ? text.toLowerCase() : text;
    },
  };
}

export function oneOf<const T extends string>(
  values: readonly T[],
  description: string,
): Parameter<T> {
  return {
    schema: Type.Unsafe<T>({ type: 'string', enum: values, description }),
    expected: `one of ${values.join(', ')}`,
    read: (text) => values.find((value) => value === text),
  };
}

export function integer(bounds: {
  from: number;
  to: number;
  default: number;
  description: string;
}): Parameter<number> {
  const { from, to, description } = bounds;
  return {
    schema: Type.Integer({ minimum: from, maximum: to, default: bounds.default, description }),
    expected: `an integer from ${from} to ${to}`,
    read: (text) => {
      const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
      return value >= from && value <= to ? value : undefined;
    },
  };
}

export function instant(description: string): Parameter<Date> {
  return {
    schema: Type.String({ format: 'date-time', description }),
    expected: 'an RFC 3339 time such as 2026-01-31T12:00:00Z',
    read: (text) => {
      const at = parseInstant(text);
      return at === undefined ? undefined : new Date(at);
    },
  };
}

/** The object schema of the parameters, for the route. */
export function querySchema(parameters: Parameters): TSchema {
  const entries = Object.entries(parameters);
  return Type.Object(
    Object.fromEntries(entries.map(([name, { schema }]) => [name, Type.Optional(schema)])),
    { additionalProperties: false },
  );
}

/** Reads a query string. Every fault is listed; a parameter that does not exist is one. */
export function readQuery<P extends Parameters>(parameters: P, query: unknown): Read<P> | Refusal {
  const read: Record<string, unknown> = {};
  const faults: Fault[] = [];
  for (const [name, given] of Object.entries(query as Record<string, string | string[]>)) {
    const pointer = `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const got = String(given).slice(0, 100);
    const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    if (parameter === undefined) {
      const expected = `one of ${Object.keys(parameters).join(', ') || 'no parameters'}`;
      faults.push({ pointer, code: 'unknown_field', got: name.slice(0, 100), expected });
      continue;
    }
    const value = typeof given === 'string' ? parameter.read(given) : undefined;
    if (value === undefined) {
      const expected = typeof given === 'string' ? parameter.expected : 'the parameter once';
      faults.push({ pointer, code: 'invalid_request', got, expected });
    } else read[name] = value;
  }
  if (faults.length === 0) return read as Read<P>;
  const unknown = faults.find((fault) => fault.code === 'unknown_field');
  const first = unknown ?? faults[0]!;
  const detail =
    unknown === undefined
      ? `The query parameter ${first.pointer.slice(1)} is "${first.got}"; expected is ${first.expected}.`
      : `There is no query parameter ${first.got} here; known are: ${first.expected}.`;
  return refuse(first.code, detail, { faults });
}
