import type { ChainPort, OpenCall } from '../../../base/chain/index.ts';
import {
  type AuthorizationMethod,
  allowanceCall,
  authorizedEffectOf,
  isTaken,
  proxyOf,
  takenCall,
} from '../../../base/effect/index.ts';
import { type Address, type Hex, Transient, ZERO_ADDRESS } from '../../../base/kernel/index.ts';
import { Group } from '../group.ts';
import { REASONS, type Reason } from '../wire/reasons.ts';
import type { PaymentRequest } from '../wire/request.ts';

/** The gas that a payment may cost: twice a usual one, and what wallets with code need to look at a signature. */
const MOST_GAS = 250_000n;
const READ_GAS = 100_000n;

/** `from`: who alone may make it. */
type Call = OpenCall & { from?: Address };
type Asked = Pick<PaymentRequest, 'chainId' | 'asked' | 'signed'>;

/**
 * What the chain says of a payment, asked in groups: whether its transfer would go through now, and where it would not,
 * why. A payer without code that did not sign itself is refused; of one with code its own word counts. Throws
 * Transient where no node answers, which is no word about the payment.
 */
export class OnChain {
  readonly #ports: (chainId: number) => ChainPort | undefined;
  readonly #tried: Groups<OpenCall, boolean> = new Map();
  readonly #read: Groups<Call, Hex | null> = new Map();
  /** Proxies that chains have: code at an address that is derived from it does not go away. */
  readonly #proxies = new Set<string>();

  constructor(ports: (chainId: number) => ChainPort | undefined) {
    this.#ports = ports;
  }

  async judge(request: Asked, signedByKey: boolean): Promise<Reason | null> {
    const port = this.#portOf(request.chainId);
    const { method, payer } = request.signed;
    if (!signedByKey && (await port.code(payer, 'latest')) === '0x') {
      return REASONS[method].signature;
    }
    // A call of an address without code succeeds, and pays nothing.
    if (!(await this.#hasProxy(request.chainId, method))) return 'permit2_proxy_not_deployed';
    const { asked, signed } = request;
    const terms = { ...asked, amount: triedAmount(request) };
    const { to, data } = authorizedEffectOf(terms, signed);
    const call = { to, data, gas: MOST_GAS };
    const { ceiling } = signed;
    const passes =
      ceiling === null
        ? await this.#passes(request.chainId, call)
        : (await this.#call(request.chainId, { ...call, from: ceiling.facilitator })) !== null;
    return passes ? null : this.#whyNot(request, signedByKey);
  }

  async #whyNot(request: Asked, signedByKey: boolean): Promise<Reason> {
    const { chainId, asked, signed } = request;
    const amount = triedAmount(request);
    const reasons = REASONS[signed.method];
    if (await this.isUsed({ chainId, ...signed })) return reasons.used;
    const [held] = await this.#portOf(chainId).tokenBalances(asked.token, [signed.payer], 'latest');
    if (held! < amount) return reasons.balance;
    const byPermit = signed.method !== 'eip3009';
    if (byPermit && (await this.#allowance(chainId, asked.token, signed.payer)) < amount) {
      return 'permit2_allowance_required';
    }
    return signedByKey ? reasons.simulation : reasons.signature;
  }

  /** Whether an authorization was taken, or its payer has cancelled it. */
  async isUsed(of: {
    chainId: number;
    method: AuthorizationMethod;
    token: Address;
    payer: Address;
    nonce: Hex;
  }): Promise<boolean> {
    const state = await this.#call(of.chainId, { ...takenCall(of), gas: READ_GAS });
    return state !== null && state !== '0x' && isTaken(of, state);
  }

  async #allowance(chainId: number, token: Address, payer: Address): Promise<bigint> {
    const data = allowanceCall(payer);
    const allowed = await this.#call(chainId, { to: token, data, gas: READ_GAS });
    return allowed === null || allowed === '0x' ? 0n : BigInt(allowed);
  }

  /** True also where none is needed. */
  async #hasProxy(chainId: number, method: AuthorizationMethod): Promise<boolean> {
    const proxy = proxyOf(method);
    const name = `${chainId} ${method}`;
    if (proxy === null || this.#proxies.has(name)) return true;
    if ((await this.#portOf(chainId).code(proxy, 'latest')) === '0x') return false;
    this.#proxies.add(name);
    return true;
  }

  #portOf(chainId: number): ChainPort {
    const port = this.#ports(chainId);
    if (port === undefined) throw new Transient(`chain ${chainId} is not open`);
    return port;
  }

  #passes(chainId: number, call: OpenCall): Promise<boolean> {
    return groupOf(this.#tried, chainId, (calls) => this.#portOf(chainId).passes(calls)).enter(
      call,
    );
  }

  /** What a call returns; null: it reverts, or the node would not make it. */
  #call(chainId: number, call: Call): Promise<Hex | null> {
    return groupOf(this.#read, chainId, async (calls) => {
      const asked = calls.map((one) => ({ from: ZERO_ADDRESS, value: 0n, ...one }));
      const answers = await this.#portOf(chainId).simulate(asked);
      return answers.map((answer) => (answer.ok ? answer.returned : null));
    }).enter(call);
  }
}

type Groups<In, Out> = Map<number, Group<In, Out>>;

function groupOf<In, Out>(
  groups: Groups<In, Out>,
  chainId: number,
  work: (calls: In[]) => Promise<Out[]>,
): Group<In, Out> {
  let group = groups.get(chainId);
  if (group === undefined) {
    // A node may be far away: nobody waits for another one's answer while there is a place.
    group = new Group({ size: 100, rounds: 4, beside: 1, work });
    groups.set(chainId, group);
  }
  return group;
}

/** What is charged; of what is charged nothing, all that could have been. */
function triedAmount({ asked, signed }: Asked): bigint {
  return asked.amount === 0n ? signed.amount : asked.amount;
}
