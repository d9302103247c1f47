import { hash } from "node:crypto"
import { keys } from "./redis-keys.ts"

/** Redis key of an OAuth record by its id, of which Redis sees the SHA-256. */
export function recordKey(kind: string, id: string): string {
  return keys.oauth(kind, hash("sha256", id))
}
