import { describe, expect, it } from 'vitest';
import { patient } from './patient.ts';

type Settled = { success: boolean; errorReason?: string };

/** A facilitator that says one thing after the other, the last one again and again. */
class Scripted {
  asked = 0;
  readonly #script: readonly (Settled | Error)[];

  constructor(...script: (Settled | Error)[]) {
    this.#script = script;
  }

  async settle(_payload: string, _asked: string): Promise<Settled> {
    const said = this.#script[Math.min(this.asked, this.#script.length - 1)]!;
    this.asked += 1;
    if (said instanceof Error) throw said;
    return said;
  }

  verify(payload: string, asked: string): Promise<Settled> {
    return this.settle(payload, asked);
  }

  async getSupported(): Promise<string> {
    return 'exact';
  }
}

const PENDING = { success: false, errorReason: 'settlement_pending' };
const PAID = { success: true };
const lost = () => new Error('fetch failed');
const verdict = (errorReason: string) => Object.assign(new Error('400'), { errorReason });

describe('a patient client', () => {
  it.each<[string, (Settled | Error)[], unknown, number]>([
    ['tells what it hears', [PAID], PAID, 1],
    ['asks again while a payment is pending', [PENDING, PENDING, PAID], PAID, 3],
    ['asks again after a lost answer', [lost(), lost(), PAID], PAID, 3],
    ['asks again after an outage', [verdict('unexpected_settle_error'), PAID], PAID, 2],
    [
      'takes a no for a no',
      [{ success: false, errorReason: 'x' }],
      { success: false, errorReason: 'x' },
      1,
    ],
  ])('%s', async (_, script, told, asked) => {
    const client = new Scripted(...script);
    expect(await patient(client).settle('p', 'r')).toEqual(told);
    expect(client.asked).toBe(asked);
  });

  it('takes a verdict that comes as an error for one', async () => {
    const client = new Scripted(verdict('credential_bound_elsewhere'), PAID);
    await expect(patient(client).settle('p', 'r')).rejects.toThrow('400');
    expect(client.asked).toBe(1);
  });

  it('tells at last what it heard last', async () => {
    const impatient = { patienceMs: 0 };
    expect(await patient(new Scripted(PENDING), impatient).settle('p', 'r')).toEqual(PENDING);
    await expect(patient(new Scripted(lost()), impatient).verify('p', 'r')).rejects.toThrow(
      'fetch',
    );
    expect(await patient(new Scripted(PAID)).getSupported()).toBe('exact');
  });
});
