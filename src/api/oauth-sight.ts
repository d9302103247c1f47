import type { Caller } from "./caller.ts"
import type { Api } from "./endpoint.ts"
import type { Client } from "../events/oauth-client.ts"
import { GatehouseError } from "../errors.ts"
import type { Grant } from "../events/grant.ts"
import { all } from "../events/world.ts"

/** What of OAuth a caller may see: everything, or what touches their own proxies. */
export interface Sight {
  grant(grant: Grant | undefined): boolean
  client(client: Client): boolean
  /** Of some resources or hosts, those that may be shown. */
  resources(uris: readonly string[]): string[]
  hosts(names: Iterable<string>): string[]
}

/** Sight of a caller, from one pass over proxies and grants. */
export function sightOf({ projections: { world } }: Pick<Api, "projections">, caller: Caller): Sight {
  if (caller.admin)
    return { grant: () => true, client: () => true, resources: (uris) => [...uris], hosts: (names) => [...names] }
  const own = new Set(
    [...all(world, "proxy")].filter(({ owner }) => owner === caller.token).map(({ hostname }) => hostname),
  )
  const ownResource = (uri: string) => own.has(hostOf(uri) ?? "")
  const touches = (grant: Grant) => grant.resources.some(ownResource)
  const clients = new Set([...all(world, "grant")].filter(touches).map(({ client_id }) => client_id))
  return {
    grant: (grant) => grant !== undefined && touches(grant),
    client: ({ client_id, owner }) => owner === caller.token || clients.has(client_id),
    resources: (uris) => uris.filter(ownResource),
    hosts: (names) => [...names].filter((name) => own.has(name)),
  }
}

/** Host name of a resource. */
export function hostOf(uri: string): string | undefined {
  return URL.parse(uri)?.hostname
}

/** The value of a store call, or null while the store cannot say. */
export async function known<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call
  } catch (error) {
    if (error instanceof GatehouseError && error.code === "store_unavailable") return null
    throw error
  }
}

/** ISO 8601 of milliseconds since the epoch; null for none. */
export function instant(at: number | null | undefined): string | null {
  return at === null || at === undefined || at <= 0 ? null : new Date(at).toISOString()
}
