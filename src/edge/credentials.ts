/** Headers that the guard looks at, from one pass over the request. */
export interface GuardHeaders {
  readonly authorization: string | undefined
  readonly origin: string | undefined
  /** A header that must be single came twice. */
  readonly repeated: boolean
}

/** Collects `Authorization` and `Origin` in one pass; the lengths of the names keep other headers cheap. */
export function guardHeaders(rawHeaders: readonly string[]): GuardHeaders {
  let authorization: string | undefined
  let origin: string | undefined
  let repeated = false
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!
    if (name.length === 13 && name.toLowerCase() === "authorization") {
      repeated ||= authorization !== undefined
      authorization = rawHeaders[at + 1]
    } else if (name.length === 6 && name.toLowerCase() === "origin") {
      repeated ||= origin !== undefined
      origin = rawHeaders[at + 1]
    }
  }
  return { authorization, origin, repeated }
}

/** The one value of a header, by its lower-case name; undefined when it is absent or stands twice. */
export function singleHeader(rawHeaders: readonly string[], lowerName: string): string | undefined {
  const values = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]!.toLowerCase() === lowerName)
  return values.length === 1 ? values[0] : undefined
}

/** First value of a header, by its lower-case name. */
export function headerValue(rawHeaders: readonly string[], lowerName: string): string | undefined {
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    if (rawHeaders[at]!.toLowerCase() === lowerName) return rawHeaders[at + 1]
  return undefined
}

/** What an `Authorization` value offers: a bearer credential, one that is bound to a key (RFC 9449 §7.1), nothing that is understood here, or something broken. */
export type Credential =
  | { readonly type: "bearer"; readonly token: string }
  | { readonly type: "dpop"; readonly token: string }
  | { readonly type: "none" }
  | { readonly type: "malformed" }

const none: Credential = { type: "none" }
const malformed: Credential = { type: "malformed" }
const schemeForm = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?: +(.*))?$/s

/**
 * Reads an `Authorization` value (RFC 9110 §11.4, RFC 6750 §2.1). Another scheme counts as no credential: RFC 6750 §3.1
 * asks that such a caller is told no error. The token's form is not looked at here: a remembered token needs no second
 * look, any other goes through {@link isToken68}.
 */
export function readCredential(authorization: string | undefined): Credential {
  if (authorization === undefined) return none
  if (authorization.startsWith("Bearer ") && authorization[7] !== " ")
    return { type: "bearer", token: authorization.slice(7) }
  const parts = schemeForm.exec(authorization)
  if (parts === null) return malformed
  const scheme = parts[1]!.toLowerCase()
  return scheme === "bearer" || scheme === "dpop" ? { type: scheme, token: parts[2] ?? "" } : none
}

/** Has a token the one form that a bearer credential may have (RFC 6750 §2.1 `b64token`)? */
export function isToken68(token: string): boolean {
  return /^[A-Za-z0-9._~+/-]+=*$/.test(token)
}
