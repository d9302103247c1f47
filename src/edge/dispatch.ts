import type { EdgeContext, Exchange, MetadataAnswer, UpgradeSocket } from "./exchange.ts"
import { type HeadScan, type RequestHead, hasToken, scanHead } from "./framing.ts"
import { answer, endAfter, refuse } from "./answer.ts"
import type { ProvenPass, Verdict } from "./guard.ts"
import { parseHost, splitAbsoluteForm } from "../projections/request-host.ts"
import { authority } from "../platform/config.ts"
import { canonicalTarget } from "../projections/canonical-target.ts"
import { type ErrorCode, catalogue } from "../errors.ts"
import { clientAddress } from "./client-address.ts"
import type { RoutedHost } from "../projections/hosts.ts"
import { fail } from "./abandon.ts"
import { forward } from "./forward.ts"
import { releaseUpgrade } from "./splice.ts"
import { isReserved, takesCookie } from "../projections/browser-host.ts"
import { reason } from "../platform/log.ts"
import { webSocketFault } from "./upgrade.ts"

type Pass = Extract<Verdict, { pass: true }>

const acmePrefix = "/.well-known/acme-challenge/"
const metadataPrefix = "/.well-known/o"
const noStore = ["Cache-Control", "no-store"]

/** Decides what a request is and hands it on: the order of edge rules §1.1. Synchronous. */
export function dispatch(exchange: Exchange): void {
  const { edge, client, req } = exchange
  const scan = scanHead(req as RequestHead, edge.limits, edge.names, edge.judged)
  if (typeof scan === "string") {
    const allow = catalogue[scan].status === 405 ? ["Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"] : []
    return refuse(exchange, scan, allow)
  }
  exchange.scan = scan
  // Node drops what came in the same packet behind an upgrade that is not taken up.
  if (exchange.upgrade === undefined && scan.upgrade !== "" && hasToken(scan.connection, "upgrade")) endAfter(exchange)
  const target = readHost(exchange, scan)
  if (target === undefined) return refuse(exchange, "bad_request")
  if (client.serverName !== undefined && client.serverName !== exchange.hostname)
    return refuse(exchange, "misdirected_request")
  exchange.address = clientAddress(client.peer, scan.forwardedFor, edge.trusted)
  const canonical = canonicalTarget(target)
  // A validator must never be told that its path is malformed, only that there is nothing.
  const challenge = !client.secure && (canonical?.path ?? target).startsWith(acmePrefix)
  if (challenge) return answerChallenge(exchange, canonical?.path ?? "")
  if (canonical === undefined) return refuse(exchange, "bad_request")
  exchange.path = canonical.path
  exchange.query = canonical.query
  if (exchange.hostname === edge.oauthHost) return client.secure ? own(exchange, edge.oauth) : toHttps(exchange)
  const routed = edge.hosts.get(exchange.hostname)
  if (routed !== undefined) return route(exchange, routed)
  if (edge.adminHosts.has(exchange.hostname) && mayAdministrate(exchange))
    return exchange.upgrade !== undefined && edge.ownsWebSocket(exchange.path)
      ? ownWebSocket(exchange, exchange.upgrade)
      : own(exchange, edge.admin)
  refuse(exchange, "not_found")
}

/** Reads Host and an absolute-form target. @returns the target in origin form, or undefined for a 400 */
function readHost(exchange: Exchange, scan: HeadScan): string | undefined {
  const { client } = exchange
  const url = exchange.req.url!
  const value = scan.host ?? ""
  let target = url
  if (url.charCodeAt(0) !== 47) {
    const split = splitAbsoluteForm(url)
    if (split === undefined || split.authority.toLowerCase() !== value.toLowerCase()) return undefined
    target = split.target
  }
  // Only HTTP/1.0 may come without a Host; it then asks for no host that is known.
  if (scan.host === undefined) return target
  if (client.host?.text !== value) {
    const host = parseHost(value)
    if (host === undefined) return undefined
    const { name, port } = host
    client.host = { text: value, name, authority: port === "" ? name : `${name}:${port}` }
  }
  exchange.hostname = client.host.name
  exchange.authority = client.host.authority
  return target
}

