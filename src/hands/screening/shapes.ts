import { type Static, type TSchema, Type } from 'typebox';
import { Check } from 'typebox/schema';
import type { Place, Risk } from '../../books/destination/index.ts';
import { Answer } from './http.ts';
import type { Said } from './port.ts';

const Results = Type.Object({
  results: Type.Array(
    Type.Object({
      chainId: Type.Integer(),
      address: Type.String({ pattern: '^0x[0-9a-fA-F]{40}$' }),
      riskScore: Type.Integer({ minimum: 0, maximum: 100 }),
      category: Type.Optional(
        Type.Union([Type.String({ pattern: '^[a-z0-9_]{1,64}$' }), Type.Null()]),
      ),
    }),
    { maxItems: 10_000 },
  ),
});

/** Ours: one question for many. docs/policy.md describes it. */
export function questionOf(places: readonly Place[]): unknown {
  return { addresses: places };
}

/** In the order asked. What the answer does not name, or names twice, has none. */
export function resultsOf(places: readonly Place[], answer: unknown, source: string): Said[] {
  const { results } = checked(Results, answer);
  const key = (place: { chainId: number; address: string }) =>
    `${place.chainId} ${place.address.toLowerCase()}`;
  const found = new Map<string, Said>();
  for (const one of results) {
    const risk: Risk = { score: one.riskScore, category: one.category ?? null, source };
    const before = found.has(key(one));
    found.set(key(one), before ? { failure: 'an answer that names it twice' } : risk);
  }
  return places.map(
    (place) => found.get(key(place)) ?? { failure: 'an answer that does not name it' },
  );
}

const Identifications = Type.Object({
  identifications: Type.Array(Type.Object({ category: Type.String({ maxLength: 256 }) }), {
    maxItems: 1_000,
  }),
});

/**
 * Chainalysis' sanctions API, `GET /api/v1/address/{address}` with the header X-API-Key: a list of identifications, empty
 * where there is none (auth-developers.chainalysis.com/sanctions-screening, "Check if an address is sanctioned").
 */
export function identificationOf(answer: unknown, source: string): Risk {
  const { identifications } = checked(Identifications, answer);
  const [first] = identifications;
  if (first === undefined) return { score: 0, category: null, source };
  const named = identifications.some(({ category }) => category === 'sanctions');
  return { score: 100, category: named ? 'sanctions' : wordOf(first.category), source };
}

/** As categories are written in policies. */
function wordOf(text: string): string {
  const word = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .slice(0, 64);
  return /^[a-z0-9_]+$/.test(word) ? word : 'unnamed';
}

function checked<const Schema extends TSchema>(schema: Schema, answer: unknown): Static<Schema> {
  if (Check(schema, answer)) return answer as Static<Schema>;
  throw new Answer('an answer of another shape');
}
