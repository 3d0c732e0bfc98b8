import { createPrivateKey } from 'node:crypto';
import { hostname } from 'node:os';
import type { Settings } from '../../../base/config/index.ts';
import { openPool } from '../../../base/db/index.ts';
import {
  ConfigurationError,
  type Log,
  randomToken,
  systemClock,
} from '../../../base/kernel/index.ts';
import {
  beginWitness,
  FileWitness,
  Handshake,
  OwnTime,
  openKeystore,
  runRootSigner,
  runSigner,
  SigningThread,
  signingRules,
} from '../../../hands/signer/index.ts';
import { databaseReady, type RoleHandle } from './role.ts';

type SignerOptions = {
  settings: Settings;
  log: Log;
  /** One line for a person at a terminal. */
  say?: (line: string) => void;
};

/** The signer: no port, keys in this process only, its own journal and its witness. */
export async function startSigner({ settings, log, say }: SignerOptions): Promise<RoleHandle> {
  if (settings.signer === null)
    throw new ConfigurationError('signer: the configuration has no signer section');
  const thread = new SigningThread();
  const keystore = await openKeystore(settings.signer.keys, settings.lanes, {
    clock: systemClock,
    log,
    hold: (secret) => thread.hold(secret),
  });
  const rules = signingRules(settings, keystore);
  const pool = (url: string, name: string) =>
    openPool({ url, role: 'payonce_signer', name, max: 4 });
  const main = pool(settings.database.url, 'payonce-signer');
  const journal = pool(settings.signer.databaseUrl, 'payonce-signer-journal');
  await databaseReady(main, 'main', log);
  await databaseReady(journal, 'signer', log);
  const stop = new AbortController();
  const witness = new FileWitness(settings.signer.witnessFile);
  if (settings.signer.witnessBegins) await beginWitness(journal, witness);
  const name = `${hostname()}:${process.pid}:${randomToken().slice(0, 8)}`;
  const handshake = new Handshake({
    name,
    main,
    journal,
    witness,
    clock: systemClock,
    log,
    ...(say === undefined ? {} : { say }),
  });
  const time = new OwnTime({
    ...{ main, journal, clock: systemClock, log },
    tell: (message) => say?.(message),
  });
  // Told at the start; judged where an expiry is.
  await time.now();
  const running = runSigner(
    { name, main, journal, rules, keystore, handshake, time, clock: systemClock, log },
    { mainUrl: settings.database.url, signal: stop.signal },
  );
  const { auditKey } = settings.signer;
  const roots =
    auditKey === null
      ? null
      : runRootSigner(
          { main, journal, key: createPrivateKey(auditKey), clock: systemClock, log },
          stop.signal,
        );
  return {
    async stop() {
      stop.abort();
      await Promise.all([running, roots]);
      keystore.stop();
      thread.stop();
      await Promise.all([main.end(), journal.end()]);
    },
  };
}
