import { setTimeout as sleep } from 'node:timers/promises';
import { ExactEvmScheme } from '@x402/evm/exact/client';
import { decodePaymentResponseHeader, wrapFetchWithPayment, x402Client } from '@x402/fetch';
import { encodeFunctionData, parseAbi } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { rpcCall } from '../../src/doors/dev/index.ts';

const TOKEN = parseAbi([
  'function mint(address,uint256)',
  'function balanceOf(address) view returns (uint256)',
]);

/** On a development chain, where everybody may mint. */
type Chain = { rpcUrl: string; token: `0x${string}` };

/** An agent with a key of its own and the official client; it remembers the payment that it sent last. */
export class Agent {
  readonly address: `0x${string}`;
  readonly pay: (url: string, init?: RequestInit) => Promise<Response>;
  payment = '';
  readonly #chain: Chain;

  constructor(network: `${string}:${string}`, chain: Chain) {
    const account = privateKeyToAccount(generatePrivateKey());
    this.address = account.address;
    this.#chain = chain;
    const scheme = new ExactEvmScheme(account);
    const client = new x402Client().setSpendControls(false).register(network, scheme);
    this.pay = wrapFetchWithPayment((input, init) => {
      const request = new Request(input, init);
      this.payment = request.headers.get('payment-signature') ?? this.payment;
      return fetch(request);
    }, client);
  }

  async mint(amount: bigint): Promise<void> {
    const { rpcUrl, token: to } = this.#chain;
    const [from] = await rpcCall<string[]>(rpcUrl, 'eth_accounts', []);
    const args = [this.address, amount] as const;
    const data = encodeFunctionData({ abi: TOKEN, functionName: 'mint', args });
    const hash = await rpcCall<string>(rpcUrl, 'eth_sendTransaction', [{ from, to, data }]);
    while ((await rpcCall(rpcUrl, 'eth_getTransactionReceipt', [hash])) === null) await sleep(100);
  }

  async balance(): Promise<bigint> {
    const { rpcUrl, token: to } = this.#chain;
    const args = [this.address] as const;
    const data = encodeFunctionData({ abi: TOKEN, functionName: 'balanceOf', args });
    return BigInt(await rpcCall<string>(rpcUrl, 'eth_call', [{ to, data }, 'latest']));
  }
}

/** What a shop told its payer of the settlement; the facilitator's own ids are in `extra`. */
export function receiptOf(answer: Response): { transaction: string; paymentId: string } {
  const header = answer.headers.get('payment-response') ?? '';
  const { transaction, extra } = decodePaymentResponseHeader(header);
  return { transaction, paymentId: String((extra as { paymentId?: string }).paymentId) };
}
