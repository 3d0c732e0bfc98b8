import type { ChainPort } from '../../../base/chain/index.ts';
import { authorizationStateCall, effectOf, packAuthorization } from '../../../base/effect/index.ts';
import { type Address, type Hex, Transient, ZERO_ADDRESS } from '../../../base/kernel/index.ts';
import { Group } from '../group.ts';
import type { Reason } from '../wire/reasons.ts';
import type { PaymentRequest } from '../wire/request.ts';

/** The gas that a payment may cost: twice a usual one, and what wallets with code need to look at a signature. */
const MOST_GAS = 250_000n;
const READ_GAS = 100_000n;

type Simulate = Group<{ to: Address; data: Hex; gas: bigint }, Hex | null>;
type Asked = Pick<PaymentRequest, 'chainId' | 'asked' | 'signed'>;

/**
 * What the chain says of a payment, asked in groups: whether its transfer would go through now, and where it would not,
 * why. A payer without code that did not sign itself is refused; of one with code its own word counts. Throws
 * Transient where no node answers, which is no word about the payment.
 */
export class OnChain {
  readonly #ports: (chainId: number) => ChainPort | undefined;
  readonly #simulate = new Map<number, Simulate>();

  constructor(ports: (chainId: number) => ChainPort | undefined) {
    this.#ports = ports;
  }

  async judge(request: Asked, signedByKey: boolean): Promise<Reason | null> {
    const port = this.#portOf(request.chainId);
    if (!signedByKey && (await port.code(request.signed.payer, 'latest')) === '0x') {
      return 'invalid_exact_evm_signature';
    }
    const { token, payTo, amount } = request.asked;
    const { to, data } = effectOf({
      token,
      recipient: payTo,
      amount,
      payerAuthorization: packAuthorization(request.signed),
    });
    const passed = await this.#call(request.chainId, { to, data, gas: MOST_GAS });
    return passed === null ? this.#whyNot(request, signedByKey) : null;
  }

  async #whyNot({ chainId, asked, signed }: Asked, signedByKey: boolean): Promise<Reason> {
    if (await this.isUsed({ chainId, token: asked.token, ...signed })) {
      return 'invalid_exact_evm_nonce_already_used';
    }
    const [held] = await this.#portOf(chainId).tokenBalances(asked.token, [signed.payer], 'latest');
    if (held! < asked.amount) return 'invalid_exact_evm_insufficient_balance';
    return signedByKey
      ? 'invalid_exact_evm_transaction_simulation_failed'
      : 'invalid_exact_evm_signature';
  }

  /** Whether a token has taken an authorization, or its payer has cancelled it. */
  async isUsed(of: {
    chainId: number;
    token: Address;
    payer: Address;
    nonce: Hex;
  }): Promise<boolean> {
    const data = authorizationStateCall(of.payer, of.nonce);
    const state = await this.#call(of.chainId, { to: of.token, data, gas: READ_GAS });
    return state !== null && state !== '0x' && BigInt(state) === 1n;
  }

  #portOf(chainId: number): ChainPort {
    const port = this.#ports(chainId);
    if (port === undefined) throw new Transient(`chain ${chainId} is not open`);
    return port;
  }

  /** What a call returns; null: it reverts, or the node would not make it. */
  #call(chainId: number, call: { to: Address; data: Hex; gas: bigint }): Promise<Hex | null> {
    let group = this.#simulate.get(chainId);
    if (group === undefined) {
      group = new Group({
        size: 100,
        rounds: 4,
        work: (calls) => this.#simulateAll(chainId, calls),
      });
      this.#simulate.set(chainId, group);
    }
    return group.enter(call);
  }

  async #simulateAll(
    chainId: number,
    calls: readonly { to: Address; data: Hex; gas: bigint }[],
  ): Promise<(Hex | null)[]> {
    const answers = await this.#portOf(chainId).simulate(
      calls.map((call) => ({ from: ZERO_ADDRESS, value: 0n, ...call })),
    );
    return answers.map((answer) => (answer.ok ? answer.returned : null));
  }
}
