import { createHash } from "node:crypto"
import type { World } from "../events/world.ts"
import { canonicalJson } from "../platform/canonical-json.ts"

/** What a world says at a position, as short text that nodes, rebuilds and replays compare. */
export interface Digest {
  readonly position: number
  /** Chain hash at `position`. */
  readonly hash: string
  /** SHA-256, hex, of each kind's aggregates. */
  readonly kinds: Readonly<Record<string, string>>
}

/** Digest of a world: of each kind the canonical JSON of `[id, version, state]`, sorted by id, one a line. */
export function digests(world: World): Digest {
  const kinds = Object.entries(
    world.objects as Readonly<Record<string, ReadonlyMap<string, { version: number; state: unknown }>>>,
  )
  return {
    position: world.position,
    hash: world.hash,
    kinds: Object.fromEntries(kinds.map(([kind, objects]) => [kind, digest(objects)])),
  }
}

function digest(objects: ReadonlyMap<string, { readonly version: number; readonly state: unknown }>): string {
  const sum = createHash("sha256")
  for (const id of [...objects.keys()].sort()) {
    const { version, state } = objects.get(id)!
    sum.update(canonicalJson([id, version, state])).update("\n")
  }
  return sum.digest("hex")
}
