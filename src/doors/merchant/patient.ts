/** What the packages ask of a facilitator's client; theirs fits. */
type Facilitator<Payload, Asked, Verified, Settled, Supported> = {
  verify(payload: Payload, asked: Asked): Promise<Verified>;
  settle(payload: Payload, asked: Asked): Promise<Settled>;
  getSupported(): Promise<Supported>;
};

type Pending = { success?: boolean; errorReason?: string | undefined };

const REST_MS = 250;

/**
 * A facilitator's client that asks again while nobody knows: a lost answer, a time-out, an outage, a payment that waits for
 * its block. Asking again moves nothing twice; giving up would have the payer asked to pay again. When
 * `patienceMs` is over, what was heard last is told.
 */
export function patient<Payload, Asked, Verified, Settled extends Pending, Supported>(
  client: Facilitator<Payload, Asked, Verified, Settled, Supported>,
  { patienceMs = 60_000 }: { patienceMs?: number } = {},
): Facilitator<Payload, Asked, Verified, Settled, Supported> {
  return {
    verify: (payload, asked) => persist(patienceMs, () => client.verify(payload, asked), known),
    settle: (payload, asked) => persist(patienceMs, () => client.settle(payload, asked), decided),
    getSupported: () => client.getSupported(),
  };
}

const known = () => true;
const decided = ({ success, errorReason }: Pending) =>
  success === true || errorReason !== 'settlement_pending';

async function persist<Answer>(
  patienceMs: number,
  ask: () => Promise<Answer>,
  isEnd: (answer: Answer) => boolean,
): Promise<Answer> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const over = performance.now() >= deadline;
    try {
      const answer = await ask();
      if (over || isEnd(answer)) return answer;
    } catch (error) {
      // A verdict comes as an error too, where its status is not 200: it is one all the same.
      if (over || isVerdict(error)) throw error;
    }
    await new Promise((done) => setTimeout(done, REST_MS));
  }
}

function isVerdict(error: unknown): boolean {
  const told = error as { invalidReason?: unknown; errorReason?: unknown } | null;
  const reason = told?.invalidReason ?? told?.errorReason;
  return typeof reason === 'string' && !reason.startsWith('unexpected_');
}
