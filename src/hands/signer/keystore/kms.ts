import { AWS_LIMITS, AwsCalls } from '../../../base/aws/index.ts';
import type { KeySettings } from '../../../base/config/index.ts';
import { addressOf } from '../../../base/kernel/index.ts';
import { type Key, named, type Surroundings } from './key.ts';
import { publicKeyOf, signatureOf } from './kms-answers.ts';

type KmsSettings = Extract<KeySettings, { kind: 'kms' }>;

/**
 * A key in AWS KMS, which never leaves it. Its public key is asked for once; an alias is resolved then, so that a
 * later move of it does not change who signs. No signature is believed that does not recover to that public key.
 */
export async function kmsKey(
  settings: KmsSettings,
  { clock, aws: limits = AWS_LIMITS }: Surroundings,
): Promise<Key> {
  const { id, keyId, region, endpoint, requestsPerSecond } = settings;
  // Hundreds of files, which a signer with other keys does not load.
  const { KMSClient, GetPublicKeyCommand, SignCommand } = await import('@aws-sdk/client-kms');
  const client = new KMSClient({
    region,
    maxAttempts: 1,
    ...(endpoint === undefined ? {} : { endpoint }),
  });
  const name = `key ${id} (KMS ${keyId})`;
  const calls = new AwsCalls({ name, requestsPerSecond, clock, limits });
  try {
    const answer = await calls.call('GetPublicKey', (abortSignal) =>
      client.send(new GetPublicKeyCommand({ KeyId: keyId }), { abortSignal }),
    );
    const publicKey = named(name, () => publicKeyOf(answer));
    const KeyId = answer.KeyId ?? keyId;
    return {
      address: addressOf(publicKey),
      held: false,
      sign: async (digest) => {
        const { Signature = new Uint8Array() } = await calls.call('Sign', (abortSignal) =>
          client.send(
            new SignCommand({
              KeyId,
              Message: digest,
              MessageType: 'DIGEST',
              SigningAlgorithm: 'ECDSA_SHA_256',
            }),
            { abortSignal },
          ),
        );
        return named(name, () => signatureOf(Signature, digest, publicKey));
      },
      close: () => {
        calls.close();
        client.destroy();
      },
    };
  } catch (error) {
    client.destroy();
    throw error;
  }
}
