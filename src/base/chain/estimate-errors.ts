import type { GasEstimate } from './port.ts';
import { revertReason, shortLine } from './revert-reason.ts';
import { classifySendError } from './send-errors.ts';

/** The execution API's code of "execution reverted"; other clients say it in words only. */
const CODE_REVERTED = 3;
const FAILED = /revert|opcode|bad instruction|(?:bad|invalid) jump|out of gas/i;
/** Without a gas price the allowance is a node's cap on calls; a little one is what the sender can pay for. */
const ALLOWANCE = /gas required exceeds allowance\D{0,4}(\d+)/i;
const NO_SENDERS_ALLOWANCE = 1_000_000n;

/** What a node's error answer to eth_estimateGas means. First match wins: a revert's reason may quote any of the others. */
export function classifyEstimateError(error: {
  code: number;
  message: string;
}): GasEstimate & { ok: false } {
  const { code, message } = error;
  const allowance = BigInt(ALLOWANCE.exec(message)?.[1] ?? 0);
  if (allowance >= NO_SENDERS_ALLOWANCE) {
    return { ok: false, kind: 'reverted', message: `it takes more than ${allowance} gas` };
  }
  if (code === CODE_REVERTED || FAILED.test(message)) {
    return { ok: false, kind: 'reverted', message: revertReason(message) };
  }
  const kind = classifySendError(message) === 'funds' ? 'funds' : 'node';
  return { ok: false, kind, message: shortLine(message) };
}
