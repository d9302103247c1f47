import { hash } from "node:crypto"
import { GatehouseError } from "../errors.ts"

/** Entity tag of an object's version (RFC 9110 §8.8.3): what a write answers with. */
export function entityTag(version: number): string {
  return `"${version}"`
}

/**
 * Entity tag of what a read shows: the version, which `If-Match` asks for, and a digest of the text. A view tells of other objects
 * and of time too, and a tag that stayed while the text changed would let a client keep what is over.
 */
export function viewTag(version: number, text: string): string {
  return `"${version}-${hash("sha256", text, "base64url").slice(0, 16)}"`
}

/**
 * Version that `If-Match` asks for; undefined when any will do.
 * @throws GatehouseError `precondition_failed` for a tag that no version can have, `bad_request` for several
 */
export function ifMatchVersion(header: string | null): number | undefined {
  if (header === null || header.trim() === "*") return undefined
  if (header.includes(",")) throw new GatehouseError("bad_request", "If-Match takes one entity tag here")
  const version = /^"(\d{1,15})(?:-[\w-]{16})?"$/.exec(header.trim())?.[1]
  if (version === undefined) throw new GatehouseError("precondition_failed", "the entity tag is none of ours")
  return Number(version)
}

const longestReason = 256

/**
 * Why a change is made, in the caller's words, from `X-Reason`: percent-encoded UTF-8, for what is no ASCII.
 * @throws GatehouseError `bad_request`
 */
export function reasonOf(header: string | null): string | undefined {
  if (header === null || header.trim() === "") return undefined
  const text = URL.canParse(`x:${header}`) ? decoded(header) : undefined
  if (text === undefined || text.length > longestReason || /[\u0000-\u001f\u007f]/.test(text))
    throw new GatehouseError("bad_request", `X-Reason takes at most ${longestReason} printable characters`)
  return text
}

function decoded(header: string): string | undefined {
  try {
    return decodeURIComponent(header)
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}

/** Does `If-None-Match` name this entity tag? Weak comparison (RFC 9110 §13.1.2). */
export function noneMatch(header: string | null, present: string): boolean {
  if (header === null) return false
  if (header.trim() === "*") return true
  return header.split(",").some((tag) => tag.trim().replace(/^W\//, "") === present)
}

/** @throws GatehouseError `validation_failed` for a key that is empty, too long or not printable */
export function idempotencyKey(header: string | null): string | undefined {
  if (header === null) return undefined
  if (/^[\x20-\x7e]{1,128}$/.test(header)) return header
  const message = "1 to 128 printable characters"
  throw new GatehouseError("validation_failed", `Idempotency-Key: ${message}`, {
    errors: [{ path: "Idempotency-Key", message }],
  })
}
