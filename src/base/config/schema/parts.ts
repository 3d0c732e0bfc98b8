import { Type } from 'typebox';

// `description` is what a fault calls allowed; `writeOnly` marks a value that is never shown.
export const closed = { additionalProperties: false } as const;

export const Secret = Type.Object(
  {
    env: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
        description: 'the name of an environment variable',
        writeOnly: true,
      }),
    ),
    file: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'the path of a file, relative to this one',
        writeOnly: true,
      }),
    ),
  },
  {
    ...closed,
    minProperties: 1,
    maxProperties: 1,
    description: '{ env: NAME } or { file: PATH }; a secret never stands in the file itself',
  },
);

export const id = (description: string) =>
  Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$', description });
export const Amount = (description: string) => Type.String({ description });
export const Address = Type.String({
  description: 'an address in quotes: "0x" and 40 hex digits, in mixed case with its checksum',
});
export const integer = (minimum: number, maximum: number, unit: string) =>
  Type.Integer({
    minimum,
    maximum,
    description: `a whole number from ${minimum} to ${maximum}${unit}`,
  });

export const NETWORK = 'an address or a network in CIDR, like "10.0.0.0/8"';

export const PUBLIC_URL = 'an https URL of a name without a path, or an http URL of localhost';

export const Region = Type.String({
  pattern: '^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$',
  description: 'an AWS region, like eu-central-1',
});
export const Endpoint = Type.String({
  description: 'an https URL without a password, or an http URL of a loopback host',
});
