/**
 * Flags of Node for role processes. A request's objects die young; in the default young generation (16 MiB) a
 * tenth of the api's time went to copying those that were still in use.
 */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=32'];
