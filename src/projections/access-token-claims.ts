/** Claims of an access token (RFC 9068 §2.2) after their types and ranges were checked. Times are seconds since the epoch. */
export interface AccessTokenClaims {
  readonly iss: string
  readonly sub: string
  readonly aud: readonly string[]
  readonly client_id: string
  readonly scope: string
  readonly iat: number
  readonly exp: number
  readonly nbf?: number
  readonly jti: string
  /** Grant that the token belongs to. */
  readonly sid: string
  readonly username?: string
  readonly name?: string
  /** Only present when the identity provider verified it. */
  readonly email?: string
  readonly groups: readonly string[]
  readonly auth_time?: number
  /** Confirmation (RFC 7800): the token is bound to a key. */
  readonly cnf?: unknown
}

/** Largest NumericDate that is taken: the end of the year 9999. */
const latest = 253_402_300_799
const mostEntries = 1000

const text = (value: unknown): value is string => typeof value === "string" && value !== "" && value.isWellFormed()
const time = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= latest
const texts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.length <= mostEntries && value.every(text)
const absentOr = (check: (value: unknown) => boolean, value: unknown) => value === undefined || check(value)

/**
 * Reads the payload of an access token. Every claim that Gatehouse writes must have its type: a time as text or a list
 * where a text belongs is refused, not converted.
 * @returns undefined for anything else than a complete, well-typed claim set
 */
export function readClaims(payload: Readonly<Record<string, unknown>>): AccessTokenClaims | undefined {
  const { iss, sub, aud, client_id, azp, scope, iat, exp, nbf, jti, sid } = payload
  const { username, name, email, groups, auth_time, cnf } = payload
  const audience = typeof aud === "string" ? [aud] : aud
  if (!text(iss) || !text(sub) || !text(client_id) || !text(jti) || !text(sid)) return undefined
  if (!texts(audience) || audience.length === 0) return undefined
  if (typeof scope !== "string" || !scope.isWellFormed()) return undefined
  if (!time(iat) || !time(exp) || exp <= iat) return undefined
  if (!absentOr(time, nbf) || !absentOr(time, auth_time) || !absentOr(texts, groups)) return undefined
  if (![username, name, email].every((value) => absentOr(text, value))) return undefined
  if (azp !== undefined && azp !== client_id) return undefined
  return {
    iss,
    sub,
    aud: audience,
    client_id,
    scope,
    iat,
    exp,
    jti,
    sid,
    groups: (groups as string[] | undefined) ?? [],
    ...(nbf !== undefined && { nbf: nbf as number }),
    ...(username !== undefined && { username: username as string }),
    ...(name !== undefined && { name: name as string }),
    ...(email !== undefined && { email: email as string }),
    ...(auth_time !== undefined && { auth_time: auth_time as number }),
    ...(cnf !== undefined && { cnf }),
  }
}
