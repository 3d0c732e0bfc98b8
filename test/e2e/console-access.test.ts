import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isRefusal } from '../../src/base/kernel/index.ts';
import { activateOperator, inviteOperator, listOperators } from '../../src/books/access/index.ts';
import { Browser, findBrowser, type Page } from '../support/browser.ts';
import { Installation } from '../support/installation.ts';

const file = findBrowser();
if (file === null) {
  console.info(
    'SKIPPED the console in a browser: there is no Chromium on the PATH or at BROWSER_BIN',
  );
}

describe.skipIf(file === null)('the console in a browser', () => {
  let on: Installation;
  let browser: Browser;
  let origin: string;
  beforeAll(async () => {
    on = await Installation.make();
    await on.startApi();
    origin = `http://localhost:${new URL(on.url).port}`;
    browser = await Browser.start(file!);
  });
  afterAll(async () => {
    await browser?.stop();
    await on?.stop();
  });

  async function invite(name: string, by: string | null): Promise<{ id: string; link: string }> {
    const invited = await inviteOperator(on.owner, {
      ...{ tenantId: on.tenantId, name, roles: ['security-admin'], lifeMs: 600_000 },
      by: { operatorId: by },
    });
    if (isRefusal(invited)) throw new Error(invited.detail);
    const { operator, invitation } = invited;
    const link = `${origin}/console/access#invitation=${invitation!.token}`;
    return { id: operator.operatorId, link };
  }

  async function accept(link: string): Promise<Page> {
    const page = await browser.page();
    await page.addAuthenticator('internal');
    await page.open(link);
    await page.click('Accept the invitation with a passkey');
    await page.shows('The passkey is registered.');
    return page;
  }

  let ann: string;

  it('registers a passkey by the link, logs in and out, adds a passkey and removes it', async () => {
    const { id, link } = await invite('ann', null);
    ann = id;
    const page = await accept(link);
    const [operator] = await listOperators(on.owner, { tenantId: on.tenantId });
    expect(await page.text()).toContain(operator!.fingerprints[0]);
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
    expect(await on.rows('SELECT FROM operator_session')).toEqual([]);
    // The only complaint: it asked who was logged in when nobody was.
    expect(page.complaints.filter((text) => !text.includes('401'))).toEqual([]);
  });

  it('lets nobody in by the word of one security-admin, and by that of two', async () => {
    const bob = await invite('bob', ann);
    const page = await accept(bob.link);
    expect(await page.text()).toContain('other than the one who invited you');
    await page.click('Log in with a passkey');
    await page.shows('The passkey is not accepted.');
    const carl = await invite('carl', null);
    const at = { tenantId: on.tenantId, operatorId: bob.id, by: { operatorId: carl.id } };
    expect(await activateOperator(on.owner, at)).toMatchObject({ code: 'missing_role' });
    await accept(carl.link);
    expect(await activateOperator(on.owner, at)).toMatchObject({ state: 'active' });
    await page.click('Log in with a passkey');
    await page.shows('bob (');
  });

  it('says so when a link opens nothing', async () => {
    const page = await browser.page();
    await page.open(`${origin}/console/access#invitation=oi_${'x'.repeat(43)}`);
    await page.click('Accept the invitation with a passkey');
    await page.shows('The invitation was used, replaced, or is too old');
  });
});
