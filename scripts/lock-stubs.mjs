// Adds lock entries for other platforms' optional binaries that the registry in use does not offer.
// Without them npm leaves these packages out of the lock file and `npm ci` of npm 11 and 12 refuses
// it ("Missing … from lock file"). A stub has no integrity: it is only ever fetched on its platform.
import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(file, 'utf8'));

const OS = {
  android: 'android',
  darwin: 'darwin',
  linux: 'linux',
  win32: 'win32',
  freebsd: 'freebsd',
};
const CPU = { arm64: 'arm64', x64: 'x64', amd64: 'x64', ia32: 'ia32' };

let added = 0;
for (const entry of Object.values(lock.packages)) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    if (Object.keys(lock.packages).some((path) => path.endsWith(key))) continue;
    const words = name.split(/[/-]/);
    const os = words.map((word) => OS[word]).find(Boolean);
    const cpu = words.map((word) => CPU[word]).find(Boolean);
    if (os === undefined || cpu === undefined || !/^\d/.test(range)) {
      throw new Error(`${name}@${range} is missing from the lock file and names no platform`);
    }
    const libc = os === 'linux' ? { libc: [words.includes('musl') ? 'musl' : 'glibc'] } : {};
    lock.packages[key] = { version: range, cpu: [cpu], ...libc, optional: true, os: [os] };
    added += 1;
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`lock file: ${added} stub entries added`);
