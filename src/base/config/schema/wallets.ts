import { Type } from 'typebox';
import { Address, Amount, closed } from './parts.ts';

const wallet = {
  chain: Type.String({ description: 'the id of a chain of this file' }),
  address: Address,
  key: Type.String({ minLength: 1, description: 'the id of a key of signer.keys' }),
  tenant: Type.String({
    pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
    description: 'a tenant name: 1 to 63 characters of a-z 0-9 -, not - first',
  }),
};

const Native = (example: string) =>
  Amount(`a decimal string in quotes, of the native coin, like "${example}"`);

const AmountOfAsset = Type.Object(
  {
    asset: Type.String({ description: 'the id of an asset of this file' }),
    amount: Amount('a decimal string in quotes, like "1000"'),
  },
  closed,
);

const amounts = Type.Optional(
  Type.Array(AmountOfAsset, { description: 'a list of { asset, amount }' }),
);

export const Lane = Type.Object(
  {
    ...wallet,
    minGas: Type.Optional(Native('0.1')),
    minBalances: amounts,
    retired: Type.Optional(Type.Boolean({ description: 'true or false' })),
  },
  closed,
);

const TopUp = Type.Object(
  { below: Native('0.2'), amount: Native('0.5'), perDay: Native('5') },
  closed,
);

export const Treasury = Type.Object(
  { ...wallet, topUp: Type.Optional(TopUp), keep: amounts },
  closed,
);
