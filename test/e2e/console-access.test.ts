import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { ApproverSettings } from '../../src/base/config/index.ts';
import { activateOperator, listOperators } from '../../src/books/access/index.ts';
import type { ApprovalView } from '../../src/roads/approval/index.ts';
import { Authenticator } from '../support/authenticator.ts';
import { Browser, findBrowser, type Page } from '../support/browser.ts';
import { Installation } from '../support/installation.ts';
import { expectLaws, quiet, recipient } from '../support/laws.ts';
import { DearPayments, invite, pin, withFinance } from '../support/x402/approvers.ts';
import { PAY_TO } from '../support/x402/payers.ts';

const file = findBrowser();
if (file === null) {
  console.info('SKIPPED the console in a browser: no Chromium on the PATH or at BROWSER_BIN');
}

let on: Installation;
let origin: string;
let payments: DearPayments;
beforeAll(async () => {
  on = await Installation.make({ blockTime: 0.1, settings: withFinance });
  // Logins are counted by address, and each page has its own.
  on.settings.http.trustedProxies = ['127.0.0.1'];
  await on.startApi();
  origin = `http://localhost:${new URL(on.url).port}`;
  on.settings.guard.approvals.webauthn = { rpId: 'localhost', origins: [origin] };
  await on.deposit('alice', 'USDC', '1000');
  payments = await DearPayments.of(on);
});
afterAll(() => on?.stop());

/** One above the threshold, once it waits. */
async function ask(n: number): Promise<string> {
  const order = { account: 'alice', asset: 'USDC', amount: '150', to: recipient(n) };
  const { body } = await on.withdraw(order);
  const id = body['id'] as string;
  expect(await on.waitFor(id, 'AWAITING_APPROVAL')).toMatchObject({ status: 'AWAITING_APPROVAL' });
  return id;
}

