import { type Static, type TSchema, Type } from 'typebox';
import { DAYS, DIMENSIONS, HOLDS, KINDS, METHODS, WHEN_UNSCREENED } from './types.ts';

// `description` is what a fault calls allowed.
const closed = { additionalProperties: false } as const;
const NAME = '^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$';
const name = (what: string) =>
  Type.String({
    pattern: NAME,
    description: `${what}: 1 to 128 characters of A-Z a-z 0-9 . _ : -`,
  });
const list = <Item extends TSchema>(item: Item, what: string) =>
  Type.Array(item, { minItems: 1, description: `a list of at least one ${what}` });
const Address = Type.String({
  description: 'an address in quotes: "0x" and 40 hex digits, in mixed case with its checksum',
});
const Amount = Type.String({
  description: 'a decimal string in quotes above 0, like "1000", in the unit of each asset',
});
const Duration = Type.String({
  description: 'a duration from 1 minute to 400 days, like "24h", "30d" or "PT15M"',
});
const Endpoint = Type.String({
  pattern: '^\\S{1,2048}$',
  description: 'the id of a priced endpoint, or the URL of what is paid for, without its query',
});
const Risk = Type.Integer({ minimum: 0, maximum: 100, description: 'a risk score from 0 to 100' });
const Time = Type.String({
  pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$',
  description: 'a time of the day in quotes, "00:00" to "23:59"',
});
const Dates = list(
  Type.String({
    pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$',
    description: 'a day in quotes, like "2026-12-25"',
  }),
  'day, like "2026-12-25"',
);

const When = Type.Object(
  {
    timeZone: Type.String({ description: 'an IANA time zone, like "Europe/Berlin"' }),
    days: Type.Optional(list(Type.Enum([...DAYS]), `of ${DAYS.join(', ')}`)),
    from: Type.Optional(Time),
    to: Type.Optional(Time),
    dates: Type.Optional(Dates),
    exceptDates: Type.Optional(Dates),
  },
  closed,
);

const Match = Type.Object(
  {
    kinds: Type.Optional(list(Type.Enum([...KINDS]), `of ${KINDS.join(', ')}`)),
    tenants: Type.Optional(list(name('a tenant'), 'tenant')),
    accounts: Type.Optional(list(name('an account'), 'account')),
    assets: Type.Optional(
      list(
        Type.String({ description: 'an asset of the configuration, by id or CAIP-19 id' }),
        'asset',
      ),
    ),
    chains: Type.Optional(list(name('a chain of the configuration'), 'chain')),
    wallets: Type.Optional(list(name('a wallet group'), 'wallet group')),
    destinations: Type.Optional(list(Address, 'address')),
    merchants: Type.Optional(list(name('a merchant'), 'merchant')),
    endpoints: Type.Optional(list(Endpoint, 'endpoint')),
    spenders: Type.Optional(list(Address, 'address')),
    over: Type.Optional(Amount),
    riskOver: Type.Optional(Risk),
    riskCategories: Type.Optional(
      list(
        Type.String({
          pattern: '^[a-z0-9_]{1,64}$',
          description: 'a category: 1 to 64 characters of a-z 0-9 _',
        }),
        'category',
      ),
    ),
    lookAlike: Type.Optional(Type.Boolean({ description: 'true or false' })),
    when: Type.Optional(When),
  },
  closed,
);

const Group = Type.Object(
  {
    group: name('a group of approvers'),
    count: Type.Integer({ minimum: 1, maximum: 100, description: 'a whole number from 1 to 100' }),
  },
  closed,
);
const Groups = list(Group, '{ group, count }');
const Approvals = Type.Object(
  { all: Type.Optional(Groups), any: Type.Optional(Groups) },
  {
    ...closed,
    minProperties: 1,
    maxProperties: 1,
    description: 'exactly one of all, any: a list of { group, count }',
  },
);

const Tier = Type.Object(
  {
    name: name('a name'),
    over: Type.Optional(Amount),
    upTo: Type.Optional(Amount),
    maxRisk: Type.Optional(Risk),
    commitAt: Type.Enum(['safe', 'finalized']),
    waitUntil: Type.Optional(Type.Enum(['included', 'safe', 'finalized'])),
    approvals: Type.Optional(Approvals),
    screening: Type.Optional(
      Type.Object({ whenUnavailable: Type.Enum([...WHEN_UNSCREENED]) }, closed),
    ),
    auditSample: Type.Optional(
      Type.Number({ minimum: 0, maximum: 1, description: 'a share from 0 to 1, like 0.05' }),
    ),
  },
  closed,
);

const rule = <const Name extends string, Parts extends Record<string, TSchema>>(
  type: Name,
  parts: Parts,
) =>
  Type.Object(
    { id: name('a rule id'), type: Type.Enum([type]), match: Type.Optional(Match), ...parts },
    closed,
  );

const limit = {
  per: Type.Enum([...DIMENSIONS]),
  amount: Type.Optional(Amount),
  count: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_000_000_000,
      description: 'a whole number from 1 to 1000000000',
    }),
  ),
};

/** One schema for each type of rule. */
export const RULE_SCHEMAS = {
  allow: rule('allow', {}),
  deny: rule('deny', {}),
  cap: rule('cap', { amount: Amount }),
  window: rule('window', { window: Duration, ...limit }),
  lifetime: rule('lifetime', limit),
  address_book: rule('address_book', { coolDown: Type.Optional(Duration) }),
  scope: rule('scope', {
    contracts: Type.Optional(list(Address, 'address')),
    methods: Type.Optional(list(Type.Enum([...METHODS]), `of ${METHODS.join(', ')}`)),
  }),
  schedule: rule('schedule', { when: When }),
  hold: rule('hold', {
    hold: Type.Enum([...HOLDS]),
    timeout: Duration,
    onTimeout: Type.Optional(Type.Enum(['deny'])),
  }),
  tiers: rule('tiers', { tiers: list(Tier, '{ name, upTo, commitAt }') }),
} as const;

export type RuleSections = {
  [Type in keyof typeof RULE_SCHEMAS]: Static<(typeof RULE_SCHEMAS)[Type]>;
};
export type MatchSection = Static<typeof Match>;
export type WhenSection = Static<typeof When>;
export type TierSection = Static<typeof Tier>;
export type ApprovalsSection = Static<typeof Approvals>;

/** The document without its rules, each of which is fitted to the schema of its type. */
export const DocumentSchema = Type.Object(
  {
    version: Type.Integer({ minimum: 1, maximum: 1, description: '1' }),
    rules: Type.Array(Type.Unknown(), {
      minItems: 1,
      maxItems: 500,
      description: 'a list of 1 to 500 rules',
    }),
  },
  closed,
);

/** The JSON Schema (2020-12) of a policy document; docs/policy.schema.json is this, written out. */
export function policySchema(): Record<string, unknown> {
  const rules = {
    type: 'array',
    minItems: 1,
    maxItems: 500,
    items: { anyOf: Object.values(RULE_SCHEMAS) },
  };
  const schema = { ...DocumentSchema, properties: { ...DocumentSchema.properties, rules } };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'payonce policy document',
    ...(JSON.parse(JSON.stringify(schema)) as Record<string, unknown>),
  };
}
