import { type AuthorizationServer, peerAddress } from "./authorization-server.ts"
import { type ResourceProxy, withResources } from "../projections/resource.ts"
import type { H3Event } from "h3"
import { canonicalTarget } from "../projections/canonical-target.ts"
import { OAuthError } from "./oauth-error.ts"
import { parseHost, splitAbsoluteForm } from "../projections/request-host.ts"
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
 * rule too: who could name the host could choose the rule, so only configured addresses and holders of an API token are believed. A
 * proxy sets the headers of one kind and passes on what its client sent of the other: both must say the same.
 * @throws OAuthError `invalid_request` for a host or path that the gateway would refuse as well, and for two that differ
 */
export function originalRequest(server: AuthorizationServer, event: H3Event): OriginalRequest {
  const header = (name: string) => event.req.headers.get(name) ?? undefined
  const own = event.req.method
  if (!isBelieved(server, event)) return { proxy: undefined, method: own, path: undefined, query: "" }
  const url = splitUrl(header("x-original-url"))
  const host = agreed(hostOf(url?.authority), hostOf(header("x-forwarded-host")))
  const target = agreed(canonical(url?.target), canonical(header("x-forwarded-uri")))
  const method = agreed(header("x-original-method")?.toUpperCase(), header("x-forwarded-method")?.toUpperCase()) ?? own
  const proxy = host === undefined ? undefined : find(server.projections.world, "proxy", host)
  const mark = target?.indexOf("?") ?? -1
  return {
    proxy: proxy && withResources(server.projections.world, proxy),
    method,
    path: mark === -1 ? target : target!.slice(0, mark),
    query: mark === -1 ? "" : target!.slice(mark + 1),
  }
}

/** What is told of one thing. @throws OAuthError `invalid_request` when it is told in two ways */
function agreed(original: string | undefined, forwarded: string | undefined): string | undefined {
  if (original !== undefined && forwarded !== undefined && original !== forwarded)
    throw new OAuthError("invalid_request", "X-Original and X-Forwarded headers tell of different requests")
  return original ?? forwarded
}

/** Authority and what stands behind it, as they were sent: a parser of URLs would resolve dot segments. @throws OAuthError */
function splitUrl(url: string | undefined): { authority: string; target: string } | undefined {
  const split = url === undefined ? undefined : splitAbsoluteForm(url)
  if (url !== undefined && split === undefined)
    throw new OAuthError("invalid_request", "X-Original-URL is no absolute URL")
  return split
}

/** @throws OAuthError `invalid_request` for what the gateway takes for no host: it would be a host of nobody's, without a rule */
function hostOf(authority: string | undefined): string | undefined {
  const host = authority === undefined ? undefined : parseHost(authority)
  if (authority !== undefined && host === undefined)
    throw new OAuthError("invalid_request", "the host of the original request is malformed")
  return host?.name
}

/** @throws OAuthError `invalid_request` */
function canonical(target: string | undefined): string | undefined {
  const read = target === undefined ? undefined : canonicalTarget(target)
  if (target !== undefined && read === undefined)
    throw new OAuthError("invalid_request", "the path of the original request is malformed")
  return read && (read.query === "" ? read.path : `${read.path}?${read.query}`)
}

function isBelieved({ trusts, tokensByHash }: AuthorizationServer, event: H3Event): boolean {
  const token = event.req.headers.get("x-gatehouse-token")
  return trusts(peerAddress(event)) || (token !== null && tokensByHash.find(sha256(token)) !== undefined)
}
