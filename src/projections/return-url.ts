import { type World, find } from "../events/world.ts"
import { isReserved, takesCookie } from "./browser-host.ts"
import { type ResourceProxy, withResources } from "./resource.ts"
import { authority } from "../platform/config.ts"

/** A place that a browser may be sent to after a login or logout. */
export interface ReturnTarget {
  /** Absolute; what is sent is this text. */
  readonly href: string
  readonly origin: string
  /** The proxied host; undefined for the OAuth host itself. */
  readonly proxy: ResourceProxy | undefined
}

/** What decides about return URLs. */
export interface ReturnRule {
  readonly world: World
  /** The OAuth host with its port, as in the issuer. */
  readonly oauthAuthority: string
  readonly publicHttpsPort: number
}

/** Visible ASCII without what URL parsers read differently: backslash, fragment; the authority is compared as text. */
const form = /^https:\/\/([a-z0-9.-]+(?::[0-9]{1,5})?)((?:\/[\x21\x22\x24-\x5b\x5d-\x7e]*)?)$/i

/**
 * The return-URL rule: absolute https, no userinfo, backslash, control character or fragment, and an authority that is exactly
 * the OAuth host's or that of an enabled proxy which takes its cookie and signs in there.
 * @returns undefined for anything else
 */
export function returnTarget(text: string, { world, oauthAuthority, publicHttpsPort }: ReturnRule) {
  const [, place = "", path = ""] = form.exec(text) ?? []
  const parsed = place === "" ? null : URL.parse(text)
  // Two readings that must agree: browsers will read it as URL.parse does.
  if (parsed === null || parsed.protocol !== "https:" || parsed.username !== "" || parsed.password !== "")
    return undefined
  const asked = place.toLowerCase()
  if (parsed.host !== asked && `${parsed.host}:443` !== asked) return undefined
  if (asked === oauthAuthority) return target(asked, path, undefined)
  const hostname = parsed.hostname
  const proxy = find(world, "proxy", hostname)
  if (proxy === undefined || !proxy.enabled || !proxy.enable_https || !takesCookie(proxy)) return undefined
  if (proxy.auth!.auth_proxy !== oauthAuthority.replace(/:\d+$/, "")) return undefined
  if (asked !== authority(hostname, publicHttpsPort) || isReserved(parsed.pathname)) return undefined
  return target(asked, path, withResources(world, proxy))
}

function target(place: string, path: string, proxy: ResourceProxy | undefined): ReturnTarget {
  const origin = `https://${place}`
  return { href: `${origin}${path === "" ? "/" : path}`, origin, proxy }
}
