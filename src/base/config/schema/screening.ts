import { Type } from 'typebox';
import { closed, integer, Secret } from './parts.ts';

/** Who is asked about destinations before they are paid. */
export const Screening = Type.Object(
  {
    list: Type.Optional(
      Type.Object(
        {
          file: Type.String({
            minLength: 1,
            description: 'the path of a file, relative to this one',
          }),
        },
        closed,
      ),
    ),
    provider: Type.Optional(
      Type.Object(
        {
          shape: Type.Enum(['payonce', 'chainalysis-sanctions']),
          url: Type.Union([Secret, Type.String({ minLength: 1, writeOnly: true })], {
            description: '{ env: NAME }, { file: PATH }, or a URL without a password',
            writeOnly: true,
          }),
          header: Type.Optional(
            Type.Object(
              {
                name: Type.String({
                  pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$",
                  description: 'the name of a header, like X-API-Key',
                }),
                value: Secret,
              },
              closed,
            ),
          ),
          timeoutMs: Type.Optional(integer(100, 60_000, ' ms')),
          maxConcurrent: Type.Optional(integer(1, 64, ' requests at a time')),
        },
        closed,
      ),
    ),
    maxAgeSeconds: Type.Optional(integer(10, 2_592_000, ' seconds')),
  },
  {
    ...closed,
    minProperties: 1,
    description: '{ list, provider, maxAgeSeconds }: at least one of list and provider',
  },
);