describe('an approval by passkey', () => {
  let ann: Authenticator;
  let cookie = '';

  async function call<Body>(method: string, path: string, body?: unknown): Promise<Body> {
    const answer = await fetch(`${on.url}${path}`, {
      method,
      headers: {
        ...{ cookie, origin, 'payonce-console': '1' },
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? cookie;
    return (await answer.json()) as Body;
  }
  type Options = { options: object };
  type Signed = { response: Record<string, string> };
  const signedBy = (who: Authenticator, view: Pick<ApprovalView, 'digest'>, bend: object = {}) => {
    const challenge = Buffer.from(view.digest.slice(2), 'hex').toString('base64url');
    const { response } = who.login({ challenge, rpId: 'localhost' }, bend) as Signed;
    return { approver: 'ann', ...response };
  };
  const approve = (id: string, body: object) =>
    call<ApprovalView & { code?: string }>('POST', `/v1/approvals/${id}/approve`, body);
  const viewOf = (id: string) => call<ApprovalView>('GET', `/v1/approvals/${id}`);

  it('is given with the passkey that logs in, once the configuration names it', async () => {
    ann = new Authenticator(origin);
    const { id: operatorId, token } = await invite(on, 'ann-approves', { role: 'approver' });
    const begun = await call<Options>('POST', '/v1/session/invitation/challenge', { token });
    const answer = ann.register(begun.options);
    await call('POST', '/v1/session/invitation', { token, name: 'key', answer });
    const { options } = await call<Options>('POST', '/v1/session/challenge');
    await call('POST', '/v1/session', { answer: ann.login(options) });
    const { passkeys } = await call<{ passkeys: { id: string; publicKey: string }[] }>(
      ...(['GET', '/v1/session/passkeys'] as const),
    );
    const [{ id: credentialId, publicKey }] = passkeys as [{ id: string; publicKey: string }];
    const initiators = [operatorId];
    await pin(on, { id: 'ann', kind: 'webauthn', credentialId, publicKey, initiators });

    const id = await ask(1);
    const { approvals } = await call<{ approvals: ApprovalView[] }>('GET', '/v1/approvals');
    const [view] = approvals as [ApprovalView];
    expect(view).toMatchObject({
      ...{ withdrawalId: id, passkeys: [{ approver: 'ann', credentialId }] },
      shown: { asset: 'USDC', decimals: 6, amount: '150' },
    });
    expect(await approve(id, signedBy(ann, view))).toMatchObject({ status: 'APPROVED', given: 1 });
    expect(await on.waitFor(id)).toMatchObject({ status: 'COMPLETED' });
    expect(await on.tokenBalance(recipient(1))).toBe(150_000_000n);
  });

  it('is given to an x402 payment, which nothing moves before', async () => {
    const signed = await payments.sign();
    const { status, body } = await payments.settle(signed);
    expect([status, body['success']]).toEqual([202, undefined]);
    const { approvals } = await call<{ approvals: ApprovalView[] }>('GET', '/v1/approvals');
    const [view] = approvals as [ApprovalView];
    const { paymentId: id } = view;
    expect(view).toMatchObject({ withdrawalId: null, shown: { asset: 'USDC', amount: '150' } });
    expect(await on.tokenBalance(PAY_TO)).toBe(0n);
    expect(await approve(id!, signedBy(ann, view))).toMatchObject({ status: 'APPROVED', given: 1 });
    await payments.paid(signed);
    expect(await on.tokenBalance(PAY_TO)).toBe(150_000_000n);
  });

  it('is good for one payment, from our page, by the passkey that is pinned', async () => {
    const id = await ask(2);
    const view = await viewOf(id);
    const [used] = await on.rows<{ signature: Buffer; data: Buffer; client: Buffer }>(
      'SELECT signature, authenticator_data AS data, client_data AS client FROM approval',
    );
    const replayed = {
      approver: 'ann',
      signature: used!.signature.toString('base64url'),
      authenticatorData: used!.data.toString('base64url'),
      clientDataJSON: used!.client.toString('base64url'),
    };
    const { options } = await call<Options>('POST', '/v1/session/challenge');
    const login = (ann.login(options) as Signed).response;
    const wrong = [
      replayed,
      { approver: 'ann', ...login },
      signedBy(new Authenticator(origin), view),
      signedBy(ann, view, { origin: 'https://evil.example' }),
      signedBy(ann, view, { rpId: 'evil.example' }),
      signedBy(ann, view, { unverified: true }),
    ];
    for (const body of wrong) {
      expect(await approve(id, body)).toMatchObject({ code: 'approval_signature_invalid' });
    }
    expect(await viewOf(id)).toMatchObject({ status: 'PENDING', given: 0 });
    const reason = 'not ours';
    expect(await call('POST', `/v1/approvals/${id}/reject`, { reason })).toMatchObject({
      status: 'REJECTED',
    });
    expect(await on.waitFor(id, 'REJECTED')).toMatchObject({
      status: 'REJECTED',
      failure: { code: 'approval_rejected', message: expect.stringMatching(/: not ours$/) },
    });
    expect(await approve(id, signedBy(ann, view))).toMatchObject({ code: 'approval_closed' });
    await quiet(on);
    await expectLaws(on);
  });
});

describe.skipIf(file === null)('the console in a browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await Browser.start(file!);
  });
  afterAll(() => browser?.stop());

  async function accept(link: string): Promise<Page> {
    const page = await browser.page();
    await page.addAuthenticator('internal');
    await page.open(link);
    await page.click('Accept the invitation with a passkey');
    await page.shows('The passkey is registered.');
    return page;
  }

  async function becomeApprover(page: Page): Promise<void> {
    await page.click('As an approver');
    await page.shows('For signer.approvers');
    const line = await page.evaluate<string>(`document.querySelector('#approver-line').innerText`);
    await pin(on, (parse(line) as ApproverSettings[])[0]!);
  }

  /** To what the server says of what waits, or to a lie of it: words for other words. */
  async function logInAgain(page: Page, [words, others] = ['', '']): Promise<void> {
    await page.click('Log out');
    await page.evaluate(`globalThis.honest ??= fetch; globalThis.fetch = async (path, ...more) => {
      const answer = await honest(path, ...more);
      if (!path.startsWith('/v1/approvals?')) return answer;
      return new Response((await answer.text()).replaceAll(${JSON.stringify(words)}, ${JSON.stringify(others)}));
    }`);
    await page.click('Log in with a passkey');
  }

  let ann: string;

  it('registers a passkey by the link, logs in and out, adds a passkey and removes it', async () => {
    const { id, link } = await invite(on, 'ann');
    ann = id;
    const page = await accept(link);
    const operators = await listOperators(on.owner, { tenantId: on.tenantId });
    const { fingerprints } = operators.find(({ operatorId }) => operatorId === id)!;
    expect(await page.text()).toContain(fingerprints[0]);
    expect(await page.evaluate('location.href')).toBe(`${origin}/console/access`);

    await page.click('Log in with a passkey');
    expect(await page.shows('(this session)')).toContain('ann (');
    const { cookies } = await page.send('Network.getCookies', { urls: [`${origin}/`] });
    expect(cookies).toMatchObject([
      { name: '__Host-payonce', httpOnly: true, secure: true, sameSite: 'Strict', path: '/' },
    ]);
    expect(await page.evaluate('document.cookie')).toBe('');
    await page.open(`${origin}/console/access`);
    await page.shows('(this session)');

    await page.addAuthenticator('usb');
    await page.click('Add a passkey');
    await page.shows('The passkey is added.');
    const rows = 'document.querySelectorAll("table tr").length - 1';
    expect(await page.evaluate(rows)).toBe(2);
    const second =
      '[...document.querySelectorAll("tr")].find((one) => one.textContent.includes("never"))';
    await page.evaluate(`${second}.querySelector('button').click()`);
    await expect.poll(() => page.evaluate(rows), { timeout: 30_000 }).toBe(1);

    await page.click('Log out');
    await page.shows('Log in with a passkey');
    const sessions =
      'SELECT FROM operator_session JOIN passkey USING (credential_id) WHERE operator_id = $1';
    expect(await on.rows(sessions, [id])).toEqual([]);
    // The only complaint: it asked who was logged in when nobody was.
    expect(page.complaints.filter((text) => !text.includes('401'))).toEqual([]);
  });

  it('lets nobody in by the word of one security-admin, and by that of two', async () => {
    const bob = await invite(on, 'bob', { by: ann });
    const page = await accept(bob.link);
    expect(await page.text()).toContain('other than the one who invited you');
    await page.click('Log in with a passkey');
    await page.shows('The passkey is not accepted.');
    const carl = await invite(on, 'carl');
    const at = { tenantId: on.tenantId, operatorId: bob.id, by: { operatorId: carl.id } };
    expect(await activateOperator(on.owner, at)).toMatchObject({ code: 'missing_role' });
    await accept(carl.link);
    const { fingerprints } = (await listOperators(on.owner)).find(({ name }) => name === 'bob')!;
    const compared = { ...at, fingerprint: fingerprints[0]! };
    expect(await activateOperator(on.owner, compared)).not.toHaveProperty('code');
    await page.click('Log in with a passkey');
    await page.shows('bob (');
  });

  it('shows what would be signed by its own reckoning, signs it, and signs nothing for a server that lies', async () => {
    const { link } = await invite(on, 'dora', { role: 'approver' });
    const page = await accept(link);
    await page.click('Log in with a passkey');
    await page.shows('Nothing waits for approval.');
    await becomeApprover(page);
    const id = await ask(3);

    // The server says more than it asks to be signed for.
    await logInAgain(page, ['"amount":"150000000"', '"amount":"950000000"']);
    expect(await page.shows('Not to be signed')).toContain('the server says that digest is');
    expect(await page.text()).not.toContain('Approve with a passkey');

    await logInAgain(page);
    const text = await page.shows('150 USDC (signed: 150000000 base units');
    expect(text).toContain(`a wallet of demo`);
    await page.click('Approve with a passkey');
    await page.shows('APPROVED: 1 of 1 approvals.');
    expect(await on.waitFor(id)).toMatchObject({ status: 'COMPLETED' });

    const other = await ask(4);
    await page.open(`${origin}/console/access`);
    await page.shows('Reject');
    await page.evaluate(`document.querySelector('input').value = 'not ours'`);
    await page.click('Reject');
    await page.shows('It is rejected');
    expect(await on.waitFor(other, 'REJECTED')).toMatchObject({ status: 'REJECTED' });
  });

  it('shows who pays an x402 payment and whose gas, and signs it for nobody else', async () => {
    const page = await accept((await invite(on, 'emil', { role: 'approver' })).link);
    await page.click('Log in with a passkey');
    await becomeApprover(page);
    const before = await on.tokenBalance(PAY_TO);
    const signed = await payments.sign();
    expect(await payments.settle(signed)).toMatchObject({ status: 202 });

    // The server says that somebody else pays.
    await logInAgain(page, [payments.payer.address.toLowerCase(), PAY_TO]);
    expect(await page.shows('Not to be signed')).toContain('intentId');
    expect(await page.text()).not.toContain('Approve with a passkey');

    await logInAgain(page);
    const text = await page.shows('150 USDC (signed: 150000000 base units');
    expect(text).toContain(`From${payments.payer.address}`);
    expect(text).toContain('Gas froma wallet of demo');
    await page.click('Approve with a passkey');
    await page.shows('APPROVED: 1 of 1 approvals.');
    await payments.paid(signed);
    expect(await on.tokenBalance(PAY_TO)).toBe(before + 150_000_000n);
    expect(page.complaints.filter((text) => !text.includes('401'))).toEqual([]);
  });

  it('says so when a link opens nothing', async () => {
    const page = await browser.page();
    await page.open(`${origin}/console/access#invitation=oi_${'x'.repeat(43)}`);
    await page.click('Accept the invitation with a passkey');
    await page.shows('The invitation was used, replaced, or is too old');
  });
});
