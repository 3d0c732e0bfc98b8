/**
 * The part of Structured Fields (RFC 8941) that RFC 9421 and RFC 9530 need: dictionaries of inner lists of strings
 * with parameters, and of byte sequences. Only canonical values are taken, so what a signer wrote is what is signed.
 */

/** As it stands in the field, and what it means. */
type Value = { raw: string; value: string | number | boolean };
type Parameters = Map<string, Value>;
type Component = { name: string; raw: string; plain: boolean };
export type InnerList = { components: Component[]; parameters: Parameters };

const KEY = /[a-z*][a-z0-9_.*-]*/y;
const STRING = /"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"/y;
const INTEGER = /-?(?:0|[1-9]\d{0,14})(?![\d.])/y;
const TOKEN = /[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*/y;
const BYTES = /:([A-Za-z0-9+/]*={0,2}):/y;

class NotReadable extends Error {}

class Reader {
  #at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text.trim();
  }

  /** The match at this place, which is then behind it; undefined, and nothing moves. */
  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at += match[0].length;
    return match;
  }

  need(pattern: RegExp): RegExpExecArray {
    const match = this.take(pattern);
    if (match === undefined) throw new NotReadable();
    return match;
  }

  get ended(): boolean {
    return this.#at === this.#text.length;
  }
}

/** By label; null when the field can not be read, or has a label twice. */
export function readInnerLists(field: string): Map<string, InnerList> | null {
  return readDictionary(field, readInnerList);
}

/** Byte sequences without parameters. */
export function readBytes(field: string): Map<string, Buffer> | null {
  return readDictionary(field, (reader) => {
    const text = reader.need(BYTES)[1]!;
    const bytes = Buffer.from(text, 'base64');
    if (bytes.toString('base64') !== text) throw new NotReadable();
    return bytes;
  });
}

function readDictionary<T>(field: string, read: (reader: Reader) => T): Map<string, T> | null {
  const reader = new Reader(field);
  const members = new Map<string, T>();
  try {
    for (;;) {
      const label = reader.need(KEY)[0];
      reader.need(/=/y);
      if (members.has(label)) return null;
      members.set(label, read(reader));
      if (reader.ended) return members;
      reader.need(/[ \t]*,[ \t]*/y);
    }
  } catch (error) {
    if (error instanceof NotReadable) return null;
    throw error;
  }
}

function readInnerList(reader: Reader): InnerList {
  const components: Component[] = [];
  reader.need(/\( */y);
  while (reader.take(/\)/y) === undefined) {
    const [raw, name] = reader.need(STRING);
    components.push({ name: name!, raw, plain: readParameters(reader).size === 0 });
    if (reader.take(/(?=\))/y) === undefined) reader.need(/ +/y);
  }
  return { components, parameters: readParameters(reader) };
}

function readParameters(reader: Reader): Parameters {
  const parameters: Parameters = new Map();
  while (reader.take(/; */y) !== undefined) {
    const name = reader.need(KEY)[0];
    if (parameters.has(name)) throw new NotReadable();
    const valued = reader.take(/=/y) !== undefined;
    parameters.set(name, valued ? readValue(reader) : { raw: '', value: true });
  }
  return parameters;
}

function readValue(reader: Reader): Value {
  const string = reader.take(STRING);
  if (string !== undefined) return { raw: string[0], value: string[1]!.replaceAll(/\\(.)/g, '$1') };
  const integer = reader.take(INTEGER);
  if (integer !== undefined) return { raw: integer[0], value: Number(integer[0]) };
  const raw = (reader.take(TOKEN) ?? reader.take(BYTES) ?? reader.need(/\?0/y))[0];
  return { raw, value: raw };
}

/** The value of `@signature-params`. */
export function writeInnerList({ components, parameters }: InnerList): string {
  const list = components.map(({ raw }) => raw).join(' ');
  const rest = [...parameters].map(([name, { raw }]) => `;${name}${raw === '' ? '' : `=${raw}`}`);
  return `(${list})${rest.join('')}`;
}
