import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLaws } from '../../src/roads/reconcile/index.ts';
import type { Installation } from '../support/installation.ts';
import { verifyOf } from '../support/verify.ts';
import { PLANTS } from './chain-plants.ts';
import { copyDatabase, finishedInstallation, onServer } from './finished.ts';

const laws = readLaws();
let on: Installation;
type Copies = Record<'main' | 'signer', { url: string; drop(): Promise<void> }>;
/** Without constraints: every plant's own copy is made of these, so nobody may be connected to them. */
let lawless: Copies;
/** What stands beside a planted one. */
let intact: Copies;

beforeAll(async () => {
  on = await finishedInstallation();
  const { mainUrl, signerUrl } = on.databases;
  // A database that is copied has no sessions.
  await on.owner.end();
  lawless = {
    main: await copyDatabase(mainUrl, { lawless: true }),
    signer: await copyDatabase(signerUrl, { lawless: true }),
  };
  intact = {
    main: await copyDatabase(mainUrl, { lawless: false }),
    signer: await copyDatabase(signerUrl, { lawless: false }),
  };
});
afterAll(async () => {
  for (const copies of [lawless, intact]) {
    await copies?.main.drop();
    await copies?.signer.drop();
  }
  await on?.anvil.stop();
  await on?.databases.drop();
});

const verifyCopies = (main: string, signer: string, names?: readonly string[]) =>
  verifyOf({
    mainUrl: main,
    signerUrl: signer,
    nodes: [on.anvil.url],
    ...(names === undefined ? {} : { laws: laws.filter(({ name }) => names.includes(name)) }),
  });

describe('a law', () => {
  it('has its one plant, and every plant its law', () => {
    expect(PLANTS.map(({ law }) => law).sort()).toEqual(laws.map(({ name }) => name).sort());
  });

  it('holds in a finished installation, whatever end its withdrawals came to', async () => {
    const report = await verifyCopies(intact.main.url, intact.signer.url);
    expect(report.laws.filter(({ status }) => status !== 'ok')).toEqual([]);
    expect(report.result).toBe('clean');
  });

  it.concurrent.each(PLANTS)(
    '$law names the row that breaks it',
    async ({ law, on: database, sql }) => {
      const copy = await copyDatabase(lawless[database].url, { lawless: false });
      try {
        const planted = await onServer<{ subject: string }>(copy.url, sql);
        expect(planted).toHaveLength(1);
        const other = database === 'main' ? intact.signer.url : intact.main.url;
        const report = await (database === 'main'
          ? verifyCopies(copy.url, other, [law])
          : verifyCopies(other, copy.url, [law]));
        expect(report.result).toBe('broken');
        expect(report.laws.map((one) => [one.law, one.status])).toEqual([[law, 'broken']]);
        const named = report.laws[0]!.first;
        expect(named.map(({ subject }) => subject)).toContain(planted[0]!.subject);
      } finally {
        await copy.drop();
      }
    },
  );
});
