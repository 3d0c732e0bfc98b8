import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import type { Address, Hex } from '../../../src/base/kernel/index.ts';
import { deploy, transactWith } from '../contracts.ts';
import type { Installation } from '../installation.ts';
import { fund, type Payer } from './payers.ts';

/** The modes of contracts/OddWallet.sol, in its order. */
const MODES = [
  'honest',
  'says no',
  'reverts',
  'burns gas',
  'answers garbage',
  'changes its mind',
] as const;
type WalletMode = (typeof MODES)[number];

type Chain = Pick<Installation, 'anvil' | 'token'>;

/** A wallet with code and development dollars; its owner's key signs, and the wallet's own bytes may follow. */
export class WalletPayer {
  readonly address: Address;
  readonly #chain: Chain;
  readonly #owner = privateKeyToAccount(generatePrivateKey());

  private constructor(chain: Chain, address: Address) {
    this.#chain = chain;
    this.address = address;
  }

  static async open(chain: Chain, mode: WalletMode = 'honest'): Promise<WalletPayer> {
    const wallet = new WalletPayer(chain, await deploy(chain.anvil.url, 'OddWallet'));
    await wallet.become(mode);
    await fund(chain.anvil, chain.token, wallet.address);
    return wallet;
  }

  async become(mode: WalletMode): Promise<void> {
    const args = [MODES.indexOf(mode), this.#owner.address];
    const contract = { name: 'OddWallet', at: this.address } as const;
    await transactWith(this.#chain.anvil.url, contract, 'become', args);
  }

  /** Lets somebody take its dollars. */
  async approve(spender: Address): Promise<void> {
    const contract = { name: 'OddWallet', at: this.address } as const;
    const args = [this.#chain.token, spender];
    await transactWith(this.#chain.anvil.url, contract, 'approve', args);
  }

  /** As a payer of signedPayment. */
  payer(form: (signature: Hex) => Hex = withTail): Payer {
    const owner = this.#owner;
    return {
      ...owner,
      address: this.address,
      signTypedData: async (parameters: Parameters<typeof owner.signTypedData>[0]) =>
        form(await owner.signTypedData(parameters)),
    } as unknown as Payer;
  }
}

/** 66 bytes: no key signs so many, so they go to the token by its overload for bytes. */
export function withTail(signature: Hex): Hex {
  return `${signature}2a`;
}
