/** Where browsers on this machine reach a server: a passkey is bound to a name, and no address is one. */
export function localOrigin(port: number): string {
  return `http://localhost:${port}`;
}

/** The token stands behind the #, which browsers send to nobody. */
export function invitationUrl(origin: string, token: string): string {
  return `${origin}/console/access#invitation=${token}`;
}
