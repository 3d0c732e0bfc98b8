import type { Processes } from './processes.ts';

/** A step by the name that dueSteps gives it: of the signer, of a loop, or a topic. */
export async function runStep(on: Processes, step: string): Promise<unknown> {
  switch (step) {
    case 'sign':
      return on.sign();
    case 'judge':
      return on.judgeDry();
    case 'take over':
      return on.takeOver();
    case 'collect':
      return on.collect();
    case 'resend':
      return on.resend();
    case 'sequence':
      return on.sequence();
    case 'observe':
      while (await on.observe());
      return;
    default:
      return on.job(step);
  }
}
