import { expect } from 'vitest';
import { type Answer, Installation, type InstallationOptions } from './installation.ts';
import { expectLaws, quiet, recipient } from './laws.ts';
import { until } from './until.ts';

export const GWEI = 10n ** 9n;
export type Attempt = { id: string; txHash: string; status: string; maxFeePerGas: string };

/**
 * An installation on a chain of which every block is asked for by the test, and which is quick to send again and to
 * bid more. Every withdrawal has a recipient of its own.
 */
export class ByHand {
  readonly on: Installation;
  #orders = 0;

  private constructor(on: Installation) {
    this.on = on;
  }

  static async start(options: Pick<InstallationOptions, 'roleSettings'> = {}): Promise<ByHand> {
    const on = await Installation.start({
      ...options,
      lanes: 1,
      settings: (settings) => ({
        ...settings,
        chains: [{ ...settings.chains[0]!, resendAfterMs: 500, replaceAfterMs: 300 }],
      }),
    });
    await on.anvil.hold();
    await on.deposit('alice', 'USDC', '100000');
    await on.deposit('alice', 'ETH', '100');
    return new ByHand(on);
  }

  async view(id: string): Promise<Record<string, unknown>> {
    return (await this.on.call('GET', `/v1/withdrawals/${id}`)).body;
  }

  async attempts(id: string): Promise<Attempt[]> {
    return (await this.view(id))['attempts'] as Attempt[];
  }

  cancel(id: string): Promise<Answer> {
    return this.on.call('POST', `/v1/withdrawals/${id}/cancel`);
  }

  speedUp(id: string, key: string, body?: unknown): Promise<Answer> {
    const headers = { 'idempotency-key': key };
    return this.on.call('POST', `/v1/withdrawals/${id}/speed-up`, body, headers);
  }

  async submit(body: Record<string, unknown> = {}): Promise<{ id: string; to: `0x${string}` }> {
    this.#orders += 1;
    const to = recipient(this.#orders);
    const order = { account: 'alice', asset: 'USDC', amount: '5', to, ...body };
    const answer = await this.on.withdraw(order);
    expect(answer.status).toBe(202);
    return { id: answer.body['id'] as string, to };
  }

  async broadcast(body: Record<string, unknown> = {}): Promise<{ id: string; to: `0x${string}` }> {
    const made = await this.submit(body);
    await this.on.waitFor(made.id, 'BROADCASTED');
    return made;
  }

  /** Mines a block of this base fee; the one after an empty block has an eighth less. */
  async baseFee(wei: bigint): Promise<void> {
    await this.on.anvil.rpc('anvil_setNextBlockBaseFeePerGas', `0x${wei.toString(16)}`);
    await this.on.anvil.mine();
  }

  /** Blocks of this base fee, until more than so many attempts were made. */
  async passOver(id: string, wei: bigint, attempts = 1): Promise<void> {
    await until('a further attempt', async () => {
      await this.baseFee(wei);
      return (await this.attempts(id)).length > attempts;
    });
  }

  async walked(): Promise<void> {
    await until('the walk to reach the latest block', async () => {
      const latest = Number(await this.on.anvil.rpc<string>('eth_blockNumber'));
      const [head] = await this.on.rows<{ latest: bigint }>('SELECT latest FROM chain_head');
      return Number(head!.latest) === latest;
    });
  }

  async mineTo(id: string, status: string): Promise<void> {
    await until(status, async () => {
      await this.on.anvil.mine();
      await this.walked();
      return (await this.view(id))['status'] === status;
    });
  }

  async resolutions(id: string): Promise<string[]> {
    const rows = await this.on.rows<{ resolution: string }>(
      'SELECT resolution FROM reserve_resolution WHERE withdrawal_id = $1',
      [id],
    );
    return rows.map((row) => row.resolution);
  }

  events(type: string): Promise<{ subject_id: string }[]> {
    return this.on.rows('SELECT subject_id FROM event WHERE type = $1', [type]);
  }

  async hasFiller(id: string): Promise<boolean> {
    return (await this.attempts(id))[1]?.status === 'accepted';
  }

  async fillerIn(id: string): Promise<void> {
    await until('the filler in the pool', () => this.hasFiller(id));
  }

  /** Nothing is on its way any more, and every law holds. */
  async rest(): Promise<void> {
    await this.on.anvil.mine(12);
    await quiet(this.on);
    await expectLaws(this.on);
  }

  /** Both fees an eighth above those before, and what is set aside covers the dearest. */
  async expectRaises(id: string): Promise<void> {
    const bids = await this.on.rows<{ max: bigint; tip: bigint; gas: bigint; reserved: bigint }>(
      `SELECT a.max_fee_per_gas AS max, a.max_priority_fee_per_gas AS tip, r.gas_limit AS gas,
         s.gas_reserved AS reserved
       FROM attempt a JOIN tx t USING (tx_id) JOIN nonce_slot s USING (tx_id)
       JOIN signature_request r ON r.signature_request_id = a.attempt_id
       WHERE t.owner_id = $1 ORDER BY a.ordinal`,
      [id],
    );
    bids.forEach((bid, n) => {
      expect(bid.reserved).toBeGreaterThanOrEqual(bid.gas * bid.max);
      const before = bids[n - 1];
      if (before === undefined) return;
      expect(bid.max * 8n).toBeGreaterThanOrEqual(before.max * 9n);
      expect(bid.tip * 8n).toBeGreaterThanOrEqual(before.tip * 9n);
    });
  }
}
