import { type AccessSink, accessLog } from "./access-log.ts"
import {
  type EdgeContext,
  type Exchange,
  type Metadata,
  type OwnHandler,
  type OwnUpgrade,
  type RenewCookie,
} from "./exchange.ts"
import { type ListenHandlers, listen } from "./listen.ts"
import { type Logger, reason } from "../platform/log.ts"
import { type Lookup, addressBook, systemLookup } from "./upstream-address.ts"
import { ServerResponse } from "node:http"
import { answerMalformed, begin, beginUpgrade, failBody } from "./exchange-life.ts"
import { endStream, expire, isStream, recheckStreams } from "./exchange-timers.ts"
import type { Config } from "../platform/config.ts"
import type { CrashPoint } from "../platform/crash-point.ts"
import type { Guard } from "./guard.ts"
import type { Projections } from "../projections/projections.ts"
import { addressRanges } from "./client-address.ts"
import { certificateSource } from "../projections/tls-certificates.ts"
import { challenges } from "../projections/challenges.ts"
import { dispatch } from "./dispatch.ts"
import { headerNames } from "./header-names.ts"
import { fail } from "./abandon.ts"
import { hosts } from "../projections/hosts.ts"
import { backendFetch } from "./mcp/backend-fetch.ts"
import { backendMetadata } from "./mcp/backend-metadata.ts"
import { mcpGate } from "./mcp/gate.ts"
import { routes } from "../projections/routes.ts"
import { randomBytes } from "node:crypto"
import { tlsCertificates } from "./tls.ts"
import { upstreamEvents } from "./forward.ts"
import { type MayDial, upstreamPlans } from "./upstream-plan.ts"
import { upstreams } from "./upstream-pool.ts"

/** What the edge is given. */
export interface EdgeParts {
  readonly config: Config
  /** Already caught up. */
  readonly projections: Projections
  readonly guard: Guard
  readonly metadata: Metadata
  readonly oauth: OwnHandler
  readonly admin: OwnHandler
  readonly adminUpgrade: OwnUpgrade
  /** Paths of the admin host at which `adminUpgrade` serves a WebSocket. */
  readonly adminSockets: readonly string[]
  readonly hostLogin: OwnHandler
  readonly renewCookie: RenewCookie
  readonly claimProof: EdgeContext["claimProof"]
  /** Opens a certificate's private key (PEM) by its vault reference. */
  readonly openKey: (keyRef: string) => Promise<string>
  readonly log: Logger
  readonly crash: CrashPoint
  readonly accessSink: AccessSink
  /** Asked at each dial. */
  readonly allowAddress: MayDial
  readonly clock: () => Date
  /** Resolver of upstream names; the system's by default. */
  readonly lookup?: Lookup
}

/** A running edge. */
export interface Edge {
  readonly httpPort: number
  readonly httpsPort: number
  /** For /health. */
  readonly status: () => { certificates_loaded: number; connections: number; access_records_dropped: number }
  /** Settles when every certificate known now was tried once. */
  certificatesLoaded(): Promise<void>
  /** Stops taking connections, lets open requests end, and cuts the rest after `graceMs`. */
  close(graceMs: number): Promise<void>
}

const tickMs = 250
const tendMs = 60_000

/**
 * Starts the public listeners: TLS, dispatch, guard, forward.
 * @throws PortError when a port cannot be bound
 */
