import * as approvals from './approvals.js';
import * as passkeys from './passkeys.js';
import { button, call, createPasskey, element, say, showPasskey } from './view.js';

/** What an operator sees, in this order: modules with `title`, `scope` and `show(place, session)`. */
const VIEWS = [approvals, passkeys];

const place = document.getElementById('views');
const who = document.getElementById('who');

/** Behind the #, where neither servers nor their logs see it; taken out of the address at once. */
function takeInvitation() {
  const token = new URLSearchParams(location.hash.slice(1)).get('invitation');
  if (token !== null) history.replaceState(null, '', location.pathname);
  return token;
}

async function start() {
  const token = takeInvitation();
  if (token !== null) return showInvitation(token);
  let session = null;
  try {
    session = await call('GET', '/v1/session');
  } catch (error) {
    if (error.code !== 'unauthenticated') throw error;
  }
  if (session === null) showLogin();
  else await showViews(session);
}

function showInvitation(token) {
  const accept = button('Accept the invitation with a passkey', async () => {
    const { options } = await call('POST', '/v1/session/invitation/challenge', { body: { token } });
    const answer = await createPasskey(options);
    const body = { token, name: passkeys.nameOf(), answer };
    const { fingerprint, active } = await call('POST', '/v1/session/invitation', { body });
    const told = element(
      'p',
      {},
      'The passkey is registered. Its fingerprint: ',
      element('code', { id: 'fingerprint' }, fingerprint),
    );
    const next = active
      ? 'You can log in.'
      : 'Tell it to a security-admin other than the one who invited you; once they have activated you, log in.';
    showLogin(told, element('p', {}, next));
  });
  place.replaceChildren(
    element('h2', {}, 'Invitation'),
    element('p', {}, 'This device, or a security key, will be how you log in.'),
    accept,
  );
}

function showLogin(...before) {
  who.replaceChildren();
  const login = button('Log in with a passkey', async () => {
    const { options } = await call('POST', '/v1/session/challenge');
    const answer = await showPasskey(options);
    await showViews(await call('POST', '/v1/session', { body: { answer } }));
  });
  place.replaceChildren(...before, login);
}

async function showViews(session) {
  const logout = button('Log out', async () => {
    await call('DELETE', '/v1/session');
    showLogin();
  });
  const tenants = session.tenants.map(({ name, roles }) => `${name}: ${roles.join(', ')}`);
  who.replaceChildren(`${session.operator.name} (${tenants.join('; ')}) `, logout);
  const maySee = ({ scope }) =>
    scope === null || session.tenants.some(({ scopes }) => scopes.includes(scope));
  place.replaceChildren();
  for (const view of VIEWS.filter(maySee)) {
    const section = element('div');
    place.append(element('h2', {}, view.title), section);
    await view.show(section, session);
  }
}

start().catch((error) => say(error.message, 'problem'));
