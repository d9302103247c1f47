import { type KeyObject, createHmac, createSecretKey, hkdfSync, timingSafeEqual } from "node:crypto"
import type { AuthorizationServer } from "./authorization-server.ts"

/** Key of the MAC, from the master key. */
export function refreshKey(masterKey: string): KeyObject {
  const master = Buffer.from(masterKey, "base64")
  return createSecretKey(Buffer.from(hkdfSync("sha256", master, "", "gatehouse oauth refresh token", 32)))
}

/** `<family>.<generation>.<mac>`: every node can make it, nobody else can. The family is the grant's id. */
export function refreshToken(
  { refreshKey: key }: Pick<AuthorizationServer, "refreshKey">,
  family: string,
  generation: number,
): string {
  const body = `${family}.${generation}`
  return `${body}.${createHmac("sha256", key).update(body).digest("base64url")}`
}

/** Family and generation of a genuine refresh token; undefined for anything else. */
export function readRefreshToken(
  server: Pick<AuthorizationServer, "refreshKey">,
  token: string,
): { family: string; generation: number } | undefined {
  const [, family, digits] = /^([0-9a-f-]{36})\.([1-9]\d{0,8})\.[A-Za-z0-9_-]{43}$/.exec(token) ?? []
  if (family === undefined || digits === undefined) return undefined
  const genuine = Buffer.from(refreshToken(server, family, Number(digits)))
  return timingSafeEqual(genuine, Buffer.from(token)) ? { family, generation: Number(digits) } : undefined
}
