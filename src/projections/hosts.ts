import type { Proxy } from "../events/proxy.ts"
import { all, find } from "../events/world.ts"
import type { Projections } from "./projections.ts"

/** Address of a backend, taken apart once. */
export interface Target {
  readonly secure: boolean
  /** Name or IP literal without brackets. */
  readonly hostname: string
  readonly port: number
  /** Host header for proxies that do not keep the client's. */
  readonly authority: string
  /** Path that stands before every request's path; empty or `/base` without a slash at its end. */
  readonly base: string
}

/** A proxy as the edge routes to it. Replaced, never changed, when the proxy changes. */
export interface RoutedHost {
  readonly proxy: Proxy
  /** Undefined when `target_url` names nothing that can be dialled. */
  readonly target: Target | undefined
}

/** Read model: host name → proxy. */
export interface Hosts {
  /** @param hostname lower case, without port */
  get(hostname: string): RoutedHost | undefined
  /** Called with the host that was replaced or removed, after the change. */
  onChange(listener: (hostname: string, previous: RoutedHost | undefined) => void): void
  close(): void
}

/** Follows the proxies of the log; one event changes one entry. */
export function hosts(projections: Projections): Hosts {
  const byName = new Map<string, RoutedHost>()
  const listeners: ((hostname: string, previous: RoutedHost | undefined) => void)[] = []
  for (const proxy of all(projections.world, "proxy")) byName.set(proxy.hostname, routed(proxy))
  const stop = projections.listen((events, world) => {
    const touched = new Set(events.filter(({ kind }) => kind === "proxy").map(({ id }) => id))
    for (const hostname of touched) {
      const proxy = find(world, "proxy", hostname)
      const previous = byName.get(hostname)
      if (proxy === undefined) byName.delete(hostname)
      else byName.set(hostname, routed(proxy))
      for (const listener of listeners) listener(hostname, previous)
    }
  })
  return {
    get: (hostname) => byName.get(hostname),
    onChange: (listener) => void listeners.push(listener),
    close: stop,
  }
}

const routed = (proxy: Proxy): RoutedHost => ({ proxy, target: parseTarget(proxy.target_url) })

/** Takes a target URL apart; undefined unless it is http or https. */
export function parseTarget(url: string): Target | undefined {
  const parsed = URL.parse(url)
  if (parsed === null || (parsed.protocol !== "http:" && parsed.protocol !== "https:") || parsed.hostname === "") return undefined
  const secure = parsed.protocol === "https:"
  return {
    secure,
    hostname: parsed.hostname.replace(/^\[|\]$/g, ""),
    port: parsed.port === "" ? (secure ? 443 : 80) : Number(parsed.port),
    authority: parsed.host,
    base: parsed.pathname.replace(/\/+$/, ""),
  }
}
