import serializerSelector, { type SerializerFactory } from '@fastify/fast-json-stringify-compiler';

export type { SerializerFactory };

/**
 * Fastify's own serializers, each compiled for the first answer that needs it (some 10 ms): all at once they take more
 * than a second of every start.
 */
export function serializersAtFirstUse(): SerializerFactory {
  const factory = serializerSelector();
  return (schemas, options) => {
    const compile = factory(schemas, options);
    return (route) => {
      let serialize: ReturnType<typeof compile> | null = null;
      return (answer) => {
        serialize ??= compile(route);
        return serialize(answer);
      };
    };
  };
}
