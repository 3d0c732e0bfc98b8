import type { Assets } from '../../../base/config/index.ts';
import {
  type Fields,
  formatAmount,
  parseAmount,
  parseForm,
  type Refusal,
  showValue,
  wellFormed,
} from '../../../base/kernel/index.ts';

const ACTIONS = ['commit', 'release', 'reverse', 'adjust'] as const;
type Action = (typeof ACTIONS)[number];

/** Tokens that left a lane, or came to it, without a slot of ours. What it has in coin is booked from its balance. */
export type Adjustment = {
  /** CAIP-19. */
  asset: string;
  amount: bigint;
  movement: 'left' | 'arrived';
};

export type Order = {
  action: Action;
  evidence: string;
  adjustments: Adjustment[];
  /** The same for the same order, however it was written: what a second person has to say again. */
  content: string;
};

const FIELDS = new Set(['action', 'evidence', 'adjustments']);
const MOVEMENTS = ['left', 'arrived'] as const;
const MOST_EVIDENCE = 4_000;
const MOST_ADJUSTMENTS = 20;

/** `about`: a word is about one opening of a break; opened again it needs two new ones. */
export function parseOrder(
  assets: Assets,
  about: { chainId: number; openedAt: Date },
  body: unknown,
): Order | Refusal {
  return parseForm(body, FIELDS, (fields) => {
    const expected = `one of ${ACTIONS.join(', ')}`;
    const action = fields.text('action', { code: 'invalid_request', expected }, (text) =>
      ACTIONS.find((one) => one === text),
    );
    const evidence = readEvidence(fields);
    const adjustments = readAdjustments(fields, assets, about.chainId, action);
    if (action === null || evidence === null || adjustments === null) return null;
    const order = { action, evidence, adjustments };
    return { ...order, content: contentOf(order, about.openedAt) };
  });
}

/** Text and links: why this is right, for whoever asks later. */
export function readEvidence(fields: Fields): string | null {
  const expected = `1 to ${MOST_EVIDENCE} characters: why, with links to what shows it`;
  return fields.text('evidence', { code: 'invalid_request', expected }, (text) =>
    text.trim() !== '' && text.length <= MOST_EVIDENCE && wellFormed(text) && !text.includes('\0')
      ? text
      : undefined,
  );
}

/** Required with adjust, where none says that there is nothing to move; refused with the others. */
function readAdjustments(
  fields: Fields,
  assets: Assets,
  chainId: number,
  action: Action | null,
): Adjustment[] | null {
  const given = fields.raw('adjustments');
  if (action !== 'adjust') {
    if (given === undefined || given === null) return [];
    fields.fault('adjustments', 'invalid_request', given, 'nothing: they belong to adjust');
    return null;
  }
  if (!Array.isArray(given) || given.length > MOST_ADJUSTMENTS) {
    const expected = `a list of up to ${MOST_ADJUSTMENTS} {asset, amount, movement}`;
    fields.fault('adjustments', 'invalid_request', given, expected);
    return null;
  }
  const read = given.map((one: unknown) => readAdjustment(assets, chainId, one));
  const bad = read.indexOf(null);
  if (bad < 0) return read as Adjustment[];
  const expected = `{asset, amount, movement} at ${bad}: a token of chain ${chainId} (coin is booked by itself), a positive decimal string with at most its decimals, and one of ${MOVEMENTS.join(', ')}`;
  fields.fault('adjustments', 'invalid_request', showValue(JSON.stringify(given[bad])), expected);
  return null;
}

function readAdjustment(assets: Assets, chainId: number, given: unknown): Adjustment | null {
  if (typeof given !== 'object' || given === null) return null;
  const { asset: name, amount: text, movement, ...others } = given as Record<string, unknown>;
  if (Object.keys(others).length > 0) return null;
  const asset = typeof name === 'string' ? assets.find(name) : undefined;
  const way = MOVEMENTS.find((one) => one === movement);
  if (asset?.address == null || asset.chainId !== chainId || way === undefined) return null;
  const amount = typeof text === 'string' ? parseAmount(text, asset.decimals) : null;
  if (typeof amount !== 'bigint' || amount <= 0n) return null;
  return { asset: asset.caip19, amount, movement: way };
}

function contentOf(order: Omit<Order, 'content'>, openedAt: Date): string {
  const { action, evidence } = order;
  const adjustments = order.adjustments.map(storeAdjustment);
  return JSON.stringify({ action, evidence, adjustments, openedAt: openedAt.toISOString() });
}

type Stored = [asset: string, atomic: string, movement: Adjustment['movement']];

export function storeAdjustment({ asset, amount, movement }: Adjustment): Stored {
  return [asset, String(amount), movement];
}

/** As the API shows it, from what was stored. */
export function showContent(assets: Assets, content: string) {
  const { action, evidence, adjustments } = JSON.parse(content) as {
    action: Action;
    evidence: string;
    adjustments: Stored[];
  };
  return { action, evidence, adjustments: adjustments.map((one) => showAdjustment(assets, one)) };
}

export function showAdjustment(assets: Assets, [caip19, atomic, movement]: Stored) {
  const asset = assets.find(caip19);
  const amount = formatAmount(BigInt(atomic), asset?.decimals ?? 0);
  return { asset: asset?.id ?? caip19, amount, amountAtomic: atomic, movement };
}
