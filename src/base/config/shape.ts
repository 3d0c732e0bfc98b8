import { type Faults, hidden, keyPath, shown } from './faults.ts';

/** What is left of a section when its faulty values are taken out: anything may be missing. */
export type Loose<T> = T extends readonly (infer Item)[]
  ? (Loose<Item> | undefined)[]
  : T extends object
    ? { [Name in keyof T]?: Loose<T[Name]> | undefined }
    : T;

/** The part of JSON Schema that our schemas use. */
type Node = {
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  description?: string;
  writeOnly?: boolean;
  enum?: readonly string[];
  anyOf?: readonly Node[];
  properties?: Record<string, Node>;
  required?: readonly string[];
  minProperties?: number;
  maxProperties?: number;
  items?: Node;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  pattern?: string;
  minimum?: number;
  maximum?: number;
};

/**
 * Fits a parsed value to its schema. Every fault is added under its key path, in our words (a generic
 * validator reports a union as a heap of alternatives, and prints values). Returns the value without
 * its faulty parts, array positions kept, so that the checks of meaning can run over the rest.
 * `path`: where the value stands, when it is a part.
 */
export function fitShape<T>(
  schema: unknown,
  value: unknown,
  faults: Faults,
  path = '',
): Loose<T> | undefined {
  return fitNode(schema as Node, value, path, faults) as Loose<T> | undefined;
}

/** The key stands there with a faulty value, which was named: what depends on it is not judged. */
export function isFaulty(section: object, key: string): boolean {
  return Object.hasOwn(section, key) && (section as Record<string, unknown>)[key] === undefined;
}

/** A list without the places whose fault was named; null where there is no list. */
export function given<Item>(list: readonly (Item | undefined)[] | undefined): Item[] | null {
  return list?.flatMap((item) => (item === undefined ? [] : [item])) ?? null;
}

function fitNode(node: Node, value: unknown, path: string, faults: Faults): unknown {
  // Anything goes: it is judged elsewhere.
  if (Object.keys(node).length === 0) return value;
  if (node.anyOf !== undefined) {
    const branch = node.anyOf.find((one) => one.type === kindOf(value));
    if (branch !== undefined) {
      const told = { ...branch, description: branch.description ?? node.description };
      return fitNode(told as Node, value, path, faults);
    }
  } else if (node.type === 'object' && isSection(value)) {
    return fitSection(node, value, path, faults);
  } else if (node.type === 'array' && Array.isArray(value)) {
    const { minItems = 0, maxItems = Infinity } = node;
    if (value.length < minItems) faults.add(path, 'an empty list', allowed(node));
    if (value.length > maxItems) faults.add(path, `${value.length} entries`, allowed(node));
    return value.map((item, index) => fitNode(node.items ?? {}, item, `${path}[${index}]`, faults));
  } else if (fitsScalar(node, value)) {
    return value;
  }
  // Text where a section belongs is most likely a secret written in the wrong place.
  const secret = node.writeOnly === true || node.type === 'object' || node.type === 'array';
  faults.add(path || '(the file)', secret ? hidden(value) : shown(value), allowed(node));
  return undefined;
}

function fitSection(
  node: Node,
  value: Record<string, unknown>,
  path: string,
  faults: Faults,
): Record<string, unknown> {
  const properties = node.properties ?? {};
  const known = Object.keys(value).filter((key) => Object.hasOwn(properties, key));
  for (const key of Object.keys(value)) {
    if (Object.hasOwn(properties, key)) continue;
    faults.add(keyPath(path, key), 'an unknown key', Object.keys(properties).join(', '));
  }
  const fitted: Record<string, unknown> = {};
  for (const [key, property] of Object.entries(properties)) {
    if (Object.hasOwn(value, key)) {
      fitted[key] = fitNode(property, value[key], keyPath(path, key), faults);
    } else if (node.required?.includes(key)) {
      faults.add(keyPath(path, key), 'nothing', allowed(property));
    }
  }
  if (known.length < (node.minProperties ?? 0) || known.length > (node.maxProperties ?? Infinity)) {
    faults.add(path, known.length === 0 ? 'no key' : known.join(', '), allowed(node));
  }
  return fitted;
}

function fitsScalar(node: Node, value: unknown): boolean {
  if (node.enum !== undefined) return typeof value === 'string' && node.enum.includes(value);
  if (node.type === 'string') {
    if (typeof value !== 'string' || value.length < (node.minLength ?? 0)) return false;
    return node.pattern === undefined || new RegExp(node.pattern, 'u').test(value);
  }
  if (node.type === 'boolean') return typeof value === 'boolean';
  if (typeof value !== 'number') return false;
  const counts = node.type === 'integer' ? Number.isSafeInteger(value) : node.type === 'number';
  return counts && value >= (node.minimum ?? -Infinity) && value <= (node.maximum ?? Infinity);
}

function allowed(node: Node): string {
  if (node.description !== undefined) return node.description;
  if (node.enum !== undefined) return node.enum.join(', ');
  if (node.properties !== undefined)
    return `a section of ${Object.keys(node.properties).join(', ')}`;
  return node.type === 'integer' ? 'a whole number' : 'text';
}

function kindOf(value: unknown): Node['type'] {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'number') return 'integer';
  if (Array.isArray(value)) return 'array';
  return isSection(value) ? 'object' : undefined;
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
