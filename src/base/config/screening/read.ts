import { readFileSync } from 'node:fs';
import { isPrivateHost } from '../chains.ts';
import type { Faults } from '../faults.ts';
import type { ConfigFile } from '../schema/schema.ts';
import type { Secrets } from '../secrets.ts';
import { isFaulty, type Loose } from '../shape.ts';
import type { ScreeningProviderSettings, ScreeningSettings } from './settings.ts';

type Section = Loose<NonNullable<ConfigFile['screening']>>;
type Provider = NonNullable<Section['provider']>;

const URL_ALLOWED = 'an https URL without a password, or an http URL of a loopback or private host';

/** Meaning of the screening section; null: nobody is asked. The result counts only without faults. */
export function readScreening(
  section: Section | undefined,
  secrets: Secrets,
  faults: Faults,
): ScreeningSettings | null {
  if (section === undefined) return null;
  const { list, provider, maxAgeSeconds = 3_600 } = section;
  const whole = !isFaulty(section, 'list') && !isFaulty(section, 'provider');
  if (list === undefined && provider === undefined && whole) {
    faults.add('screening', 'neither list nor provider', 'list, provider, or both');
  }
  return {
    listFile: list?.file === undefined ? null : readList(secrets.pathOf(list.file), faults),
    provider: provider === undefined ? null : readProvider(provider, secrets, faults),
    maxAgeMs: maxAgeSeconds * 1000,
  };
}

function readList(file: string, faults: Faults): string {
  try {
    readFileSync(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    faults.add(
      'screening.list.file',
      `no readable file ${file} (${code})`,
      'a file of one address a line',
    );
  }
  return file;
}

function readProvider(
  section: Provider,
  secrets: Secrets,
  faults: Faults,
): ScreeningProviderSettings {
  const path = 'screening.provider';
  const { shape = 'payonce', header, timeoutMs = 5_000, maxConcurrent = 8 } = section;
  const value =
    header?.value === undefined ? undefined : secrets.read(`${path}.header.value`, header.value);
  // A line break would begin another header.
  if (value !== undefined && !/^[\x20-\x7e]{1,4096}$/.test(value)) {
    faults.add(
      `${path}.header.value`,
      'no such text (not shown)',
      '1 to 4096 printable characters',
    );
  }
  const { url: source } = section;
  const url = typeof source === 'string' ? source : secrets.read(`${path}.url`, source ?? {});
  if (url !== undefined) checkUrl(url, `${path}.url`, faults);
  return {
    shape,
    url: url ?? '',
    header: header?.name === undefined || value === undefined ? null : { name: header.name, value },
    timeoutMs,
    maxConcurrent,
  };
}

/** Its secret goes to this host alone and never over an open wire. */
function checkUrl(text: string, path: string, faults: Faults): void {
  const url = URL.canParse(text) ? new URL(text) : null;
  const secure =
    url?.protocol === 'https:' || (url?.protocol === 'http:' && isPrivateHost(url.hostname));
  const plain = url?.username === '' && url.password === '' && url.hash === '';
  if (!secure || !plain) faults.add(path, 'no such URL (not shown)', URL_ALLOWED);
}
