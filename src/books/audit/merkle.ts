import { hash } from 'node:crypto';

/** RFC 6962, 2.1: SHA-256, with leaves and inner nodes hashed apart, so that none can pass for the other. */
const LEAF = Buffer.from([0]);
const NODE = Buffer.from([1]);

const sha256 = (bytes: Buffer): Buffer => hash('sha256', bytes, 'buffer');

export function leafHash(text: string): Buffer {
  return sha256(Buffer.concat([LEAF, Buffer.from(text, 'utf8')]));
}

function nodeHash(left: Buffer, right: Buffer): Buffer {
  return sha256(Buffer.concat([NODE, left, right]));
}

/** The levels of a tree from its leaves up; what is alone at the end of a level goes up as it is. */
function* levels(leaves: readonly Buffer[]): Generator<readonly Buffer[]> {
  let level = leaves;
  yield level;
  while (level.length > 1) {
    const above: Buffer[] = [];
    for (let at = 0; at < level.length; at += 2) {
      const right = level[at + 1];
      above.push(right === undefined ? level[at]! : nodeHash(level[at]!, right));
    }
    level = above;
    yield level;
  }
}

/** The root over hashes of leaves, of which there is at least one. */
export function merkleRoot(leaves: readonly Buffer[]): Buffer {
  let root: Buffer | undefined;
  for (const level of levels(leaves)) root = level[0];
  if (root === undefined) throw new RangeError('a tree has at least one leaf');
  return root;
}

/** The neighbours on the way from a leaf to the root. */
export function merklePath(leaves: readonly Buffer[], index: number): Buffer[] {
  const path: Buffer[] = [];
  let at = index;
  for (const level of levels(leaves)) {
    const neighbour = level[at ^ 1];
    if (neighbour !== undefined && level.length > 1) path.push(neighbour);
    at >>= 1;
  }
  return path;
}

/** The root that a leaf and its path lead to in a tree of `size` leaves; null where they fit no such tree. */
export function rootOfPath(
  leaf: Buffer,
  { index, size, path }: { index: number; size: number; path: readonly Buffer[] },
): Buffer | null {
  if (!(index >= 0 && index < size)) return null;
  const rest = [...path];
  let [at, last, node] = [index, size - 1, leaf];
  while (last > 0) {
    // The last one of an odd level has no neighbour there.
    if (at !== last || at % 2 === 1) {
      const neighbour = rest.shift();
      if (neighbour === undefined) return null;
      node = at % 2 === 1 ? nodeHash(neighbour, node) : nodeHash(node, neighbour);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return rest.length === 0 ? node : null;
}
