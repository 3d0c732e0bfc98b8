import { Type } from 'typebox';
import { closed, Endpoint, integer, Region } from './parts.ts';

export const Audit = Type.Object(
  {
    publicKeys: Type.Array(
      Type.String({
        pattern: '^0x[0-9a-f]{64}$',
        description: 'a raw Ed25519 public key: "0x" and 64 lower-case hex digits in quotes',
      }),
      { minItems: 1, description: 'a list of at least one public key' },
    ),
    anchor: Type.Optional(
      Type.Object(
        {
          file: Type.Optional(
            Type.String({
              minLength: 1,
              description:
                'the path of a file, relative to this one, on another disk than the database',
            }),
          ),
          s3: Type.Optional(
            Type.Object(
              {
                bucket: Type.String({
                  pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$',
                  description: 'the name of a bucket with Object Lock',
                }),
                prefix: Type.Optional(
                  Type.String({
                    pattern: '^[A-Za-z0-9/._-]{0,200}$',
                    description: "what this installation's keys begin with",
                  }),
                ),
                region: Region,
                endpoint: Type.Optional(Endpoint),
                retainDays: integer(1, 36_500, ' days'),
              },
              closed,
            ),
          ),
        },
        {
          ...closed,
          minProperties: 1,
          maxProperties: 1,
          description: '{ file } or { s3: { bucket, prefix, region, retainDays } }',
        },
      ),
    ),
  },
  closed,
);
