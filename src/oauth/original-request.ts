import { type AuthorizationServer, peerAddress } from "./authorization-server.ts"
import { type ResourceProxy, withResources } from "../projections/resource.ts"
import type { H3Event } from "h3"
import { canonicalTarget } from "../projections/canonical-target.ts"
import { OAuthError } from "./oauth-error.ts"
import { find } from "../events/world.ts"
import { sha256 } from "../platform/ids.ts"

/** What another proxy says about the request that it asks for. */
export interface OriginalRequest {
  /** The proxy of ours that it was for; undefined when nobody says so who is believed, or when it is none of ours. */
  readonly proxy: ResourceProxy | undefined
  readonly method: string
  /** Canonical, without the query; undefined when it is not told. */
  readonly path: string | undefined
  /** Empty when it is not told. */
  readonly query: string
}

/**
 * The original request by `X-Original-URL` and `-Method`, or `X-Forwarded-Host`, `-Uri` and `-Method`. A cookie is for one host, and a
 * rule too: who could name the host could choose the rule, so only configured addresses and holders of an API token are believed.
 * @throws OAuthError `invalid_request` for a path that the gateway would refuse as well
 */
export function originalRequest(server: AuthorizationServer, event: H3Event): OriginalRequest {
  const header = (name: string) => event.req.headers.get(name) ?? undefined
  if (!isBelieved(server, event)) return { proxy: undefined, method: event.req.method, path: undefined, query: "" }
  const url = URL.parse(header("x-original-url") ?? "") ?? undefined
  const host = url?.hostname ?? header("x-forwarded-host")?.toLowerCase().replace(/:\d+$/, "")
  const proxy = host === undefined ? undefined : find(server.projections.world, "proxy", host)
  return {
    proxy: proxy && withResources(server.projections.world, proxy),
    method: (header("x-original-method") ?? header("x-forwarded-method") ?? "GET").toUpperCase(),
    ...canonical(url === undefined ? header("x-forwarded-uri") : targetOf(header("x-original-url")!)),
  }
}

/** What stands behind the authority, as it was sent: a parser of URLs would resolve its dot segments. */
function targetOf(url: string): string {
  const target = url.trim().replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "")
  return target.startsWith("/") ? target : `/${target}`
}

/** @throws OAuthError `invalid_request` */
function canonical(target: string | undefined): Pick<OriginalRequest, "path" | "query"> {
  if (target === undefined) return { path: undefined, query: "" }
  const read = canonicalTarget(target)
  if (read === undefined) throw new OAuthError("invalid_request", "the path of the original request is malformed")
  return read
}

function isBelieved({ trusts, tokensByHash }: AuthorizationServer, event: H3Event): boolean {
  const token = event.req.headers.get("x-gatehouse-token")
  return trusts(peerAddress(event)) || (token !== null && tokensByHash.find(sha256(token)) !== undefined)
}