export async function startEdge(parts: EdgeParts): Promise<Edge> {
  const { config, projections, log, clock } = parts
  const now = () => performance.now()
  const served = hosts(projections)
  const routing = routes(projections)
  const oauthHost = config.oauthAuthority.replace(/:\d+$/, "")
  const adminHosts = new Set(config.ADMIN_HOSTS.map((name) => name.toLowerCase()))
  const tls = await tlsCertificates({
    ...parts,
    certificates: certificateSource(projections),
    hosts: served,
    ownNames: new Set([oauthHost, ...adminHosts]),
    commonName: config.SELF_SIGNED_CN,
    days: config.SELF_SIGNED_DAYS,
  })
  const addresses = addressBook(parts.lookup ?? systemLookup, now)
  const pools = upstreams<Exchange>(upstreamEvents, addresses, now)
  const documents = backendMetadata({
    hosts: served,
    fetch: backendFetch(addresses, parts.allowAddress),
    publicHttpsPort: config.publicHttpsPort,
    now,
  })
  const answers = challenges(projections, now)
  const context: EdgeContext = {
    config,
    hosts: served,
    routes: routing,
    challenges: answers,
    guard: parts.guard,
    mcp: mcpGate({
      guard: parts.guard,
      hosts: served,
      publicHttpsPort: config.publicHttpsPort,
      masterKey: Buffer.from(config.MASTER_KEY, "base64"),
      mostHeld: config.EDGE_MAX_HELD_BYTES,
    }),
    metadata(proxy, method, path) {
      const ours = parts.metadata(proxy, method, path)
      return ours && documents.insteadOf(ours, proxy, method, path)
    },
    oauth: parts.oauth,
    admin: parts.admin,
    adminUpgrade: parts.adminUpgrade,
    ownsWebSocket: (path) => parts.adminSockets.includes(path),
    hostLogin: parts.hostLogin,
    renewCookie: parts.renewCookie,
    claimProof: parts.claimProof,
    oauthHost,
    adminHosts,
    adminSources: addressRanges(config.ADMIN_SOURCES),
    trusted: addressRanges(config.TRUSTED_PROXIES),
    upstreams: pools,
    plans: upstreamPlans(served, pools, parts.allowAddress),
    access: accessLog(parts.accessSink, (error, records) =>
      log.warning("access_records_lost", { records, reason: reason(error) }),
    ),
    log,
    limits: {
      headers: config.EDGE_MAX_HEADERS,
      headerBytes: config.EDGE_MAX_HEADER_BYTES,
      urlBytes: config.EDGE_MAX_URL_BYTES,
    },
    names: headerNames(),
    judged: [],
    now,
    clock,
    draining: false,
  }
  const prefix = randomBytes(8).toString("hex")
  let requests = 0
  const nextId = () => `${prefix}-${(requests += 1)}`
  const answerTo = (exchange: Exchange) => {
    try {
      dispatch(exchange)
    } catch (error) {
      // No request may end the process; one that cannot be judged is refused.
      log.error("request_failed", { host: exchange.hostname, request_id: exchange.requestId, reason: reason(error) })
      fail(exchange, "internal")
    }
  }
  const handlers: ListenHandlers = {
    request: (client, req, res) => answerTo(begin(context, client, req, res, nextId())),
    upgrade: (client, req, socket, head) =>
      answerTo(
        beginUpgrade(context, client, req, new ServerResponse(req), nextId(), {
          socket,
          early: head.length > 0 ? [head] : [],
        }),
      ),
    malformed: (client, code) => answerMalformed(context, client, code, nextId()),
    brokenBody: (client, code) => failBody(context, client, code, nextId()),
  }
  const listeners = await listen(config, tls.options, handlers, log, now)
  tls.serve(listeners.secureServer)

  let changed = false
  let recheckAt = now() + config.AUTH_STREAM_RECHECK * 1000
  let tendAt = now() + tendMs
  const stopListening = projections.listen(() => (changed = true))
  const ticker = setInterval(() => {
    const at = now()
    for (const exchange of pools.busy()) expire(exchange, at)
    pools.sweep()
    listeners.tick(at)
    if (changed || at >= recheckAt) {
      changed = false
      recheckAt = at + config.AUTH_STREAM_RECHECK * 1000
      recheckStreams(context)
    }
    if (at >= tendAt) {
      tendAt = at + tendMs
      tls.tend().catch((error: unknown) => log.error("default_certificate_failed", { reason: reason(error) }))
    }
    void context.access.flush()
  }, tickMs)
  ticker.unref()

  return {
    httpPort: listeners.httpPort,
    httpsPort: listeners.httpsPort,
    status: () => ({
      certificates_loaded: tls.loaded,
      connections: listeners.clients.size,
      access_records_dropped: context.access.dropped,
    }),
    certificatesLoaded: () => tls.idle(),
    async close(graceMs) {
      context.draining = true
      listeners.stop()
      const cut = setTimeout(() => {
        for (const exchange of pools.busy()) if (isStream(exchange)) endStream(exchange, "shutting_down")
        setImmediate(() => listeners.cut())
      }, graceMs)
      await listeners.closed()
      clearTimeout(cut)
      clearInterval(ticker)
      stopListening()
      tls.close()
      served.close()
      routing.close()
      answers.close()
      for (const pool of pools.pools) pools.close(pool)
      await context.access.flush()
    },
  }
}