/** RFC 8555 §8.3; every node answers for every name, before redirects and rules. */
function answerChallenge(exchange: Exchange, path: string): void {
  exchange.path = path === "" ? acmePrefix : path
  if (exchange.method !== "GET" && exchange.method !== "HEAD")
    return refuse(exchange, "method_not_allowed", ["Allow", "GET, HEAD"])
  const found = exchange.edge.challenges.keyAuthorization(path.slice(acmePrefix.length))
  if (found === undefined) return refuse(exchange, "not_found")
  answer(exchange, 200, ["Content-Type", "application/octet-stream", ...noStore], found)
}

/** Both ends of the way must be allowed: the peer, and behind a trusted proxy the client that it reports. */
function mayAdministrate({ edge, client, address }: Exchange): boolean {
  return edge.adminSources.has(client.peer) && edge.adminSources.has(address)
}

function own(exchange: Exchange, handler: EdgeContext["oauth"]): void {
  const { req, res, scan, client, path, query } = exchange
  if (exchange.upgrade !== undefined) return refuse(exchange, "not_found")
  if (scan.mcpRepeated) return refuse(exchange, "bad_request")
  if (scan.expect === "100-continue" && req.httpVersion === "1.1") res.writeContinue()
  req.url = query === "" ? path : `${path}?${query}`
  exchange.phase = "done"
  const about = {
    address: exchange.address,
    hostname: exchange.hostname,
    secure: client.secure,
    requestId: exchange.requestId,
    note: (noted: Exchange["noted"]) => void (exchange.noted = noted),
  }
  if (!req.readableEnded) return handler(req, res, about)
  // Node closed the stream of a request without a body before it was whole, which h3 would take for a client that left.
  Object.assign(req, { rawBody: Buffer.alloc(0) })
  queueMicrotask(() => handler(req, res, about))
}

function ownWebSocket(exchange: Exchange, upgrade: UpgradeSocket): void {
  const { edge, req, res, path, query, address } = exchange
  const fault = webSocketFault(req, true)
  if (fault !== undefined) return refuseHandshake(exchange, fault)
  req.url = query === "" ? path : `${path}?${query}`
  exchange.phase = "done"
  const { socket, early } = releaseUpgrade(exchange, upgrade)
  void edge.adminUpgrade(req, socket, early, address).then((status) => (res.statusCode = status))
}

function refuseHandshake(exchange: Exchange, fault: ErrorCode): void {
  refuse(exchange, fault, fault === "upgrade_required" ? ["Sec-WebSocket-Version", "13", "Upgrade", "websocket"] : [])
}

function toHttps(exchange: Exchange): void {
  const { edge, hostname, path, query } = exchange
  const place = authority(hostname, edge.config.publicHttpsPort)
  exchange.reason = "to_https"
  answer(exchange, 308, ["Location", `https://${place}${path}${query === "" ? "" : `?${query}`}`, ...noStore], "")
}

function route(exchange: Exchange, routed: RoutedHost): void {
  const { edge, client, path, req } = exchange
  const { proxy } = routed
  exchange.proxy = proxy
  if (!proxy.enabled) return refuse(exchange, "proxy_disabled", ["Retry-After", "60"])
  if (path.startsWith(metadataPrefix)) {
    const found = edge.metadata(proxy, exchange.method, path)
    if (found instanceof Promise) return void found.then((document) => answerMetadata(exchange, document))
    if (found !== undefined) return answerMetadata(exchange, found)
  }
  if (client.secure ? !proxy.enable_https : !proxy.enable_http)
    return !client.secure && proxy.enable_https ? toHttps(exchange) : refuse(exchange, "not_found")
  const fault = wantsWebSocket(exchange) ? webSocketFault(req, exchange.upgrade !== undefined) : undefined
  if (fault !== undefined) return refuseHandshake(exchange, fault)
  if (isReserved(path) && takesCookie(proxy)) {
    // A ticket or a cookie is for TLS alone.
    if (!client.secure) return proxy.enable_https ? toHttps(exchange) : refuse(exchange, "not_found")
    return own(exchange, edge.hostLogin)
  }
  const verdict = edge.guard.check(proxy, exchange)
  if (!verdict.pass) {
    exchange.reason = verdict.reason
    return answer(exchange, verdict.status, verdict.headers, verdict.body)
  }
  if (verdict.renew !== undefined && exchange.setCookie === undefined && exchange.upgrade === undefined) {
    const renewed = edge.renewCookie(proxy, verdict.renew)
    if (renewed !== undefined) return void goOn(exchange, renewed)
  }
  if (verdict.proof !== undefined) return void claimProof(exchange, verdict, verdict.proof)
  admit(exchange, routed, verdict)
}

