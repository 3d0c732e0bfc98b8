import serializerSelector from '@fastify/fast-json-stringify-compiler';
import { expect, it } from 'vitest';
import { silentLog } from '../../../base/kernel/index.ts';
import { FakeServices } from '../fixtures/services.fixture.ts';
import { buildServer } from '../server.ts';
import { type SerializerFactory, serializersAtFirstUse } from './serializers.ts';

const route = (schema: object) => ({ method: 'GET', url: '/', httpStatus: '200', schema });
const NAMED = { type: 'object', properties: { name: { type: 'string' } } };

it('compiles the schemas of all answers, those that no test asks for too', async () => {
  let compiled = 0;
  const atOnce: SerializerFactory = (...given) => {
    const compile = serializerSelector()(...given);
    return (each) => {
      compiled += 1;
      return compile(each);
    };
  };
  const services = new FakeServices();
  const options = { services, log: silentLog, version: '0.0.0', bodyLimitBytes: 2048 };
  const app = await buildServer({ ...options, serializers: atOnce });
  await app.close();
  expect(compiled).toBeGreaterThan(100);
});

it('leaves out what an answer schema does not name, as the serializers that it defers do', () => {
  const serialize = serializersAtFirstUse()({}, {})(route(NAMED));
  expect(serialize({ name: 'a', secret: 'b' })).toBe('{"name":"a"}');
  expect(serialize({ name: 'c' })).toBe('{"name":"c"}');
});

it('compiles nothing before the first answer', () => {
  const broken = route({ $ref: 'nowhere#' });
  expect(() => serializerSelector()({}, {})(broken)).toThrow(/nowhere/);
  const serialize = serializersAtFirstUse()({}, {})(broken);
  expect(() => serialize({})).toThrow(/nowhere/);
});
