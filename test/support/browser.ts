import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Writable } from 'node:stream';
import { guard, release } from './guard.ts';
import { until } from './until.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'chrome-headless-shell'];

/** A Chromium: $BROWSER_BIN, or one on the PATH. Null where there is none. */
export function findBrowser(env: NodeJS.ProcessEnv = process.env): string | null {
  const folders = (env['PATH'] ?? '').split(delimiter);
  const places = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  const named = env['BROWSER_BIN'];
  return (named === undefined ? places : [named]).find(isProgram) ?? null;
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

type Message = {
  id?: number;
  sessionId?: string;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
  error?: { message: string };
};
type Waiting = { done: (result: Record<string, unknown>) => void; fail: (error: Error) => void };

/** A real browser without a window, spoken to by the DevTools protocol over a pipe. */
export class Browser {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #pipe: Writable;
  readonly #waiting = new Map<number, Waiting>();
  readonly #pages = new Map<string, Page>();
  #count = 0;
  #people = 0;

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
    this.#pipe = child.stdio[3] as Writable;
    let text = '';
    child.stdio[4]!.on('data', (chunk: Buffer) => {
      const parts = (text + chunk.toString('utf8')).split('\0');
      text = parts.pop()!;
      for (const part of parts) this.#take(JSON.parse(part) as Message);
    });
    child.stdio[4]!.on('error', () => {});
    this.#pipe.on('error', () => {});
    child.once('exit', () => {
      for (const { fail } of this.#waiting.values()) fail(new Error('the browser has ended'));
    });
  }

  static async start(file: string): Promise<Browser> {
    const folder = mkdtempSync(join(tmpdir(), 'payonce-browser-'));
    guard(folder);
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-pipe'];
    const args = [...flags, `--user-data-dir=${folder}`, 'about:blank'];
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] as const;
    const child = spawn(file, args, { stdio: [...stdio] });
    guard(child.pid!);
    const browser = new Browser(child, folder);
    await browser.send('Browser.getVersion');
    return browser;
  }

  async send(
    method: string,
    params: object = {},
    sessionId?: string,
  ): Promise<Record<string, unknown>> {
    this.#count += 1;
    const id = this.#count;
    return await new Promise((done, fail) => {
      this.#waiting.set(id, { done, fail });
      this.#pipe.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  /** A page of nobody else's: cookies, passkeys and, where the server trusts what proxies say of it, an address of its own. */
  async page(): Promise<Page> {
    const { browserContextId } = await this.send('Target.createBrowserContext');
    const target = { url: 'about:blank', browserContextId };
    const { targetId } = await this.send('Target.createTarget', target);
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, sessionId as string);
    this.#pages.set(sessionId as string, page);
    for (const domain of ['Page', 'Runtime', 'Log', 'Network', 'WebAuthn'])
      await page.send(`${domain}.enable`);
    this.#people += 1;
    const headers = { 'x-forwarded-for': `198.51.100.${this.#people}` };
    await page.send('Network.setExtraHTTPHeaders', { headers });
    return page;
  }

  /** In good order: the processes of one that is killed still write for a moment, which its folder is deleted under. */
  async stop(): Promise<void> {
    const exit = new Promise((done) => this.#child.once('exit', done));
    const late = AbortSignal.timeout(10_000);
    late.addEventListener('abort', () => this.#child.kill('SIGKILL'));
    await this.send('Browser.close').catch(() => {});
    await exit;
    release(this.#child.pid!);
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 10 });
    release(this.#folder);
  }

  #take({ id, sessionId, method, params = {}, result = {}, error }: Message): void {
    if (id === undefined) {
      this.#pages.get(sessionId ?? '')?.note(method!, params);
      return;
    }
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.done(result);
    else waiting?.fail(new Error(error.message));
  }
}

export class Page {
  readonly #browser: Browser;
  readonly #sessionId: string;
  /** What the browser complained of: exceptions, refused by policy, not found. */
  readonly complaints: string[] = [];

  constructor(browser: Browser, sessionId: string) {
    this.#browser = browser;
    this.#sessionId = sessionId;
  }

  send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    return this.#browser.send(method, params, this.#sessionId);
  }

  note(method: string, params: Record<string, unknown>): void {
    if (method === 'Runtime.exceptionThrown') this.complaints.push(JSON.stringify(params));
    if (method !== 'Log.entryAdded') return;
    const { level, text, url } = params['entry'] as { level: string; text: string; url?: string };
    if (level === 'error') this.complaints.push([text, url].filter(Boolean).join(' '));
  }

  /** A passkey in the machine (internal) or on a key that is plugged in (usb), whose person always agrees. */
  async addAuthenticator(transport: 'internal' | 'usb'): Promise<void> {
    const able = { hasResidentKey: true, hasUserVerification: true, isUserVerified: true };
    const options = { protocol: 'ctap2', transport, automaticPresenceSimulation: true, ...able };
    await this.send('WebAuthn.addVirtualAuthenticator', { options });
  }

  async open(url: string): Promise<void> {
    await this.send('Page.navigate', { url });
  }

  async evaluate<T>(expression: string): Promise<T> {
    const wanted = { expression, returnByValue: true, awaitPromise: true };
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', wanted);
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { value: T }).value;
  }

  text(): Promise<string> {
    return this.evaluate<string>('document.body?.textContent ?? ""');
  }

  /** The page's text once it has these words. */
  async shows(words: string): Promise<string> {
    let text = '';
    const shown = async () => {
      text = await this.text();
      return text.includes(words);
    };
    await until(`${words} on the page`, shown, 20_000).catch((error) => {
      throw new Error(`${words} is not on the page:\n${text}\n${this.complaints.join('\n')}`, {
        cause: error,
      });
    });
    return text;
  }

  async click(label: string): Promise<void> {
    await this.shows(label);
    const found = `[...document.querySelectorAll('button')].find((one) => one.textContent === ${JSON.stringify(label)})`;
    await this.evaluate(`${found}.click()`);
  }
}
