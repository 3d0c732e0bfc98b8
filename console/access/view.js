/**
 * What views are made of. A view is a module of this folder that access.js lists: a title, who may see it, and a
 * function that shows it. Text is set as text, never as HTML.
 */

/** An element with attributes and children; `on…` are listeners. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** A button that is off while its work goes on, and tells what went wrong. */
export function button(label, work) {
  const made = element('button', { type: 'button' }, label);
  made.addEventListener('click', async () => {
    made.disabled = true;
    say('');
    try {
      await work();
    } catch (error) {
      say(error.message, 'problem');
    } finally {
      made.disabled = false;
    }
  });
  return made;
}

export function say(text, kind = 'note') {
  const place = document.getElementById('message');
  place.textContent = text;
  place.dataset.kind = kind;
}

/** The API by the session's cookie. `tenant` where the operator has several. Throws what the problem says. */
export async function call(method, path, { body, tenant } = {}) {
  const answer = await fetch(path, {
    method,
    credentials: 'same-origin',
    headers: {
      'payonce-console': '1',
      ...(tenant !== undefined && { 'payonce-tenant': tenant }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const read = text === '' ? null : JSON.parse(text);
  if (answer.ok) return read;
  throw Object.assign(new Error(read?.detail ?? `HTTP ${answer.status}`), { code: read?.code });
}

const toBytes = (text) =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));

const toText = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');

const withIds = (list = []) => list.map((one) => ({ ...one, id: toBytes(one.id) }));

/** Has the browser make a passkey; its answer in the JSON of WebAuthn. */
export async function createPasskey(options) {
  const made = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: toBytes(options.challenge),
      user: { ...options.user, id: toBytes(options.user.id) },
      excludeCredentials: withIds(options.excludeCredentials),
    },
  });
  const { response } = made;
  return {
    ...shown(made),
    response: {
      clientDataJSON: toText(response.clientDataJSON),
      attestationObject: toText(response.attestationObject),
      transports: response.getTransports(),
    },
  };
}

const DIGEST_BYTES = 32;

/** Has the browser show a passkey; its answer in the JSON of WebAuthn. Never over what may be an approval's digest. */
export async function showPasskey(options) {
  const challenge = toBytes(options.challenge);
  if (challenge.length === DIGEST_BYTES) {
    throw new Error(
      'The server asks for a signature that could be an approval; nothing was signed.',
    );
  }
  const found = await navigator.credentials.get({
    publicKey: {
      ...options,
      challenge,
      allowCredentials: withIds(options.allowCredentials),
    },
  });
  const { response } = found;
  return {
    ...shown(found),
    response: {
      clientDataJSON: toText(response.clientDataJSON),
      authenticatorData: toText(response.authenticatorData),
      signature: toText(response.signature),
      ...(response.userHandle !== null && { userHandle: toText(response.userHandle) }),
    },
  };
}

/** The passkey's signature around a digest that was computed here, in the fields of an approval. */
export async function signWithPasskey(challenge, credentialId) {
  const { response } = await assert(challenge, credentialId);
  return {
    signature: toText(response.signature),
    authenticatorData: toText(response.authenticatorData),
    clientDataJSON: toText(response.clientDataJSON),
  };
}

/** The same in bytes, over a challenge that nobody chose. */
export async function tryPasskey(credentialId) {
  const { response } = await assert(crypto.getRandomValues(new Uint8Array(48)), credentialId);
  const { signature, authenticatorData, clientDataJSON } = response;
  const bytes = { signature, authenticatorData, clientDataJSON };
  return Object.fromEntries(Object.entries(bytes).map(([name, of]) => [name, new Uint8Array(of)]));
}

function assert(challenge, credentialId) {
  const allowCredentials = [{ type: 'public-key', id: toBytes(credentialId) }];
  const wanted = { challenge, allowCredentials, userVerification: 'required', timeout: 300_000 };
  return navigator.credentials.get({ publicKey: wanted });
}

function shown({ id, rawId, type, authenticatorAttachment }) {
  return {
    ...{ id, rawId: toText(rawId), type, clientExtensionResults: {} },
    ...(authenticatorAttachment !== null && { authenticatorAttachment }),
  };
}
