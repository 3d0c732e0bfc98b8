import type { Command } from 'commander';
import type { RefundView } from '../../../roads/x402/index.ts';
import type { Run } from '../context.ts';
import { post, takeKey } from '../payment-commands.ts';
import { printJson } from '../print.ts';
import { type ClientFlags, findApi, withApi } from '../sources.ts';

type Flags = ClientFlags & {
  json?: boolean;
  amount?: string;
  reason: string;
  idempotencyKey?: string;
};

export function addRefund(program: Command, run: Run): void {
  withApi(program.command('refund'))
    .description('give back an x402 payment, or a part of it, to whom paid it')
    .argument('<payment>', 'its id')
    .requiredOption('--reason <text>', 'why, kept with it')
    .option('--amount <decimal>', "in the asset's unit; else all that has not gone back")
    .option('--idempotency-key <key>', 'to repeat a request; made and told when it is not given')
    .action(async (payment: string, flags: Flags) => {
      const client = findApi(run, flags);
      const idempotencyKey = takeKey(run, flags);
      const { reason, amount } = flags;
      const body = { reason, ...(amount === undefined ? {} : { amount }) };
      const path = `/v1/payments/${encodeURIComponent(payment)}/refunds`;
      const made = await post<RefundView>(client, path, { idempotencyKey, body });
      if (flags.json) return printJson(run.stdout, made.body);
      const { id, status, amount: given, paymentId } = made.body;
      const before = made.replayed ? ' (as before)' : '';
      run.stdout.write(`refund ${id}${before}: ${status}, ${given} of payment ${paymentId}\n`);
    });
}
