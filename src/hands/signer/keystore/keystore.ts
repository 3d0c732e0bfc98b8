import { readFileSync } from 'node:fs';
import {
  DEVELOPMENT_CHAIN_ID,
  isDevelopmentKey,
  type KeySettings,
  type LaneSettings,
} from '../../../base/config/index.ts';
import type { Signature } from '../../../base/effect/index.ts';
import {
  type Address,
  ConfigurationError,
  fromHex,
  messageOf,
  Transient,
} from '../../../base/kernel/index.ts';
import { type Key, named, type Surroundings } from './key.ts';
import { kmsKey } from './kms.ts';
import { localKey } from './local.ts';
import { secretsManagerKey } from './secrets-manager.ts';
import { decryptKeystoreV3 } from './v3.ts';

/**
 * Whoever holds keys: this process, a KMS, an HSM. A signature is over 32 bytes, low s. Throws
 * Transient when the holder can not be reached; asked again it may give another valid signature,
 * which is why the journal and not the key decides what is handed out.
 */
export type Keystore = {
  address(keyId: string): Address | undefined;
  sign(keyId: string, digest: Buffer): Promise<Signature>;
  /** Whether this process has the key at this moment. A batch waits for what such keys sign; absent, for no key. */
  holds?(keyId: string): boolean;
};

/** stop() forgets the keys: nothing is signed after. */
type OpenKeystore = Keystore & { stop(): void };

const TRY_AGAIN_MS = 1_000;

/**
 * Opens every key once: files are decrypted (a key decrypted per signature has been seen to eat 19 GiB), secrets
 * loaded, public keys asked for. A key that can not be reached is waited for. Throws ConfigurationError that names
 * the key and never shows it: a file or secret that can not be read or is no key, a KMS key of another kind, a
 * development key for a lane of a real chain.
 */
export async function openKeystore(
  keys: readonly KeySettings[],
  lanes: readonly LaneSettings[],
  surroundings: Surroundings,
): Promise<OpenKeystore> {
  for (const key of keys) if (isKnownToAll(key)) refuseOnRealChains(key.id, lanes);
  const held = new Map<string, Key>();
  const stop = () => {
    for (const key of held.values()) key.close();
    held.clear();
  };
  const giveUp = new AbortController();
  const opening = keys.map(async (settings) => {
    held.set(settings.id, await opened(settings, surroundings, giveUp.signal));
  });
  try {
    await Promise.all(opening);
  } catch (error) {
    giveUp.abort();
    await Promise.allSettled(opening);
    stop();
    throw error;
  }
  return {
    address: (keyId) => held.get(keyId)?.address,
    sign: async (keyId, digest) => {
      const key = held.get(keyId);
      if (key === undefined) throw new ConfigurationError(`there is no key ${keyId}`);
      return key.sign(digest);
    },
    holds: (keyId) => held.get(keyId)?.held === true,
    stop,
  };
}

/** What ships with every development chain is a development key however it comes. */
function isKnownToAll(key: KeySettings): boolean {
  if (key.kind === 'development') return true;
  return key.kind === 'privateKey' && isDevelopmentKey(key.privateKey);
}

function refuseOnRealChains(id: string, lanes: readonly LaneSettings[]): void {
  const real = lanes.find((lane) => lane.key === id && lane.chainId !== DEVELOPMENT_CHAIN_ID);
  if (real === undefined) return;
  throw new ConfigurationError(
    `key ${id} is a development key, known to everyone, and lane ${real.address} is on chain ${real.chainId}: development keys are for chain ${DEVELOPMENT_CHAIN_ID} only`,
  );
}

async function opened(
  settings: KeySettings,
  surroundings: Surroundings,
  giveUp: AbortSignal,
): Promise<Key> {
  const { clock, log } = surroundings;
  for (let told = ''; ; ) {
    try {
      return await openKey(settings, surroundings);
    } catch (error) {
      if (!(error instanceof Transient) || giveUp.aborted) throw error;
      const message = messageOf(error);
      if (message !== told) log.warn({ error: message }, 'waiting for a key');
      told = message;
      await clock.sleep(TRY_AGAIN_MS, giveUp);
    }
  }
}

async function openKey(settings: KeySettings, surroundings: Surroundings): Promise<Key> {
  const name = `key ${settings.id}`;
  const { hold = localKey } = surroundings;
  switch (settings.kind) {
    case 'development':
    case 'privateKey':
      return named(name, () => hold(fromHex(settings.privateKey)));
    case 'keystore':
      return named(`${name} in ${settings.file}`, () =>
        hold(decryptKeystoreV3(readFileSync(settings.file, 'utf8'), settings.password)),
      );
    case 'kms':
      return kmsKey(settings, surroundings);
    case 'secretsManager':
      return secretsManagerKey(settings, surroundings);
  }
}
