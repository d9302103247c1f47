import type { ApiToken } from "../events/api-token.ts"
import type { Projections } from "./projections.ts"
import type { World } from "../events/world.ts"
import { timingSafeEqual } from "node:crypto"

/** API tokens by the hash of their value. */
export interface TokensByHash {
  /** @param hash `sha256:` and hex digits, of the value that a caller showed */
  find(hash: string): { readonly id: string; readonly token: ApiToken } | undefined
}

/** Read model over the tokens of the world; rebuilt at the first question after a token changed. */
export function tokensByHash(projections: Projections): TokensByHash {
  let world: World | undefined
  let index = new Map<string, string>()
  projections.listen((events) => {
    if (events.some((event) => event.kind === "api-token")) world = undefined
  })
  return {
    find(hash) {
      if (world !== projections.world || !projections.ready) {
        world = projections.world
        index = new Map([...world.objects["api-token"]].map(([id, { state }]) => [state.hash, id]))
      }
      const id = index.get(hash)
      const token = id === undefined ? undefined : world.objects["api-token"].get(id)?.state
      return id !== undefined && token !== undefined && sameDigest(token.hash, hash) ? { id, token } : undefined
    },
  }
}

function sameDigest(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
}
