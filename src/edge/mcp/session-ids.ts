import { generationCache } from "../generation-cache.ts"
import { createHmac, hash, hkdfSync, timingSafeEqual } from "node:crypto"

/** Whose a legacy MCP session is. */
export interface SessionBinding {
  readonly host: string
  /** Empty when nobody is known, like `clientId`. */
  readonly subject: string
  readonly clientId: string
}

/** Binds the session ids of backends to their users. Nothing is stored: every node with the same master key understands them. */
export interface SessionIds {
  /** @returns undefined for an id that MCP does not allow: it must be visible ASCII */
  wrap(id: string, binding: SessionBinding): string | undefined
  /** @returns the backend's id; undefined when it is not one of ours, or another's */
  unwrap(wrapped: string, binding: SessionBinding): string | undefined
}

const longestId = 1024
const form = /^([A-Za-z0-9_-]{8})\.([A-Za-z0-9_-]{43})\.([\x21-\x7e]+)$/

/**
 * Session ids as clients see them: `<key id>.<MAC>.<the backend's id>`, the MAC over host, subject, client and id (HMAC-SHA256).
 * @param masterKey 32 bytes; the key is derived from it (RFC 5869)
 * @param remembered sessions per generation whose proof is not repeated
 */
export function sessionIds(masterKey: Buffer, remembered = 5000): SessionIds {
  const key = Buffer.from(hkdfSync("sha256", masterKey, "", "gatehouse mcp session ids", 32))
  const keyId = hash("sha256", Buffer.concat([Buffer.from("gatehouse mcp session key id\n"), key]), "base64url").slice(
    0,
    8,
  )
  const mac = (id: string, { host, subject, clientId }: SessionBinding) =>
    createHmac("sha256", key)
      .update(JSON.stringify([host, subject, clientId, id]))
      .digest("base64url")
  // What was proven once for this binding needs no second proof; nothing of it can change.
  const proven = generationCache<string>(remembered)
  return {
    wrap(id, binding) {
      if (id.length > longestId || !/^[\x21-\x7e]+$/.test(id)) return undefined
      return `${keyId}.${mac(id, binding)}.${id}`
    },
    unwrap(wrapped, binding) {
      const name = `${binding.host} ${binding.clientId.length} ${binding.clientId}${wrapped.length} ${wrapped}${binding.subject}`
      const known = proven.get(name)
      if (known !== undefined) return known
      const [, kid, given = "", id = ""] = form.exec(wrapped) ?? []
      if (kid !== keyId || id.length > longestId) return undefined
      if (!timingSafeEqual(Buffer.from(given), Buffer.from(mac(id, binding)))) return undefined
      proven.set(name, id)
      return id
    },
  }
}
