import { type Static, type TProperties, type TSchema, Type } from 'typebox';
import { ERRORS } from '../../../base/kernel/index.ts';
import type { BalanceView, DepositView, TransferView } from '../../../roads/deposit/index.ts';
import { PUBLIC_STATUSES, type WithdrawalView } from '../../../roads/withdrawal/index.ts';
import type { Problem } from './error-map.ts';

/**
 * The shapes of answers and bodies. Answers are serialised by them (a member that is not here does not
 * go out); bodies are held to theirs by the roads' parsers, which know assets and list every fault.
 */

/** `type: [x, null]` instead of anyOf: the serialiser then needs no validator to choose. */
function nullable<T extends TSchema>(schema: T) {
  const { type } = schema as unknown as { type: string };
  return Type.Unsafe<Static<T> | null>({ ...schema, type: [type, 'null'] });
}

/** Any JSON; the serialiser hands it to JSON.stringify. */
export const json = <T>(description: string) => Type.Unsafe<T>({ description });

function object<P extends TProperties>(
  properties: P,
  options: { $id?: string; description?: string } = {},
) {
  return Type.Object(properties, { additionalProperties: false, ...options });
}

const id = Type.String({ format: 'uuid', description: 'UUIDv7' });
const time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC' });
const text = Type.String();
const amount = Type.String({
  pattern: '^(0|[1-9][0-9]*)([.][0-9]+)?$',
  description: "A decimal string in the asset's unit, with no more decimals than the asset has",
  examples: ['12.50'],
});
const atomic = Type.String({ pattern: '^-?[0-9]+$', description: 'The same in base units' });
const signed = Type.String({ description: 'A decimal string; negative: taken from the account' });
const account = Type.String({
  pattern: '^[A-Za-z0-9._:-]{1,128}$',
  description: "The tenant's own name for a customer; the first deposit creates it",
});
const asset = Type.String({ description: 'A configured id or its CAIP-19 id', examples: ['USDC'] });
const address = Type.String({
  pattern: '^0x[0-9a-fA-F]{40}$',
  description: 'The EIP-55 checksum is verified when the case is mixed',
});
const hash = Type.String({ pattern: '^0x[0-9a-f]{64}$' });
const key = Type.String({ minLength: 1, maxLength: 255, pattern: '^[\\x21-\\x7e]+$' });
const metadata = Type.Unsafe<Record<string, unknown>>({
  type: 'object',
  additionalProperties: true,
  description: 'Yours; kept and given back',
});

const attempt = object({
  id,
  txHash: hash,
  status: text,
  maxFeePerGas: atomic,
  maxPriorityFeePerGas: atomic,
  sentAt: nullable(time),
  acceptedAt: nullable(time),
});

const withdrawal = object(
  {
    id,
    status: Type.Unsafe<WithdrawalView['status']>({
      type: 'string',
      enum: [...PUBLIC_STATUSES],
      description: 'The furthest stage reached; it never goes back',
    }),
    confirmation: object(
      {
        level: Type.Unsafe<WithdrawalView['confirmation']['level']>({
          type: 'string',
          enum: ['none', 'included', 'safe', 'finalized'],
        }),
        blockNumber: nullable(text),
        blockHash: nullable(text),
      },
      { description: 'What the canonical chain shows now' },
    ),
    waiting: nullable(object({ reason: text, detail: nullable(text) })),
    account,
    asset,
    amount,
    amountAtomic: atomic,
    fee: amount,
    feeAtomic: atomic,
    to: address,
    externalId: nullable(text),
    idempotencyKey: key,
    metadata: json<WithdrawalView['metadata']>('The metadata of the request, or null'),
    riskTier: nullable(text),
    decision: nullable(
      object({ id, policyVersion: text, trace: json<unknown>('How policy came to it') }),
    ),
    approvals: object({ required: Type.Integer(), given: Type.Integer() }),
    nonceKey: nullable(Type.String({ description: 'chain:from:nonce' })),
    txHash: nullable(text),
    attempts: Type.Array(attempt),
    reorgs: Type.Integer(),
    failure: nullable(object({ code: text, message: text })),
    correlationId: text,
    expiresAt: nullable(time),
    createdAt: time,
    updatedAt: time,
    completedAt: nullable(time),
  },
  { $id: 'Withdrawal' },
);

const deposit = object(
  {
    id,
    account,
    asset,
    amount,
    amountAtomic: atomic,
    reference: text,
    idempotencyKey: key,
    correlationId: text,
    createdAt: time,
  },
  { $id: 'Deposit' },
);

const balance = object(
  {
    asset,
    posted: amount,
    reserved: amount,
    available: amount,
    pending: amount,
    postedAtomic: atomic,
    reservedAtomic: atomic,
    availableAtomic: atomic,
    pendingAtomic: atomic,
  },
  { $id: 'Balance', description: 'posted = available + reserved; pending becomes available' },
);

