import type { RpcClient } from '../../../base/chain/index.ts';
import { Transient } from '../../../base/kernel/index.ts';
import { byteaText, decodePayment } from '../decode.ts';
import { ask, fields, hex, list, NotShown, numberParam, quantity } from './answers.ts';

/** The lanes of a chain and the tokens that they may hold; lower-case hex without 0x. */
type Watched = { lanes: ReadonlySet<string>; tokens: ReadonlySet<string> };

type BlockFact = { height: number; hash: string };
type TransactionFact = {
  hash: string;
  from: string;
  nonce: string;
  to: string | null;
  value: string;
  /** No calldata. */
  plain: boolean;
  /** What a payment's call moves; null for any other call. */
  token: string | null;
  recipient: string | null;
  amount: string | null;
  height: number;
  succeeded: boolean;
};
type TransferFact = {
  hash: string;
  token: string;
  from: string;
  to: string;
  amount: string;
  height: number;
};
/** What the chain shows in blocks above..upTo of the watched lanes. */
type ChainPage = {
  above: number;
  up_to: number;
  blocks: BlockFact[];
  transactions: TransactionFact[];
  transfers: TransferFact[];
  /** What transactions of the lanes moved out of others' wallets, by their authorization. */
  taken: TransferFact[];
};

const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';
/** A page is judged when it holds so much, or so many blocks; it is at least one block. */
const PAGE_TRANSACTIONS = 2_000;
const PAGE_BLOCKS = 2_000;
const MOST_BLOCKS_A_REQUEST = 64;

/**
 * Walks blocks from..to with their full transactions and keeps what the lanes sent. Asks for fewer blocks
 * at a time where an answer is too large or too late, down to one. Throws NotShown or Transient.
 */
export async function* walkChain(
  rpc: RpcClient,
  watched: Watched,
  range: { from: number; to: number },
): AsyncGenerator<ChainPage> {
  let page = emptyPage(range.from - 1);
  let step = 16;
  for (let next = range.from; next <= range.to; ) {
    const last = Math.min(range.to, next + step - 1);
    let part: ChainPage;
    try {
      part = await readBlocks(rpc, watched, next, last);
    } catch (error) {
      // Limits on ranges and sizes are told in many words: whatever it says, a smaller question is tried.
      if (!(error instanceof Transient || error instanceof NotShown) || step === 1) throw error;
      step = Math.max(1, step >> 2);
      continue;
    }
    page.blocks.push(...part.blocks);
    page.transactions.push(...part.transactions);
    page.transfers.push(...part.transfers);
    page.taken.push(...part.taken);
    page.up_to = last;
    next = last + 1;
    step = Math.min(MOST_BLOCKS_A_REQUEST, step * 2);
    if (page.transactions.length >= PAGE_TRANSACTIONS || page.blocks.length >= PAGE_BLOCKS) {
      yield page;
      page = emptyPage(last);
    }
  }
  if (page.blocks.length > 0) yield page;
}

const emptyPage = (above: number): ChainPage => ({
  above,
  up_to: above,
  blocks: [],
  transactions: [],
  transfers: [],
  taken: [],
});

async function readBlocks(
  rpc: RpcClient,
  watched: Watched,
  from: number,
  to: number,
): Promise<ChainPage> {
  const page = { ...emptyPage(from - 1), up_to: to };
  const heights = Array.from({ length: to - from + 1 }, (_, index) => from + index);
  const blocks = await ask(
    rpc,
    heights.map((height) => ({
      method: 'eth_getBlockByNumber',
      params: [numberParam(height), true],
    })),
  );
  blocks.forEach((value, index) => {
    const height = heights[index]!;
    const block = fields(value, `block ${height}`);
    page.blocks.push({ height, hash: bytea(block['hash'], `hash of block ${height}`) });
    for (const transaction of list(block['transactions'], `transactions of block ${height}`)) {
      const sender = hex(transaction['from'], 'sender');
      if (watched.lanes.has(sender)) page.transactions.push(transactionOf(transaction, height));
    }
  });
  page.transfers = await readTransfers(rpc, watched, from, to);
  await readOutcomes(rpc, page);
  return page;
}

