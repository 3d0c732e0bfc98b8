import { Type } from 'typebox';
import { Address, Amount, closed, id, integer } from './parts.ts';

const name = id('a name of 1 to 64 characters of A-Z a-z 0-9 . _ -');
const anAmount = Amount('a decimal string in quotes, like "1000"');
const asset = Type.String({
  description: "the id of an asset of this file, or a chain's native coin by its CAIP-19 id",
});

const Approver = Type.Object(
  {
    id: name,
    kind: Type.Enum(['ed25519', 'evm', 'webauthn']),
    publicKey: Type.Optional(
      Type.String({ description: 'a public key (SubjectPublicKeyInfo) in PEM or base64' }),
    ),
    address: Type.Optional(Address),
    credentialId: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9_-]{1,1400}$',
        description: 'a credential id, base64url',
      }),
    ),
    initiators: Type.Optional(
      Type.Array(
        Type.String({
          pattern: '^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|0x[0-9a-f]{40})$',
          description: "the id of an API key or an operator, or a payer's address in lower case",
        }),
        { description: "a list of ids of API keys and operators, and of payers' addresses" },
      ),
    ),
  },
  closed,
);

const Quorums = Type.Array(
  Type.Object({ group: name, count: integer(1, 100, ' approvers') }, closed),
  {
    minItems: 1,
    description: 'a list of at least one { group, count }',
  },
);

const Threshold = Type.Object(
  {
    kind: Type.Optional(Type.Enum(['withdrawal', 'payment'])),
    asset,
    above: anAmount,
    requirement: Type.Object(
      { all: Type.Optional(Quorums), any: Type.Optional(Quorums) },
      {
        ...closed,
        minProperties: 1,
        maxProperties: 1,
        description: '{ all: […] } or { any: […] } of { group, count }',
      },
    ),
  },
  closed,
);

const Limit = Type.Object(
  {
    walletGroup: name,
    asset,
    perTransaction: Type.Optional(anAmount),
    windows: Type.Optional(
      Type.Array(
        Type.Object({ seconds: integer(60, 31_622_400, ' seconds'), amount: anAmount }, closed),
        { description: 'a list of { seconds, amount }' },
      ),
    ),
  },
  closed,
);

/** Of the signer section: who must approve what, and how much may leave. */
export const guardSections = {
  approvers: Type.Optional(
    Type.Array(Approver, {
      description: 'a list of { id, kind, publicKey or address, initiators }',
    }),
  ),
  groups: Type.Optional(
    Type.Array(
      Type.Object(
        {
          id: name,
          members: Type.Array(name, { minItems: 1, description: 'a list of ids of approvers' }),
        },
        closed,
      ),
      { description: 'a list of { id, members }' },
    ),
  ),
  approvals: Type.Optional(
    Type.Array(Threshold, { description: 'a list of { kind, asset, above, requirement }' }),
  ),
  approvalsExpireAfterSeconds: Type.Optional(integer(60, 2_592_000, ' seconds')),
  webauthn: Type.Optional(
    Type.Object(
      {
        rpId: Type.String({
          pattern: '^[a-z0-9.-]{1,253}$',
          description: 'the domain of the page that approves, like pay.example.com',
        }),
        origins: Type.Array(
          Type.String({ description: 'an origin, like https://pay.example.com' }),
          {
            minItems: 1,
            description: 'a list of at least one origin',
          },
        ),
      },
      closed,
    ),
  ),
  walletGroups: Type.Optional(
    Type.Array(
      Type.Object(
        {
          id: name,
          lanes: Type.Array(
            Type.Object(
              {
                chain: Type.String({ description: 'the id of a chain of this file' }),
                address: Address,
              },
              closed,
            ),
            { minItems: 1, description: 'a list of at least one { chain, address }' },
          ),
        },
        closed,
      ),
      { description: 'a list of { id, lanes }' },
    ),
  ),
  limits: Type.Optional(
    Type.Array(Limit, { description: 'a list of { walletGroup, asset, perTransaction, windows }' }),
  ),
};
