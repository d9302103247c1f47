import type { Kind, StateOf } from "./event.ts"

/** A thing that another one names, as `kind/id`. It need not be there. */
export type Name = `${Kind}/${string}`

/** Kinds whose objects name others. */
export type Referring = "proxy" | "route" | "resource"

/** Who names a thing: the key is a {@link Name}, the values are names of the objects that name it. */
export type Referrers = Map<string, Set<string>>

const places = { instance: "instance", service: "service", hostname: "proxy" } as const

const namesIn: { readonly [K in Referring]: (state: StateOf<K>) => readonly Name[] } = {
  proxy: ({ target_url, cert_name, service, enabled_routes, disabled_routes }) => [
    ...placeOf(target_url),
    // Proxies of early logs have neither of the two.
    ...(typeof cert_name === "string" ? ([`certificate/${cert_name.toLowerCase()}`] as const) : []),
    ...(typeof service === "string" ? ([`service/${service}`] as const) : []),
    ...enabled_routes.map((id) => `route/${id}` as const),
    ...disabled_routes.map((id) => `route/${id}` as const),
  ],
  route: ({ target_type, target_value, proxy_hostnames }) => [
    ...(target_type in places ? [`${places[target_type as keyof typeof places]}/${target_value}` as const] : []),
    ...proxy_hostnames.map((hostname) => `proxy/${hostname}` as const),
  ],
  resource: ({ proxy_target }) => [`proxy/${proxy_target}`],
}

/** The fields that names stand in. */
const naming: { readonly [K in Referring]: readonly (keyof StateOf<K>)[] } = {
  proxy: ["target_url", "cert_name", "service", "enabled_routes", "disabled_routes"],
  route: ["target_type", "target_value", "proxy_hostnames"],
  resource: ["proxy_target"],
}

function placeOf(url: string): readonly Name[] {
  const at = url.indexOf("://")
  const scheme = url.slice(0, at)
  return scheme === "instance" || scheme === "service" ? [`${scheme}/${url.slice(at + 3)}`] : []
}

/** Takes over what one object names after an event instead of what it named before; `undefined` for one that is not there. */
export type Refer = (referrers: Referrers, id: string, before: unknown, now: unknown) => void

/** How the names in a kind's objects are followed; undefined for a kind whose objects name nothing. */
export function referOf(kind: Kind): Refer | undefined {
  const names = (namesIn as Partial<Record<Kind, (state: never) => readonly Name[]>>)[kind]
  const fields = (naming as Partial<Record<Kind, readonly string[]>>)[kind]
  if (names === undefined || fields === undefined) return undefined
  return (referrers, id, before, now) => {
    if (before !== undefined && now !== undefined && isSame(before, now, fields)) return
    const of = (state: unknown) => (state === undefined ? [] : names(state as never))
    move(referrers, `${kind}/${id}`, of(before), of(now))
  }
}

/** Most events leave names as they are. */
function isSame(before: unknown, now: unknown, fields: readonly string[]): boolean {
  for (const field of fields)
    if ((before as Record<string, unknown>)[field] !== (now as Record<string, unknown>)[field]) return false
  return true
}

function move(referrers: Referrers, who: Name, before: readonly Name[], now: readonly Name[]): void {
  for (const name of before) {
    const those = now.includes(name) ? undefined : referrers.get(name)
    if (those?.delete(who) === true && those.size === 0) referrers.delete(name)
  }
  for (const name of now) {
    const those = referrers.get(name)
    if (those === undefined) referrers.set(name, new Set([who]))
    else those.add(who)
  }
}
