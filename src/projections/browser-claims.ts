import * as z from "zod"

const text = z
  .string()
  .min(1)
  .refine((value) => value.isWellFormed())
const time = z.int().positive().max(253_402_300_799)

const claims = z
  .strictObject({
    iss: text,
    /** Origin of the one host that the cookie is for. */
    aud: text,
    sub: text,
    /** Public id of the browser session on the OAuth host. */
    sid: text,
    /** Names the session's record, and opens nothing: the browser's own cookie is what it is the hash of. */
    ses: text,
    iat: time,
    exp: time,
    /** When the person proved themselves. */
    auth_time: time,
    provider: z.enum(["local", "github", "oidc"]),
    username: text,
    name: text.optional(),
    /** Only present when the identity provider verified it. */
    email: text.optional(),
    groups: z.array(text).max(1000),
  })
  .refine(({ iat, exp }) => exp > iat)

/** Claims of a host's cookie after their types and ranges were checked. Times are seconds since the epoch. */
export type BrowserClaims = Readonly<z.infer<typeof claims>>

/** Reads the payload of a cookie. @returns undefined for anything else than a complete, well-typed claim set */
export function readBrowserClaims(payload: unknown): BrowserClaims | undefined {
  const parsed = claims.safeParse(payload)
  return parsed.success ? parsed.data : undefined
}
