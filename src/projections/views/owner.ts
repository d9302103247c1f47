import { type World, find } from "../../events/world.ts"

/** Who an object belongs to, as views show it. `null` for the hash when the token is gone. */
export function ownerFields(world: World, owner: string): { owner: string; owner_token_hash: string | null } {
  const token = find(world, "api-token", owner)
  return { owner: token?.name ?? owner, owner_token_hash: token?.hash ?? null }
}
