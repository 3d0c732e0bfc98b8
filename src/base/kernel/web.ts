export const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type HttpMethod = (typeof METHODS)[number];

const MOST_PATH = 512;
const MOST_URL = 2_048;

export const PATH_PATTERN = `a plain path of at most ${MOST_PATH} characters, like /weather/seoul or /weather/*`;
export const PLAIN_URL = `an http or https URL of at most ${MOST_URL} characters, without user, query and fragment`;

/**
 * A path as a URL writes it, or null where it is not written so: dots that go up (with a parameter of their own, too), an
 * empty part, a backslash, an encoded slash or dot, bytes that are no text would be one path here and another at the server.
 */
export function plainPath(path: string): string | null {
  const visible = /^\/[\x21-\x7e]*$/.test(path);
  if (!visible || /\/\/|\\|%2f|%5c|%2e|[#?]|\/\.{1,2};/i.test(path)) return null;
  if (decodedPath(path) === null) return null;
  const url = new URL(`http://h${path}`);
  return url.pathname === path ? path : null;
}

/** Without its escapes, as servers read it; null where these are no text. */
export function decodedPath(path: string): string | null {
  try {
    return decodeURIComponent(path);
  } catch {
    return null;
  }
}

/** A plain path, or everything below one, with an asterisk at its end. */
export function parsePathPattern(text: string): string | undefined {
  const fits = text.length <= MOST_PATH && plainPath(text) !== null;
  return fits && !text.slice(0, -1).includes('*') ? text : undefined;
}

/** Of http or https, without user, query or fragment; written as URLs are. */
export function parsePlainUrl(text: string): string | undefined {
  if (text.length > MOST_URL || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const plain = url.username + url.password + url.search + url.hash === '';
  const spoken = url.protocol === 'https:' || url.protocol === 'http:';
  return plain && spoken ? url.href : undefined;
}
