import { type Client, endOfLife, isOrphan } from "../events/oauth-client.ts"
import type { AuthorizationServer } from "./authorization-server.ts"
import { find } from "../events/world.ts"
import { sha256 } from "../platform/ids.ts"
import { timingSafeEqual } from "node:crypto"

/** A known client whose life is not over, whose owner is there and that nobody switched off, or undefined. */
export function findClient({ projections, clock }: AuthorizationServer, clientId: string): Client | undefined {
  const { world } = projections
  const client = find(world, "client", clientId)
  if (client === undefined || !stands(client, clock())) return undefined
  return isOrphan(client, find(world, "api-token", client.owner ?? "")) ? undefined : client
}

/** May this client be used at all? */
export function stands(client: Client, now: Date): boolean {
  return !client.disabled && endOfLife(client) > now.getTime()
}

/** Does the secret hash to this? Constant time over digests of equal length. */
export function hasHash(secret: string, hash: string | null): boolean {
  return hash !== null && timingSafeEqual(Buffer.from(sha256(secret)), Buffer.from(hash))
}
