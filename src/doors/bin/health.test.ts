import { expect, it } from 'vitest';
import type { Settings } from '../../base/config/index.ts';
import { systemClock } from '../../base/kernel/index.ts';
import { ReadinessProbe } from './health.ts';

it('readiness, which everybody may read, tells that the database is away, and not where it is or who asks', async () => {
  const url = 'postgres://the-user:the-word@127.0.0.1:1/books';
  const settings = { database: { url }, chains: [] } as unknown as Settings;
  const probe = new ReadinessProbe(settings, systemClock);
  const told = await probe.tell();
  await probe.stop();
  expect(told).toEqual({
    ready: false,
    checks: { database: { ok: false, detail: 'not reachable: ECONNREFUSED' } },
  });
});