function admit(exchange: Exchange, routed: RoutedHost, verdict: Pass): void {
  const { edge, path } = exchange
  const { proxy } = routed
  exchange.identity = verdict.identity
  exchange.cors = verdict.cors
  exchange.nonce = verdict.nonce
  // What an MCP endpoint answers to a repeated header names the request; everywhere else it is malformed like any other.
  if (proxy.mcp?.mcp_enabled === true && edge.mcp.concerns(proxy, path))
    return edge.mcp.take(exchange, proxy, () =>
      toBackend(exchange, edge.hosts.get(exchange.hostname) ?? routed, verdict),
    )
  if (exchange.scan.mcpRepeated) return refuse(exchange, "bad_request")
  toBackend(exchange, routed, verdict)
}

function answerMetadata(exchange: Exchange, { status, headers, body }: MetadataAnswer): void {
  if (exchange.phase !== "done") answer(exchange, status, headers, body)
}

function toBackend(exchange: Exchange, routed: RoutedHost, verdict: Pass): void {
  const { edge, path } = exchange
  const { proxy } = routed
  const chosen = edge.routes.match(proxy, exchange.method, path)
  const destination = chosen === undefined ? routed.destination : edge.routes.destination(chosen)
  if (typeof destination === "string")
    return refuse(exchange, destination, destination === "service_not_running" ? ["Retry-After", "10"] : [])
  forward(exchange, edge.plans.of(routed, destination), verdict)
}

/** Takes the request up again when it is known whether its cookie is renewed: everything may have changed meanwhile. */
async function goOn(exchange: Exchange, renewed: Promise<string | undefined>): Promise<void> {
  exchange.setCookie = (await renewed) ?? null
  takeUp(exchange, (routed) => route(exchange, routed))
}

/** A proof of possession is good once on all nodes (RFC 9449 §11.1): the one look at the store on the way of a request. */
async function claimProof(exchange: Exchange, verdict: Pass, { id, replayed }: ProvenPass): Promise<void> {
  const first = await exchange.edge.claimProof(id)
  takeUp(exchange, (routed) => {
    const { guard } = exchange.edge
    const standing = verdict.identity === null || guard.stillAllowed(routed.proxy, verdict.identity)
    if (first && standing) return admit(exchange, routed, verdict)
    const instead = replayed()
    if (instead.pass) return admit(exchange, routed, instead)
    exchange.reason = instead.reason
    answer(exchange, instead.status, instead.headers, instead.body)
  })
}

function takeUp(exchange: Exchange, step: (routed: RoutedHost) => void): void {
  const { edge, hostname, req } = exchange
  if (exchange.phase === "done") return
  try {
    // The names that were judged belong to another request by now.
    scanHead(req as RequestHead, edge.limits, edge.names, edge.judged)
    const routed = edge.hosts.get(hostname)
    if (routed === undefined) refuse(exchange, "not_found")
    else step(routed)
  } catch (error) {
    edge.log.error("request_failed", { host: hostname, request_id: exchange.requestId, reason: reason(error) })
    fail(exchange, "internal")
  }
}

function wantsWebSocket({ scan, upgrade }: Exchange): boolean {
  return upgrade !== undefined || (scan.upgrade !== "" && hasToken(scan.upgrade, "websocket"))
}
