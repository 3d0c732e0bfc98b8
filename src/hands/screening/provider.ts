import type { ScreeningProviderSettings } from '../../base/config/index.ts';
import { messageOf } from '../../base/kernel/index.ts';
import type { Place } from '../../books/destination/index.ts';
import { callProvider } from './http.ts';
import type { RiskProvider, Said } from './port.ts';
import { identificationOf, questionOf, resultsOf } from './shapes.ts';

/** Places in one question of our own shape. */
const BATCH = 100;

/** One call of a provider: about how many places, and what it says of them. Throws what is wrong. */
type Shape = {
  batch: number;
  call(settings: ScreeningProviderSettings, places: readonly Place[]): Promise<Said[]>;
};

const SHAPES: Record<ScreeningProviderSettings['shape'], Shape> = {
  payonce: {
    batch: BATCH,
    call: async (settings, places) => {
      const answer = await callProvider(settings, { body: questionOf(places) });
      return resultsOf(places, answer, settings.shape);
    },
  },
  'chainalysis-sanctions': {
    batch: 1,
    call: async (settings, [place]) => {
      const path = `/address/${place!.address}`;
      return [identificationOf(await callProvider(settings, { path }), settings.shape)];
    },
  },
};

/** A provider over HTTP: as many calls at a time as it is configured for. */
export function httpProvider(settings: ScreeningProviderSettings): RiskProvider {
  const { batch, call } = SHAPES[settings.shape];
  const answered = async (places: readonly Place[]): Promise<Said[]> => {
    try {
      return await call(settings, places);
    } catch (error) {
      const failure = `${settings.shape}: ${messageOf(error)}`;
      return places.map(() => ({ failure }));
    }
  };
  return {
    name: settings.shape,
    // One round of calls, so that an answer comes within the time of one.
    room: batch * settings.maxConcurrent,
    withinMs: settings.timeoutMs,
    async ask(places) {
      const calls: Promise<Said[]>[] = [];
      for (let from = 0; from < places.length; from += batch) {
        calls.push(answered(places.slice(from, from + batch)));
      }
      return (await Promise.all(calls)).flat();
    },
  };
}
