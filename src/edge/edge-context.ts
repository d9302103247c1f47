import { type AccessSink, accessLog } from "./access-log.ts"
import type { EdgeContext, Exchange, Metadata, OwnHandler, OwnUpgrade, RenewCookie } from "./exchange.ts"
import { type Logger, reason } from "../platform/log.ts"
import { type Lookup, addressBook, systemLookup } from "./upstream-address.ts"
import { type MayDial, upstreamPlans } from "./upstream-plan.ts"
import type { Config } from "../platform/config.ts"
import type { CrashPoint } from "../platform/crash-point.ts"
import type { Guard } from "./guard.ts"
import type { Projections } from "../projections/projections.ts"
import { addressRanges } from "./client-address.ts"
import { backendFetch } from "./mcp/backend-fetch.ts"
import { backendMetadata } from "./mcp/backend-metadata.ts"
import { challenges } from "../projections/challenges.ts"
import { headerNames } from "./header-names.ts"
import { hosts } from "../projections/hosts.ts"
import { mcpGate } from "./mcp/gate.ts"
import { routes } from "../projections/routes.ts"
import { upstreamEvents } from "./forward.ts"
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
  /** Monotonic milliseconds; those of the process unless given. */
  readonly now?: () => number
  readonly clock: () => Date
  /** Resolver of upstream names; the system's by default. */
  readonly lookup?: Lookup
}

/** Everything that handling a request needs, made from what the edge is given; follows the log until it is closed. */
export function edgeContext(parts: EdgeParts): EdgeContext {
  const { config, projections, log, clock } = parts
  const now = parts.now ?? (() => performance.now())
  const served = hosts(projections)
  const addresses = addressBook(parts.lookup ?? systemLookup, now)
  const pools = upstreams<Exchange>(upstreamEvents, addresses, now)
  const documents = backendMetadata({
    hosts: served,
    fetch: backendFetch(addresses, parts.allowAddress),
    publicHttpsPort: config.publicHttpsPort,
    now,
  })
  return {
    config,
    hosts: served,
    routes: routes(projections),
    challenges: challenges(projections, now),
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
    oauthHost: config.oauthAuthority.replace(/:\d+$/, ""),
    adminHosts: new Set(config.ADMIN_HOSTS.map((name) => name.toLowerCase())),
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
}

/** Ends what a context follows and holds. */
export async function closeContext({
  hosts: served,
  routes: routing,
  challenges: answers,
  upstreams: pools,
  access,
}: EdgeContext): Promise<void> {
  served.close()
  routing.close()
  answers.close()
  for (const pool of pools.pools) pools.close(pool)
  await access.flush()
}
