import { type World, all, find } from "../events/world.ts"
import { type ResourceSettings, admissionFault } from "./admission.ts"
import { withResources } from "./resource.ts"
import type { AccessTokenClaims } from "./access-token-claims.ts"
import type { Grant } from "../events/grant.ts"
import { issuerOf } from "./issuer.ts"

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

/** Who would lose what between two worlds: hosts, standing grants, API tokens. Groups are not in the log: rules about them count as refusing. */
export function accessLosses(before: World, after: World, settings: ResourceSettings): AccessLoss[] {
  return [...hostLosses(before, after), ...grantLosses(before, after, settings), ...tokenLosses(before, after)]
}

function hostLosses(before: World, after: World): AccessLoss[] {
  return [...all(before, "proxy")].flatMap((proxy): AccessLoss[] => {
    const loss = (reason: string): AccessLoss[] => [
      { who: "anyone", name: "*", client_id: null, host: proxy.hostname, reason },
    ]
    const next = find(after, "proxy", proxy.hostname)
    if (!proxy.enabled) return []
    if (next === undefined) return loss("the host is gone")
    if (!next.enabled) return loss("the proxy is switched off")
    if (!isProtected(proxy) && isProtected(next)) return loss("the host was open and asks for a sign-in")
    const closed = (["enable_http", "enable_https"] as const).filter((scheme) => proxy[scheme] && !next[scheme])
    return closed.flatMap((scheme) => loss(`${scheme === "enable_http" ? "http" : "https"} is switched off`))
  })
}

function isProtected({ auth }: { readonly auth: { readonly auth_enabled: boolean } | null }): boolean {
  return auth?.auth_enabled === true
}

function grantLosses(before: World, after: World, settings: ResourceSettings): AccessLoss[] {
  const open =
    (world: World) =>
    (hostname: string, grant: Grant | undefined): string | undefined => {
      const proxy = find(world, "proxy", hostname)
      if (grant === undefined) return "the grant has ended"
      if (proxy === undefined || !proxy.enabled) return "the host is gone or switched off"
      if (!isProtected(proxy)) return undefined
      return admissionFault(withResources(world, proxy), claimsOf(grant, proxy.auth!.auth_proxy, settings), settings)
    }
  const [was, is] = [open(before), open(after)]
  const hosts = [...all(before, "proxy")].filter(isProtected).map(({ hostname }) => hostname)
  return [...all(before, "grant")].flatMap((grant) =>
    hosts.flatMap((host): AccessLoss[] => {
      if (was(host, grant) !== undefined) return []
      const reason = is(host, find(after, "grant", grant.grant_id))
      if (reason === undefined) return []
      return [{ who: "user", name: grant.username, client_id: grant.client_id, host, reason }]
    }),
  )
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

function tokenLosses(before: World, after: World): AccessLoss[] {
  return [...before.objects["api-token"]].flatMap(([id, { state }]): AccessLoss[] => {
    const next = find(after, "api-token", id)
    if (next?.hash === state.hash) return []
    const reason = next === undefined ? "the token is deleted" : "the token has another value"
    return [{ who: "token", name: state.name, client_id: null, host: null, reason }]
  })
}