function transactionOf(value: Record<string, unknown>, height: number): TransactionFact {
  const data = hex(value['input'], 'calldata');
  const to = value['to'] == null ? '' : hex(value['to'], 'callee');
  const transfer = decodePayment(Buffer.from(to, 'hex'), Buffer.from(data, 'hex'));
  return {
    hash: bytea(value['hash'], 'transaction hash'),
    from: bytea(value['from'], 'sender'),
    nonce: String(quantity(value['nonce'], 'nonce')),
    to: to === '' ? null : `\\x${to}`,
    value: String(quantity(value['value'], 'value')),
    plain: data === '',
    token: transfer === null ? null : byteaText(transfer.token),
    recipient: transfer === null ? null : byteaText(transfer.recipient),
    amount: transfer === null ? null : String(transfer.amount),
    height,
    succeeded: true,
  };
}

/**
 * Transfer logs out of the lanes, of the tokens in the books: any contract may log a Transfer from any
 * address, so what an unknown one says is no movement of ours.
 */
async function readTransfers(
  rpc: RpcClient,
  { lanes, tokens }: Watched,
  from: number,
  to: number,
): Promise<TransferFact[]> {
  if (lanes.size === 0 || tokens.size === 0) return [];
  const senders = [...lanes].map((lane) => `0x${lane.padStart(64, '0')}`);
  const filter = {
    fromBlock: numberParam(from),
    toBlock: numberParam(to),
    address: [...tokens].map((token) => `0x${token}`),
    topics: [TRANSFER, senders],
  };
  const [logs] = await ask(rpc, [{ method: 'eth_getLogs', params: [filter] }]);
  return list(logs, 'logs').map(transferOf);
}

function transferOf(log: Record<string, unknown>): TransferFact {
  const topics = log['topics'] as unknown[];
  return {
    hash: bytea(log['transactionHash'], 'transaction of a log'),
    token: bytea(log['address'], 'token'),
    from: addressOf(topics[1]),
    to: addressOf(topics[2]),
    amount: String(quantity(log['data'], 'amount of a log')),
    height: Number(quantity(log['blockNumber'], 'block of a log')),
  };
}

function isTransfer({ topics, data }: Record<string, unknown>): boolean {
  const named = Array.isArray(topics) && topics[0] === TRANSFER && topics.length === 3;
  return named && String(data).length === 66;
}

const addressOf = (topic: unknown) => `\\x${hex(topic, 'topic').slice(24)}`;

/**
 * Whether they succeeded, where it does not follow: a transaction that logged a Transfer did, and a filler
 * to an account without code can not fail. Receipts are dear, hence only for the rest; they show what was moved out of
 * others' wallets, too.
 */
async function readOutcomes(rpc: RpcClient, page: ChainPage): Promise<void> {
  const logged = new Set(page.transfers.map((transfer) => transfer.hash));
  const open = page.transactions.filter(
    (one) => !logged.has(one.hash) && !(one.plain && one.value === '0' && one.to === one.from),
  );
  const receipts = await ask(
    rpc,
    open.map(({ hash }) => ({
      method: 'eth_getTransactionReceipt',
      params: [`0x${hash.slice(2)}`],
    })),
  );
  open.forEach((one, index) => {
    const receipt = fields(receipts[index], `receipt of ${one.hash}`);
    one.succeeded = quantity(receipt['status'], 'status') === 1n;
    // The books may hold nothing of a token that only passes from payers to payees.
    const logs = list(receipt['logs'], `logs of ${one.hash}`).filter(isTransfer);
    const moved = logs.filter((log) => bytea(log['address'], 'token') === one.token);
    page.taken.push(...moved.map(transferOf));
  });
}

function bytea(value: unknown, what: string): string {
  return `\\x${hex(value, what)}`;
}

/** That this endpoint is of the chain and knows its finalized block by now. */
export async function checkChain(rpc: RpcClient, chainId: number, block: number): Promise<void> {
  const [id, header] = await ask(rpc, [
    { method: 'eth_chainId', params: [] },
    { method: 'eth_getBlockByNumber', params: [numberParam(block), false] },
  ]);
  const shown = quantity(id, 'eth_chainId');
  if (shown !== BigInt(chainId)) throw new NotShown(`the node is of chain ${shown}`);
  fields(header, `block ${block}, final in the books`);
}
