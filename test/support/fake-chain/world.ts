import {
  type Address,
  AUTHORIZATION_USED_TOPIC,
  type Hex,
  TRANSFER_TOPIC,
} from '../../../src/base/kernel/index.ts';
import { type Authorized, readAuthorized } from './authorized.ts';
import { History } from './history.ts';
import { PERMIT2, type Permitted, PROXIES, readPermitted } from './permitted.ts';
import type { Call, Receipt, TokenOptions, Transaction } from './types.ts';

const TRANSFER_SELECTOR = '0xa9059cbb';
/** authorizationState(address,bytes32) */
const STATE_SELECTOR = '0xe94a0102';
/** nonceBitmap(address,uint256) of Permit2, and allowance(address,address), which it has of everybody. */
const BITMAP_SELECTOR = '0x4fe02b44';
const ALLOWANCE_SELECTOR = '0xdd62ed3e';
const MOST: Hex = `0x${'f'.repeat(64)}`;
const TRUE: Hex = `0x${'0'.repeat(63)}1`;
const FALSE: Hex = `0x${'0'.repeat(64)}`;
export const PLAIN_GAS = 21_000n;
/** A first balance of a holder costs a new storage slot. */
const TOKEN_GAS = { first: 51_500n, later: 34_400n };
/** A signature is recovered, and its nonce takes a storage slot. */
const AUTHORIZED_GAS = 30_000n;

type Effect = {
  gas: bigint;
  returned: Hex;
  logs: Receipt['logs'];
  moves: [name: string, by: bigint][];
};
type Outcome = ({ ok: true } & Effect) | { ok: false; gas: bigint; message: string };

/**
 * Accounts, coins and tokens at every height, and what a call does to them: a plain transfer,
 * transfer(address,uint256) of a known token, a payer's authorization of one that takes them, or a payer's permit by the proxies of
 * x402. Anything else reverts.
 */
export class World {
  readonly tokens: ReadonlyMap<Address, TokenOptions>;
  /** Accounts that no call may pay: their transfers revert. */
  readonly refusing = new Set<Address>();
  /** Accounts that a token does not pay and answers `false` for, without a revert. */
  readonly denied = new Set<Address>();
  readonly #history = new History();
  readonly #chainId: number;
  readonly #timeOf: (height: number) => number;

  /** `timeOf`: the timestamp of a block, also of the one that is being made. */
  constructor(
    tokens: readonly TokenOptions[],
    { chainId, timeOf }: { chainId: number; timeOf: (height: number) => number },
  ) {
    this.tokens = new Map(tokens.map((token) => [token.address, token]));
    this.#chainId = chainId;
    this.#timeOf = timeOf;
  }

  /** How often an authorization of a token was taken: once, or never. */
  used(token: Address, payer: Address, nonce: Hex, height: number): bigint {
    return this.#history.get(usedName(token, payer, nonce), height);
  }

  nonce(of: Address, height: number): bigint {
    return this.#history.get(`nonce ${of}`, height);
  }

  coins(of: Address, height: number): bigint {
    return this.#history.get(of, height);
  }

  tokenBalance(token: Address, of: Address, height: number): bigint {
    return this.#history.get(`${token} ${of}`, height);
  }

  /** Coins, or a token's units, as if the account had had them from the start. */
  give(of: Address, amount: bigint, token?: Address): void {
    this.#history.give(token === undefined ? of : `${token} ${of}`, amount);
  }

  rewind(height: number, top: number): void {
    this.#history.rewind(height, top);
  }

  /** What the call would do on the state of this height. */
  simulate(call: Call, height: number): Outcome {
    if (this.refusing.has(call.to)) {
      return { ok: false, gas: PLAIN_GAS + 100n, message: 'execution reverted' };
    }
    if (PROXIES[call.to] !== undefined) return this.#permit(call, height);
    if (call.to === PERMIT2) return this.#bitmap(call, height);
    const token = this.tokens.get(call.to);
    if (token !== undefined) return this.#ofToken(token, call, height);
    return {
      ok: true,
      gas: PLAIN_GAS,
      returned: '0x',
      logs: [],
      moves: [
        [call.from, -call.value],
        [call.to, call.value],
      ],
    };
  }

  /** Whether there is a contract. */
  hasCode(at: Address): boolean {
    return this.tokens.has(at) || at === PERMIT2 || PROXIES[at] !== undefined;
  }

  /** Carries a transaction out in the block of this height; null when its sender can not pay for it now. */
  execute(
    tx: Transaction,
    at: { number: number; hash: Hex; baseFeePerGas: bigint },
    mustRevert: boolean,
  ): Receipt | null {
    const height = at.number;
    const coins = this.coins(tx.from, height);
    if (coins < tx.value + tx.gasLimit * tx.maxFeePerGas) return null;
    const outcome = this.simulate(tx, height);
    const fits = outcome.gas <= tx.gasLimit;
    const done = outcome.ok && fits && !mustRevert ? outcome : null;
    const gasUsed = fits ? outcome.gas : tx.gasLimit;
    const tip = smaller(tx.maxPriorityFeePerGas, tx.maxFeePerGas - at.baseFeePerGas);
    const effectiveGasPrice = at.baseFeePerGas + tip;
    this.#move(tx.from, -gasUsed * effectiveGasPrice, height);
    this.#move(`nonce ${tx.from}`, 1n, height);
    for (const [name, by] of done?.moves ?? []) this.#move(name, by, height);
    return {
      transactionHash: tx.hash,
      blockNumber: height,
      blockHash: at.hash,
      status: done === null ? 'reverted' : 'success',
      gasUsed,
      effectiveGasPrice,
      l1Fee: 0n,
      from: tx.from,
      to: tx.to,
      logs: done?.logs ?? [],
    };
  }

