import {
  type Document,
  isCollection,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
} from 'yaml';

/** A text as YAML 1.2, of which JSON is a part, that still knows where everything stands. */
export class Source {
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed;

  constructor(text: string) {
    this.#document = parseDocument(text, { prettyErrors: false, lineCounter: this.#lines });
  }

  /** What makes it no YAML; the value means nothing then. */
  get errors(): { line: number; column: number; message: string }[] {
    return [...this.#document.errors, ...this.#document.warnings].map(({ message, pos }) => ({
      ...this.#at(pos[0]),
      message: message.replace(/\.$/, ''),
    }));
  }

  /** Throws ReferenceError where aliases blow it up. */
  get value(): unknown {
    return this.#document.toJS({ maxAliasCount: 50 });
  }

  /** Where a key path (`rules[2].match.assets[0]`) stands; what is missing stands where its section begins. */
  locate(path: string): { line: number; column: number } {
    let node: Node | null = this.#document.contents;
    let offset = node?.range?.[0] ?? 0;
    for (const key of keysOf(path)) {
      const next = childOf(node, key);
      if (next === null) break;
      offset = next.offset;
      node = next.node;
    }
    return this.#at(offset);
  }

  #at(offset: number): { line: number; column: number } {
    const { line, col } = this.#lines.linePos(offset);
    return { line, column: col };
  }
}

function keysOf(path: string): (string | number)[] {
  return [...path.matchAll(/\[(\d+)\]|"((?:[^"\\]|\\.)*)"|([^.[\]]+)/g)].map(
    ([, index, quoted, plain]) => (index === undefined ? (quoted ?? plain ?? '') : Number(index)),
  );
}

/** An entry of a section stands where its key does. */
function childOf(
  node: Node | null,
  key: string | number,
): { node: Node | null; offset: number } | null {
  if (!isCollection(node)) return null;
  if (isMap(node)) {
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
    if (pair === undefined || !isScalar(pair.key)) return null;
    return { node: pair.value as Node | null, offset: pair.key.range?.[0] ?? 0 };
  }
  const item = node.items[key as number];
  if (item === undefined || isPair(item)) return null;
  return { node: item as Node, offset: (item as Node).range?.[0] ?? 0 };
}
