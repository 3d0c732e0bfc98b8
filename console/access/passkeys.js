import { button, call, createPasskey, element, say } from './view.js';

export const title = 'Passkeys';
/** Everybody has some. */
export const scope = null;

export async function show(place) {
  const { passkeys } = await call('GET', '/v1/session/passkeys');
  const rows = passkeys.map((passkey) => {
    const used = passkey.lastUsedAt === null ? 'never' : passkey.lastUsedAt.slice(0, 16);
    const remove = button('Remove', async () => {
      await call('DELETE', `/v1/session/passkeys/${passkey.id}`);
      // Without the one that began it the session has ended.
      if (passkey.current) return location.reload();
      await show(place);
    });
    const name = passkey.current ? `${passkey.name} (this session)` : passkey.name;
    const cells = [name, element('code', {}, passkey.fingerprint), used, remove];
    return element('tr', {}, ...cells.map((cell) => element('td', {}, cell)));
  });
  const heads = ['Name', 'Fingerprint', 'Last used', ''];
  const head = element('tr', {}, ...heads.map((text) => element('th', {}, text)));
  const add = button('Add a passkey', async () => {
    const { options } = await call('POST', '/v1/session/passkeys/challenge');
    const answer = await createPasskey(options);
    await call('POST', '/v1/session/passkeys', { body: { name: nameOf(), answer } });
    say('The passkey is added.');
    await show(place);
  });
  place.replaceChildren(element('table', {}, head, ...rows), add);
}

/** What it is called until its owner finds a better name. */
export function nameOf() {
  return `${navigator.platform || 'passkey'} ${new Date().toISOString().slice(0, 10)}`;
}
