import { Type } from 'typebox';
import { closed, Endpoint, id, integer, Region, Secret } from './parts.ts';

export const Key = Type.Object(
  {
    id: id('a name of 1 to 64 characters of A-Z a-z 0-9 . _ -'),
    keystore: Type.Optional(
      Type.Object(
        {
          file: Type.String({ minLength: 1, description: 'the path of a keystore v3 file' }),
          password: Secret,
        },
        closed,
      ),
    ),
    privateKey: Type.Optional(Secret),
    development: Type.Optional(
      Type.Object(
        {
          privateKey: Type.Union(
            [
              Secret,
              Type.String({
                pattern: '^0x[0-9a-fA-F]{64}$',
                description: '{ env: NAME }, or "0x" and 64 hex digits in quotes',
                writeOnly: true,
              }),
            ],
            { description: '{ env: NAME }, or "0x" and 64 hex digits in quotes', writeOnly: true },
          ),
        },
        closed,
      ),
    ),
    kms: Type.Optional(
      Type.Object(
        {
          keyId: Type.String({ minLength: 1, description: 'the id, ARN or alias of a KMS key' }),
          region: Region,
          endpoint: Type.Optional(Endpoint),
          requestsPerSecond: Type.Optional(integer(1, 100_000, ' requests a second')),
        },
        closed,
      ),
    ),
    secretsManager: Type.Optional(
      Type.Object(
        {
          secretId: Type.String({ minLength: 1, description: 'the name or ARN of a secret' }),
          region: Region,
          endpoint: Type.Optional(Endpoint),
          password: Type.Optional(Secret),
        },
        closed,
      ),
    ),
  },
  {
    ...closed,
    minProperties: 2,
    maxProperties: 2,
    description: 'id and exactly one of keystore, privateKey, development, kms, secretsManager',
  },
);
