import type { RpcClient } from '../../../base/chain/index.ts';
import { ask, hex, numberParam, quantity } from './answers.ts';

const BALANCE_OF = '70a08231';

/** A lane and the blocks as of which it is judged; null: not yet. Lower-case hex without 0x. */
export type WatchedLane = {
  address: string;
  /** The end of its last stretch, for the native coin. */
  nativeAt: number | null;
  /** The finalized block, for tokens, once the lane was in the books by then. */
  tokensAt: number | null;
};

/** What the chain says of lanes: nonces consumed by a block, and what they held. Base units as text. */
export async function readLanesAt(
  rpc: RpcClient,
  lanes: readonly WatchedLane[],
  tokens: readonly string[],
  block: number,
) {
  const counts = await ask(
    rpc,
    lanes.map(({ address }) => ({
      method: 'eth_getTransactionCount',
      params: [`0x${address}`, numberParam(block)],
    })),
  );
  const natives = lanes.flatMap(({ address, nativeAt: at }) =>
    at === null ? [] : [{ address, at }],
  );
  const coins = await ask(
    rpc,
    natives.map(({ address, at }) => ({
      method: 'eth_getBalance',
      params: [`0x${address}`, numberParam(at)],
    })),
  );
  const pairs = lanes.flatMap(({ address, tokensAt: at }) =>
    at === null ? [] : tokens.map((token) => ({ address, token, at })),
  );
  const held = await ask(
    rpc,
    pairs.map(({ address, token, at }) => ({
      method: 'eth_call',
      params: [
        { to: `0x${token}`, data: `0x${BALANCE_OF}${address.padStart(64, '0')}` },
        numberParam(at),
      ],
    })),
  );
  return {
    lanes: lanes.map(({ address }, index) => ({
      address: `\\x${address}`,
      count: String(quantity(counts[index], 'nonces')),
    })),
    balances: [
      ...natives.map(({ address, at }, index) => ({
        address: `\\x${address}`,
        token: null,
        at,
        balance: String(quantity(coins[index], 'balance')),
      })),
      ...pairs.map(({ address, token, at }, index) => ({
        address: `\\x${address}`,
        token: `\\x${token}`,
        at,
        balance: String(word(held[index])),
      })),
    ],
  };
}

/** A token that answers nothing at that block was not there yet: nothing is held of it. */
function word(value: unknown): bigint {
  const text = hex(value, 'balanceOf');
  return text === '' ? 0n : BigInt(`0x${text.slice(0, 64)}`);
}