  #ofToken(token: TokenOptions, call: Call, height: number): Outcome {
    if (call.data.startsWith(STATE_SELECTOR) && token.eip712 !== undefined) {
      const payer: Address = `0x${call.data.slice(34, 74)}`;
      const used = this.used(call.to, payer, `0x${call.data.slice(74, 138)}`, height);
      return { ok: true, gas: 25_000n, returned: used > 0n ? TRUE : FALSE, logs: [], moves: [] };
    }
    if (call.data.startsWith(ALLOWANCE_SELECTOR)) {
      return { ok: true, gas: 25_000n, returned: MOST, logs: [], moves: [] };
    }
    const authorized = readAuthorized(token, this.#chainId, call.data);
    if (authorized !== null) return this.#authorize(call, authorized, height);
    if (!call.data.startsWith(TRANSFER_SELECTOR) || call.data.length < 138 || call.value > 0n) {
      return revert('execution reverted');
    }
    const to: Address = `0x${call.data.slice(34, 74)}`;
    const amount = BigInt(`0x${call.data.slice(74, 138)}`);
    return this.#transfer({ token: call.to, from: call.from, to, amount }, height);
  }

  #authorize(call: Call, of: Authorized, height: number): Outcome {
    const { payer, payTo: to, amount, nonce } = of;
    const time = BigInt(this.#timeOf(height));
    const good = of.validAfter < time && time < of.validBefore && of.signer === payer;
    if (!good || call.value > 0n || this.used(call.to, payer, nonce, height) > 0n) {
      return revert('execution reverted');
    }
    const moved = this.#transfer({ token: call.to, from: payer, to, amount }, height);
    if (!moved.ok || moved.logs.length === 0) return moved;
    const use = {
      address: call.to,
      topics: [AUTHORIZATION_USED_TOPIC, topicOf(payer), nonce],
      data: '0x' as Hex,
    };
    return {
      ...moved,
      gas: moved.gas + AUTHORIZED_GAS,
      returned: '0x',
      logs: [use, ...moved.logs],
      moves: [...moved.moves, [usedName(call.to, payer, nonce), 1n]],
    };
  }

  #bitmap({ data }: Call, height: number): Outcome {
    if (!data.startsWith(BITMAP_SELECTOR)) return revert('execution reverted');
    const bits = this.#history.get(
      `permits 0x${data.slice(34, 74)} ${BigInt(`0x${data.slice(74, 138)}`)}`,
      height,
    );
    const returned: Hex = `0x${bits.toString(16).padStart(64, '0')}`;
    return { ok: true, gas: 25_000n, returned, logs: [], moves: [] };
  }

  /** As much as was permitted, or is charged of it; Permit2 logs nothing. */
  #permit(call: Call, height: number): Outcome {
    const of = readPermitted(call.to, this.#chainId, call.data);
    const good = of !== null && this.tokens.has(of.token) && this.#mayTake(call, of, height);
    if (!good || call.value > 0n) return revert('execution reverted');
    const { token, payer, payTo: to, amount, nonce } = of;
    const moved = this.#transfer({ token, from: payer, to, amount }, height);
    if (!moved.ok || moved.logs.length === 0) return revert('execution reverted');
    const bit = 1n << (BigInt(nonce) & 255n);
    return {
      ...moved,
      gas: moved.gas + AUTHORIZED_GAS,
      returned: '0x',
      moves: [...moved.moves, [wordName(payer, nonce), bit]],
    };
  }

  #mayTake({ from }: Call, of: Permitted, height: number): boolean {
    const time = BigInt(this.#timeOf(height));
    const bits = this.#history.get(wordName(of.payer, of.nonce), height);
    const isFree = ((bits >> (BigInt(of.nonce) & 255n)) & 1n) === 0n;
    const isOurs = of.facilitator === null || of.facilitator === from;
    const inTime = of.validAfter <= time && time <= of.deadline;
    return isFree && isOurs && inTime && of.signer === of.payer && of.amount <= of.most;
  }

  #transfer(
    { token, from, to, amount }: { token: Address; from: Address; to: Address; amount: bigint },
    height: number,
  ): Outcome {
    if (/^0x0{40}$/.test(to)) return revert('execution reverted: custom error 0xec442f05');
    if (this.refusing.has(to)) return revert('execution reverted: the recipient is blocked');
    if (this.tokenBalance(token, from, height) < amount) {
      return revert('execution reverted: custom error 0xe450d38c');
    }
    if (this.denied.has(to)) {
      return { ok: true, gas: TOKEN_GAS.later, returned: FALSE, logs: [], moves: [] };
    }
    const first = this.tokenBalance(token, to, height) === 0n;
    return {
      ok: true,
      gas: first ? TOKEN_GAS.first : TOKEN_GAS.later,
      returned: TRUE,
      logs: [
        {
          address: token,
          topics: [TRANSFER_TOPIC, topicOf(from), topicOf(to)],
          data: `0x${amount.toString(16).padStart(64, '0')}`,
        },
      ],
      moves: [
        [`${token} ${from}`, -amount],
        [`${token} ${to}`, amount],
      ],
    };
  }

  #move(name: string, by: bigint, height: number): void {
    this.#history.set(name, height, this.#history.get(name, height) + by);
  }
}

function revert(message: string): Outcome {
  return { ok: false, gas: 24_000n, message };
}

function usedName(token: Address, payer: Address, nonce: Hex): string {
  return `used ${token} ${payer} ${nonce}`;
}

/** 256 of a payer's nonces. */
function wordName(payer: Address, nonce: Hex): string {
  return `permits ${payer} ${BigInt(nonce) >> 8n}`;
}

function topicOf(address: Address): Hex {
  return `0x${address.slice(2).padStart(64, '0')}`;
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
