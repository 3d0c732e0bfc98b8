import { readRequest, tellRequest } from './approval-request.js';
import { button, call, element, say, signWithPasskey } from './view.js';

export const title = 'Approvals';
export const scope = 'admin:approvals';

export async function show(place, session) {
  const { passkeys } = await call('GET', '/v1/session/passkeys');
  const own = passkeys.map(({ id }) => id);
  const cards = [];
  for (const tenant of session.tenants.filter(({ scopes }) => scopes.includes(scope))) {
    const again = () => show(place, session);
    for (const view of await waiting(tenant.id)) cards.push(card(view, { tenant, own, again }));
  }
  const none = element('p', {}, 'Nothing waits for approval.');
  place.replaceChildren(...(cards.length === 0 ? [none] : cards));
}

async function waiting(tenant) {
  const found = [];
  let cursor = null;
  do {
    const more = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page = await call('GET', `/v1/approvals?limit=200${more}`, { tenant });
    found.push(...page.approvals);
    cursor = page.cursor;
  } while (cursor !== null);
  return found;
}

/** One request: what would be signed, and what this person can do about it. */
function card(view, { tenant, own, again }) {
  const at = element('section', { class: 'approval' });
  let request;
  try {
    request = readRequest(view, Date.now());
  } catch (error) {
    at.append(element('p', { class: 'problem' }, `Not to be signed: ${error.message}.`));
    return at;
  }
  const rows = tellRequest(request, view.shown).map(([name, value]) =>
    element('tr', {}, element('th', { scope: 'row' }, name), element('td', {}, value)),
  );
  const said = view.approvals.map(({ approver }) => approver).join(', ');
  const count = `${view.given} of ${view.required} approvals${said === '' ? '' : `: ${said}`}.`;
  at.append(element('table', {}, ...rows), element('p', {}, count));
  const me = view.passkeys.find(({ credentialId }) => own.includes(credentialId));
  if (me === undefined) {
    at.append(element('p', {}, 'None of your passkeys is an approver’s here.'));
  } else if (!view.approvals.some(({ approver }) => approver === me.approver)) {
    at.append(approve(request, { tenant, me, again }));
  }
  at.append(reject(request, { tenant, again }));
  return at;
}

function approve({ digest, id }, { tenant, me, again }) {
  return button('Approve with a passkey', async () => {
    const proof = await signWithPasskey(digest, me.credentialId);
    const path = `/v1/approvals/${encodeURIComponent(id)}/approve`;
    const body = { approver: me.approver, ...proof };
    const { status, given, required } = await call('POST', path, { body, tenant: tenant.id });
    await again();
    say(`${status}: ${given} of ${required} approvals.`);
  });
}

function reject({ id }, { tenant, again }) {
  const reason = element('input', {
    maxlength: '255',
    placeholder: 'reason',
    'aria-label': 'Reason',
  });
  const send = button('Reject', async () => {
    if (reason.value.trim() === '') throw new Error('Say why it is rejected.');
    const path = `/v1/approvals/${encodeURIComponent(id)}/reject`;
    await call('POST', path, { body: { reason: reason.value.trim() }, tenant: tenant.id });
    await again();
    say('It is rejected, and pays nothing.');
  });
  return element('p', {}, reason, ' ', send);
}
