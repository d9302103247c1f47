import { type World, all } from "../../events/world.ts"
import type { Certificate } from "../../events/certificate.ts"
import type { Proxy } from "../../events/proxy.ts"

/** What one token owns, in the order of names. */
export interface Owned {
  readonly certificates: readonly Certificate[]
  readonly proxies: readonly Proxy[]
}

const nothing: Owned = { certificates: [], proxies: [] }

/** Everything by its owner, from one pass over the world. @returns what the token of an id owns */
export function ownedObjects(world: World): (owner: string) => Owned {
  const certificates = Map.groupBy(sorted(all(world, "certificate"), "cert_name"), ({ owner }) => owner)
  const proxies = Map.groupBy(sorted(all(world, "proxy"), "hostname"), ({ owner }) => owner)
  return (owner) => ({
    certificates: certificates.get(owner) ?? nothing.certificates,
    proxies: proxies.get(owner) ?? nothing.proxies,
  })
}

function sorted<T, K extends keyof T>(items: Iterable<T>, name: K): T[] {
  return [...items].sort((a, b) => (a[name] < b[name] ? -1 : 1))
}
