import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Keystore, runSigner } from '../index.ts';
import { type Installation, startInstallation } from '../installation.fixture.ts';

let home: Installation;
beforeEach(async () => {
  home = await startInstallation();
});
afterEach(() => home.stop());

describe('runSigner', () => {
  const answered = async (requestIds: readonly string[]): Promise<void> => {
    const client = new pg.Client({ connectionString: home.databases.mainUrl });
    await client.connect();
    const open = async () =>
      (
        await client.query(
          'SELECT count(*)::int AS n FROM unnest($1::uuid[]) i(id) WHERE NOT EXISTS (SELECT FROM signature WHERE signature_request_id = i.id)',
          [requestIds],
        )
      ).rows[0].n;
    await client.query('LISTEN payonce_signature');
    let ring = () => {};
    client.on('notification', () => ring());
    for (;;) {
      const rung = new Promise<void>((resolve) => {
        ring = resolve;
      });
      if ((await open()) === 0) break;
      await rung;
    }
    await client.end();
  };

  it('answers what is there and what comes, survives its lost sessions, and ends when told', async () => {
    const before = await home.order({ key: 'before', nonce: 0 });
    const abort = new AbortController();
    const running = runSigner(home.signer('one'), {
      mainUrl: home.databases.mainUrl,
      signal: abort.signal,
    });
    await answered([before.requestId]);
    const during = await home.order({ key: 'during', nonce: 1 });
    await home.owner.query(`SELECT pg_notify('payonce_signature_request', '')`);
    await answered([during.requestId]);
    for (const url of [home.databases.mainUrl, home.databases.signerUrl]) {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'one' AND datname = current_database()`,
      );
      await client.end();
    }
    const after = await home.order({ key: 'after', nonce: 2 });
    await answered([after.requestId]);
    abort.abort();
    await running;
    expect((await home.signature(after.requestId))!.refusal).toBeNull();
  });

  it('keeps what it claimed while the journal is away, and signs it when that is back', async () => {
    const { requestId } = await home.order({ key: 'a', nonce: 0 });
    const signer = home.signer('one');
    let failures = 2;
    const journal = new Proxy(signer.journal, {
      get(pool, property) {
        if (property === 'connect' && failures > 0) {
          failures -= 1;
          return () => Promise.reject(Object.assign(new Error('gone'), { code: 'ECONNREFUSED' }));
        }
        const value = Reflect.get(pool, property);
        return typeof value === 'function' ? value.bind(pool) : value;
      },
    });
    const abort = new AbortController();
    const running = runSigner(
      { ...signer, journal },
      { mainUrl: home.databases.mainUrl, signal: abort.signal },
    );
    await answered([requestId]);
    abort.abort();
    await running;
    expect(failures).toBe(0);
  });

  /** Of a signer whose second lane's key signs when it is let. */
  const withSlowKey = () => {
    const signer = home.signer('one');
    const { keystore } = signer;
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const slow: Keystore = {
      address: keystore.address,
      sign: async (keyId, digest) => {
        if (keyId === 'hot-1') await held;
        return keystore.sign(keyId, digest);
      },
    };
    return { signer: { ...signer, keystore: slow }, letGo };
  };

  it('holds up no other lane behind a slow key, and hands over what that signs when it has', async () => {
    const { signer, letGo } = withSlowKey();
    const slow = await home.order({ key: 'slow', nonce: 0, lane: 1 });
    const quick = await home.order({ key: 'quick', nonce: 0 });
    const abort = new AbortController();
    const running = runSigner(signer, { mainUrl: home.databases.mainUrl, signal: abort.signal });
    await answered([quick.requestId]);
    const further = await home.order({ key: 'further', nonce: 1 });
    await home.owner.query(`SELECT pg_notify('payonce_signature_request', '')`);
    await answered([further.requestId]);
    expect(await home.signature(slow.requestId)).toBeNull();
    letGo();
    await answered([slow.requestId]);
    abort.abort();
    await running;
    expect((await home.signature(slow.requestId))!.refusal).toBeNull();
  });

  it('hands over at its end what a slow key is just about to sign', async () => {
    const { signer, letGo } = withSlowKey();
    const slow = await home.order({ key: 'slow', nonce: 0, lane: 1 });
    const quick = await home.order({ key: 'quick', nonce: 0 });
    const abort = new AbortController();
    const running = runSigner(signer, { mainUrl: home.databases.mainUrl, signal: abort.signal });
    await answered([quick.requestId]);
    abort.abort();
    letGo();
    await running;
    expect((await home.signature(slow.requestId))!.refusal).toBeNull();
  });
});
