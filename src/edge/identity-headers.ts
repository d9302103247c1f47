import type { AccessTokenClaims } from "../projections/access-token-claims.ts"

/** What a token or a cookie says about a caller; a person who signed in on the host itself has neither scope nor client. */
type CallerClaims = Pick<AccessTokenClaims, "sub" | "groups"> & {
  readonly [name in "username" | "email" | "scope" | "client_id"]?: string | undefined
}

const names = ["User-Id", "User-Name", "User-Email", "User-Groups", "Scopes", "Client-Id"] as const

/**
 * Identity of a caller as headers for the backend, flat name, value, …; what the token does not tell is left out.
 * Identifiers and scopes are plain visible ASCII. Login, address and each group are percent-encoded (UTF-8) where they
 * hold anything else, a `%`, or a comma in a group: backends that decode get the exact text back.
 * @returns undefined when a value cannot be sent at all (control characters, outer blanks): the request must not go on
 *   without an identity that the rule was judged by
 */
export function identityHeaders(prefix: string, claims: CallerClaims): readonly string[] | undefined {
  const values = {
    "User-Id": plain(claims.sub),
    "User-Name": claims.username === undefined ? null : encoded(claims.username),
    "User-Email": claims.email === undefined ? null : encoded(claims.email),
    "User-Groups": claims.groups.length === 0 ? null : list(claims.groups),
    Scopes: claims.scope === undefined || claims.scope === "" ? null : plain(claims.scope),
    "Client-Id": claims.client_id === undefined ? null : plain(claims.client_id),
  } satisfies Record<(typeof names)[number], string | null | undefined>
  const headers: string[] = []
  for (const name of names) {
    const value = values[name]
    if (value === undefined) return undefined
    if (value !== null) headers.push(prefix + name, value)
  }
  return headers
}

/** Visible ASCII with inner blanks, or undefined. */
function plain(value: string): string | undefined {
  return /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value) ? value : undefined
}

function encoded(value: string): string | undefined {
  // Parsers trim values: an outer blank would turn this name into another one.
  if (/\p{Cc}/u.test(value) || value.trim() !== value || !value.isWellFormed()) return undefined
  return value.replace(/[%]|[^\x20-\x7e]+/g, (piece) => encodeURIComponent(piece))
}

function list(values: readonly string[]): string | undefined {
  const items = values.map((value) => encoded(value)?.replaceAll(",", "%2C"))
  return items.includes(undefined) ? undefined : items.join(",")
}
