/**
 * The facilitator of the official packages in a process of its own, tuned: a nonce manager for its one wallet, and a
 * receipt polled for ten times a second. It has no server; this one is as plain as can be.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { x402Facilitator } from '@x402/core/facilitator';
import { toFacilitatorEvmSigner } from '@x402/evm';
import { ExactEvmScheme } from '@x402/evm/exact/facilitator';
import { createWalletClient, defineChain, http, nonceManager, publicActions } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import type { Hex } from '../../src/base/kernel/index.ts';
import { serve } from '../child.ts';

export type StockOrder = { rpcUrl: string; privateKey: Hex; chainId: number };
export type StockReady = { port: number };

const POLL_MS = 100;
const MOST_WAIT_MS = 120_000;

function facilitatorOf({ rpcUrl, privateKey, chainId }: StockOrder) {
  const chain = defineChain({
    id: chainId,
    name: 'bench',
    nativeCurrency: { name: 'coin', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [rpcUrl] } },
  });
  const account = privateKeyToAccount(privateKey, { nonceManager });
  const transport = http(rpcUrl, { timeout: MOST_WAIT_MS });
  const client = createWalletClient({ account, chain, transport, pollingInterval: POLL_MS });
  const whole = client.extend(publicActions);
  // The package types its client more narrowly than viem does.
  const signer = { address: account.address, ...whole } as unknown as Parameters<
    typeof toFacilitatorEvmSigner
  >[0];
  return new x402Facilitator().register(
    `eip155:${chainId}`,
    new ExactEvmScheme(toFacilitatorEvmSigner(signer, { confirmationTimeoutMs: MOST_WAIT_MS })),
  );
}

serve<StockOrder, StockReady>(async (order) => {
  const facilitator = facilitatorOf(order);
  const server = createServer(async (request, response) => {
    try {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      const { paymentPayload, paymentRequirements } = JSON.parse(Buffer.concat(pieces).toString());
      const asked = request.url === '/verify' ? 'verify' : 'settle';
      const told = await facilitator[asked](paymentPayload, paymentRequirements);
      response.setHeader('content-type', 'application/json').end(JSON.stringify(told));
    } catch (error) {
      response.statusCode = 500;
      response.end(JSON.stringify({ success: false, errorReason: (error as Error).message }));
    }
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return { port: (server.address() as AddressInfo).port };
});
