import type { AwsLimits } from '../../../base/aws/index.ts';
import type { Signature } from '../../../base/effect/index.ts';
import {
  type Address,
  type Clock,
  ConfigurationError,
  type Log,
  messageOf,
} from '../../../base/kernel/index.ts';

/** One key, opened. */
export type Key = {
  readonly address: Address;
  /** This process has it at this moment, so that its signatures come however busy the machine is. */
  readonly held: boolean;
  /** Over 32 bytes, low s. Throws Transient when the key can not be reached. */
  sign(digest: Buffer): Promise<Signature>;
  /** Forgets what it holds. */
  close(): void;
};

export type Surroundings = {
  clock: Clock;
  log: Log;
  aws?: AwsLimits;
  /** Takes over private keys that this process has read; without it they are held beside everything else. */
  hold?: (secret: Buffer) => Key;
};

/** What can not be used is told with the name of the key that it was meant for. */
export function named<T>(name: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new ConfigurationError(`${name}: ${messageOf(error)}`);
  }
}
