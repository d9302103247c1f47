import { type World, all, find } from "../events/world.ts"
import { type ResourceSettings, admissionFault } from "./admission.ts"
import { type ResourceProxy, withResources } from "./resource.ts"
import type { AccessTokenClaims } from "./access-token-claims.ts"
import type { Grant } from "../events/grant.ts"
import type { Proxy } from "../events/proxy.ts"
import { issuerOf } from "./issuer.ts"
import { setImmediate } from "node:timers/promises"

/** Somebody who could pass and could no longer. */
export interface AccessLoss {
  /** `anyone` of a host that was open or is gone, `user` of a grant, `token` of the admin API. */
  readonly who: "anyone" | "user" | "token"
  /** Login or subject of the user, name of the token; `*` for anyone. */
  readonly name: string
  /** OAuth client of the grant; null for others. */
  readonly client_id: string | null
  /** Host that is lost; null for the admin API. */
  readonly host: string | null
  readonly reason: string
}

/** Checks after which others are served. */
const atOnce = 500

/**
 * Who would lose what between two worlds: hosts, standing grants, API tokens. Groups are not in the log: rules about them count as
 * refusing. Takes a while where there is much; neither world may change meanwhile.
 * @param most losses that are looked for
 * @param signal rejects with its reason
 */
export async function accessLosses(
  before: World,
  after: World,
  settings: ResourceSettings,
  most: number,
  signal: AbortSignal,
): Promise<AccessLoss[]> {
  const losses: AccessLoss[] = []
  let looked = 0
  for (const loss of checks(before, after, settings)) {
    if (loss !== undefined) losses.push(loss)
    if (losses.length >= most) break
    looked += 1
    if (looked % atOnce > 0) continue
    await setImmediate()
    signal.throwIfAborted()
  }
  return losses
}

/** One value for each check: what is lost by it, if anything. */
type Checks = Generator<AccessLoss | undefined, void>

function* checks(before: World, after: World, settings: ResourceSettings): Checks {
  for (const proxy of all(before, "proxy")) yield* hostLosses(proxy, find(after, "proxy", proxy.hostname))
  yield* grantLosses(before, after, settings)
  yield* tokenLosses(before, after)
}

function* hostLosses(proxy: Proxy, next: Proxy | undefined): Checks {
  const loss = (reason: string): AccessLoss => ({
    who: "anyone",
    name: "*",
    client_id: null,
    host: proxy.hostname,
    reason,
  })
  if (!proxy.enabled || next === proxy) return yield undefined
  if (next === undefined) return yield loss("the host is gone")
  if (!next.enabled) return yield loss("the proxy is switched off")
  if (!isProtected(proxy) && isProtected(next)) return yield loss("the host was open and asks for a sign-in")
  const closed = (["enable_http", "enable_https"] as const).filter((scheme) => proxy[scheme] && !next[scheme])
  for (const scheme of closed) yield loss(`${scheme === "enable_http" ? "http" : "https"} is switched off`)
}

function isProtected({ auth }: Pick<Proxy, "auth">): boolean {
  return auth?.auth_enabled === true
}

/** A protected host in both worlds. */
interface GuardedHost {
  readonly hostname: string
  readonly was: ResourceProxy
  readonly is: ResourceProxy | undefined
  /** Does it let the same in? */
  readonly same: boolean
}

function guardedHosts(before: World, after: World): GuardedHost[] {
  return [...all(before, "proxy")].filter(isProtected).map((proxy) => {
    const { hostname } = proxy
    const next = find(after, "proxy", hostname)
    const [was, is] = [withResources(before, proxy), next && withResources(after, next)]
    const resources = new Set(is?.resources)
    const same =
      next === proxy &&
      resources.size === was.resources.length &&
      was.resources.every((resource) => resources.has(resource))
    return { hostname, was, is, same }
  })
}

function* grantLosses(before: World, after: World, settings: ResourceSettings): Checks {
  const open = (proxy: ResourceProxy | undefined, grant: Grant | undefined): string | undefined => {
    if (grant === undefined) return "the grant has ended"
    if (proxy === undefined || !proxy.enabled) return "the host is gone or switched off"
    if (!isProtected(proxy)) return undefined
    return admissionFault(proxy, claimsOf(grant, proxy.auth!.auth_proxy, settings), settings)
  }
  const hosts = guardedHosts(before, after)
  const changed = hosts.filter(({ same }) => !same)
  for (const grant of all(before, "grant")) {
    const next = find(after, "grant", grant.grant_id)
    for (const { hostname, was, is } of next === grant ? changed : hosts) {
      const reason = open(was, grant) === undefined ? open(is, next) : undefined
      yield reason === undefined
        ? undefined
        : { who: "user", name: grant.username, client_id: grant.client_id, host: hostname, reason }
    }
    yield undefined
  }
}

function claimsOf(grant: Grant, authProxy: string, { publicHttpsPort }: ResourceSettings): AccessTokenClaims {
  return {
    iss: issuerOf(authProxy, publicHttpsPort),
    aud: [...grant.resources],
    sub: grant.subject,
    client_id: grant.client_id,
    username: grant.username,
    ...(grant.email !== null && grant.email_verified && { email: grant.email }),
    groups: [],
    scope: grant.scope,
    iat: 0,
    exp: 0,
    jti: "",
    sid: grant.grant_id,
  }
}

function* tokenLosses(before: World, after: World): Checks {
  for (const [id, { state }] of before.objects["api-token"]) {
    const next = find(after, "api-token", id)
    const reason = next === undefined ? "the token is deleted" : "the token has another value"
    yield next?.hash === state.hash
      ? undefined
      : { who: "token", name: state.name, client_id: null, host: null, reason }
  }
}
