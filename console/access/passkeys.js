import { approverLine, isSignedBy } from './approver-line.js';
import { button, call, createPasskey, element, say, tryPasskey } from './view.js';

export const title = 'Passkeys';
/** Everybody has some. */
export const scope = null;

export async function show(place, session) {
  const { passkeys } = await call('GET', '/v1/session/passkeys');
  const rows = passkeys.map((passkey) => {
    const used = passkey.lastUsedAt === null ? 'never' : passkey.lastUsedAt.slice(0, 16);
    const remove = button('Remove', async () => {
      await call('DELETE', `/v1/session/passkeys/${passkey.id}`);
      // Without the one that began it the session has ended.
      if (passkey.current) return location.reload();
      await show(place, session);
    });
    const name = passkey.current ? `${passkey.name} (this session)` : passkey.name;
    const line = button('As an approver', () => tellLine(place, passkey, session));
    const cells = [name, element('code', {}, passkey.fingerprint), used, remove, line];
    return element('tr', {}, ...cells.map((cell) => element('td', {}, cell)));
  });
  const heads = ['Name', 'Fingerprint', 'Last used', '', ''];
  const head = element('tr', {}, ...heads.map((text) => element('th', {}, text)));
  const add = button('Add a passkey', async () => {
    const { options } = await call('POST', '/v1/session/passkeys/challenge');
    const answer = await createPasskey(options);
    await call('POST', '/v1/session/passkeys', { body: { name: nameOf(), answer } });
    await show(place, session);
    say('The passkey is added.');
  });
  place.replaceChildren(element('table', {}, head, ...rows), add);
}

/** What makes a passkey an approver's: the line is shown once the passkey has signed by the key that stands in it. */
async function tellLine(place, { id, publicKey }, { operator }) {
  if (publicKey === null) {
    throw new Error(
      'Approvals take ECDSA over P-256 or Ed25519; this passkey has another kind of key.',
    );
  }
  const bytes = Uint8Array.from(atob(publicKey), (c) => c.charCodeAt(0));
  if (!(await isSignedBy(bytes, await tryPasskey(id)))) {
    throw new Error('The server names another key than this passkey signs with: do not use it.');
  }
  const line = approverLine({ operator, credentialId: id, publicKey });
  place.append(
    element('p', {}, 'For signer.approvers, once you have told it to who keeps the configuration:'),
    element('pre', { id: 'approver-line' }, line),
  );
}

/** What it is called until its owner finds a better name. */
export function nameOf() {
  return `${navigator.platform || 'passkey'} ${new Date().toISOString().slice(0, 10)}`;
}
