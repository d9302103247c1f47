import * as z from "zod"
import type { Grant } from "../../events/grant.ts"

/** Kinds of tokens that are issued. */
export const TokenType = z.enum(["access", "refresh"])

/** `revoked`: before its time, by itself or with its grant or client. */
export const TokenStatus = z.enum(["active", "expired", "revoked"])

/** How long an expired access token is remembered for administrators, milliseconds. */
export const rememberedMs = 3_600_000

/** An issued token, never its value. */
export const IssuedToken = z
  .strictObject({
    jti: z.string().describe("Of an access token; a refresh token goes by its session."),
    type: TokenType,
    status: TokenStatus,
    client_id: z.string(),
    session_id: z.string(),
    user: z.string().nullable(),
    subject: z.string().nullable(),
    aud: z.array(z.string()),
    scope: z.string(),
    issued_at: z.string(),
    expires_at: z.string(),
    last_used_at: z.string().nullable(),
  })
  .meta({ id: "IssuedToken" })

/** A token with its use and what it says. */
export const IssuedTokenDetail = IssuedToken.extend({
  is_expired: z.boolean(),
  time_until_expiry: z.int().describe("Seconds; 0 when it has expired."),
  claims: z.record(z.string(), z.json()).nullable(),
  usage: z.strictObject({
    last_used_at: z.string().nullable(),
    requests: z.int().nullable(),
    hosts: z.array(z.string()).nullable(),
  }),
}).meta({ id: "IssuedTokenDetail" })

/** Does an access token of this grant still stand? @param now milliseconds since the epoch */
export function tokenStatus(
  { jti, client_id, expires }: { readonly jti: string; readonly client_id: string; readonly expires: number },
  grant: Grant | undefined,
  clientKnown: boolean,
  now: number,
): z.infer<typeof TokenStatus> {
  if (expires <= now) return "expired"
  if (grant === undefined || grant.client_id !== client_id || !clientKnown) return "revoked"
  return grant.revoked_tokens?.some((token) => token.jti === jti) === true ? "revoked" : "active"
}