const transfer = object(
  {
    id,
    kind: text,
    asset,
    available: signed,
    availableAtomic: atomic,
    reserved: signed,
    reservedAtomic: atomic,
    subjectId: nullable(id),
    correlationId: nullable(text),
    at: time,
  },
  { $id: 'Transfer', description: 'What one ledger movement added to the account, or took' },
);

export type EventJson = {
  cursor: string;
  id: string;
  type: string;
  subjectId: string | null;
  withdrawalId: string | null;
  from: string | null;
  to: string | null;
  correlationId: string | null;
  data: Record<string, unknown> | null;
  at: string;
};

const event = object(
  {
    cursor: Type.String({ description: 'Give it as `after` or Last-Event-ID to go on behind it' }),
    id,
    type: Type.String({ examples: ['withdrawal.reserved', 'tx.included'] }),
    subjectId: nullable(id),
    withdrawalId: nullable(id),
    from: nullable(Type.String({ description: 'The state that was left' })),
    to: nullable(Type.String({ description: 'The state that was reached' })),
    correlationId: nullable(text),
    data: json<EventJson['data']>('What the event says beside the states'),
    at: time,
  },
  { $id: 'Event' },
);

const problem = Type.Object(
  {
    type: Type.String({ description: 'A link to the code in the error reference' }),
    title: text,
    status: Type.Integer(),
    detail: Type.String({ description: 'What came, what was expected, what to do' }),
    code: Type.Unsafe<Problem['code']>({ type: 'string', enum: Object.keys(ERRORS) }),
    retryable: Type.Boolean(),
    outcome: Type.Unsafe<Problem['outcome']>({
      type: 'string',
      enum: ['none', 'done', 'unknown'],
      description:
        'none: nothing happened · done: it happened · unknown: ask again with the same key',
    }),
    correlationId: text,
    errors: Type.Optional(
      Type.Array(object({ pointer: text, code: text, got: text, expected: text }), {
        description: 'Every fault that was found',
      }),
    ),
  },
  {
    $id: 'Problem',
    additionalProperties: true,
    description:
      'RFC 9457; some codes have members of their own (available, required, reason, scope)',
  },
);

/** Registered once; routes refer to them by name. */
export const SHARED: readonly TSchema[] = [withdrawal, deposit, balance, transfer, event, problem];

export const Withdrawal = Type.Unsafe<WithdrawalView>({ $ref: 'Withdrawal#' });
export const Deposit = Type.Unsafe<DepositView>({ $ref: 'Deposit#' });
const cursor = nullable(Type.String({ description: 'Give it for the next page; null: the end' }));

export const WithdrawalPage = object({ withdrawals: Type.Array(Withdrawal), cursor });
export const BalanceList = object({
  account,
  balances: Type.Array(Type.Unsafe<BalanceView>({ $ref: 'Balance#' })),
});
export const TransferPage = object({
  transfers: Type.Array(Type.Unsafe<TransferView>({ $ref: 'Transfer#' })),
  cursor,
});
export const EventPage = object({
  events: Type.Array(Type.Unsafe<EventJson>({ $ref: 'Event#' })),
  cursor: Type.String({ description: 'Where to go on, also when there were no events' }),
});
export const ChainList = object({
  chains: Type.Array(json<unknown>('Heads, endpoints and health of one chain')),
});

export const BatchAnswer = object({
  results: Type.Array(
    object({
      status: Type.Integer({ description: 'What the item alone would have been answered with' }),
      replayed: Type.Boolean({ description: 'The key was used before; as Idempotent-Replayed' }),
      withdrawal: Type.Optional(Withdrawal),
      problem: Type.Optional(Type.Unsafe<Problem>({ $ref: 'Problem#' })),
    }),
    { description: 'In the order of the request' },
  ),
});

export const Health = object({ status: text });
export const Readiness = object({
  ready: Type.Boolean(),
  checks: Type.Unsafe<Record<string, { ok: boolean; detail: string }>>({
    type: 'object',
    additionalProperties: object({ ok: Type.Boolean(), detail: text }),
  }),
});

const order = {
  account,
  asset,
  amount,
  to: address,
  externalId: Type.Optional(Type.String({ description: 'Unique per tenant for ever' })),
  expiresAt: Type.Optional(time),
  metadata: Type.Optional(metadata),
};
export const WithdrawalBody = object(order);
export const BatchBody = object({
  withdrawals: Type.Array(object({ idempotencyKey: key, ...order }), {
    minItems: 1,
    maxItems: 1000,
  }),
});
export const SpeedUpBody = object({
  maxFeePerGasGwei: Type.Optional(
    Type.String({ description: 'What it is to bid at most, in gwei, like "52.5"' }),
  ),
});
export const DepositBody = object({
  account,
  asset,
  amount,
  reference: Type.String({ description: "The deposit system's own name for it, once per tenant" }),
});

export const KeyHeader = object({ 'idempotency-key': key });
export const WithdrawalParams = object({ id });
export const AccountParams = object({ account });

const refused = {
  description: 'A problem document',
  content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
};
/** The other half of every route's answers. */
export const problems = { '4xx': refused, '5xx': refused } as const;
