import type { Caller } from "./caller.ts"
import { GatehouseError } from "../errors.ts"
import type { Projections } from "../projections/projections.ts"
import type { TokensByHash } from "../projections/tokens-by-hash.ts"
import { sha256 } from "../platform/ids.ts"

/** Caller without a token: owns nothing, may do nothing but what is public. */
export const anonymous: Caller = { token: "", name: "anonymous", admin: false, hash: "" }

/**
 * The caller behind an `Authorization: Bearer` header (RFC 6750 §2.1). The value is opaque: it is hashed and looked up.
 * @throws GatehouseError `unauthenticated`, `invalid_token`; `projection_behind` while this node does not know all tokens yet
 */
export function authenticate(authorization: string | null, tokens: TokensByHash, projections: Projections): Caller {
  if (authorization === null) throw new GatehouseError("unauthenticated")
  const value = /^Bearer +([\x21-\x7e]{1,1024})$/i.exec(authorization.trim())?.[1]
  const hash = value === undefined ? "" : sha256(value)
  const found = tokens.find(hash)
  if (found !== undefined) return { token: found.id, name: found.token.name, admin: found.token.is_admin, hash }
  if (!projections.ready)
    throw new GatehouseError("projection_behind", "this node is still reading the log", { retryAfter: 1 })
  throw new GatehouseError("invalid_token")
}
