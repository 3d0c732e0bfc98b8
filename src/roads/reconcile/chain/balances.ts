import type { RpcClient } from '../../../base/chain/index.ts';
import { ask, hex, numberParam, quantity } from './answers.ts';

const BALANCE_OF = '70a08231';

/** What the chain says of each lane as of a block: consumed nonces and what it holds. Base units as text. */
export async function readLanesAt(
  rpc: RpcClient,
  lanes: readonly string[],
  tokens: readonly string[],
  block: number,
) {
  const at = numberParam(block);
  const counts = await ask(
    rpc,
    lanes.map((lane) => ({ method: 'eth_getTransactionCount', params: [`0x${lane}`, at] })),
  );
  const natives = await ask(
    rpc,
    lanes.map((lane) => ({ method: 'eth_getBalance', params: [`0x${lane}`, at] })),
  );
  const pairs = lanes.flatMap((lane) => tokens.map((token) => ({ lane, token })));
  const held = await ask(
    rpc,
    pairs.map(({ lane, token }) => ({
      method: 'eth_call',
      params: [{ to: `0x${token}`, data: `0x${BALANCE_OF}${lane.padStart(64, '0')}` }, at],
    })),
  );
  return {
    lanes: lanes.map((lane, index) => ({
      address: `\\x${lane}`,
      count: String(quantity(counts[index], 'nonces')),
    })),
    balances: [
      ...lanes.map((lane, index) => ({
        address: `\\x${lane}`,
        token: null,
        balance: String(quantity(natives[index], 'balance')),
      })),
      ...pairs.map(({ lane, token }, index) => ({
        address: `\\x${lane}`,
        token: `\\x${token}`,
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
