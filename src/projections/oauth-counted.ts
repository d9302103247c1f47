/** Names under which the authorization server counts what happens, for everything and for each client (`client:<id>`). */
export const counted = {
  tokenRequest: "token.request",
  tokenFailure: "token.failure",
  authorizationRequest: "authorization.request",
  /** Somebody signed in and allowed it. */
  authorizationDone: "authorization.done",
  authorizationFailure: "authorization.failure",
  /** Access tokens, whatever for. */
  issued: "issued",
  /** Access tokens for a refresh token. */
  refreshed: "refreshed",
  /** Grants and tokens that were ended early. */
  revoked: "revoked",
} as const

const errorPrefix = "error."

/** Name of an error by its code. */
export function errorName(code: string): string {
  return errorPrefix + code
}

/** Errors among counts, by code. */
export function errorCounts(counts: ReadonlyMap<string, number>): Record<string, number> {
  const errors = [...counts].filter(([name]) => name.startsWith(errorPrefix))
  const sorted = errors.sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(sorted.map(([name, number]) => [name.slice(errorPrefix.length), number]))
}

/** Scope of a client's counts. */
export function clientScope(clientId: string): string {
  return `client:${clientId}`
}
