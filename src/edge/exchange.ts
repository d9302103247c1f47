import type { IncomingMessage, ServerResponse } from "node:http"
import type { AccessLog } from "./access-log.ts"
import type { BrowserClaims } from "../projections/browser-claims.ts"
import type { AddressRanges } from "./client-address.ts"
import type { Challenges } from "../projections/challenges.ts"
import type { ClientConnection } from "./client-connections.ts"
import type { Config } from "../platform/config.ts"
import type { Socket } from "node:net"
import type { Guard, Identity } from "./guard.ts"
import type { HeadLimits, HeadScan } from "./framing.ts"
import type { HeaderName } from "./header-names.ts"
import type { BodyFilter } from "./mcp/body-filter.ts"
import type { McpExchange } from "./mcp/exchange.ts"
import type { McpGate } from "./mcp/gate.ts"
import type { Hosts } from "../projections/hosts.ts"
import type { Logger } from "../platform/log.ts"
import type { Proxy } from "../events/proxy.ts"
import type { ResourceProxy } from "../projections/resource.ts"
import type { ResponseBody } from "./response-body.ts"
import type { Routes } from "../projections/routes.ts"
import type { UpstreamConnection, Upstreams } from "./upstream-pool.ts"
import type { UpstreamPlans, UpstreamPlan } from "./upstream-plan.ts"

/** What a handler of Gatehouse's own learns about the caller besides the request. */
export interface Caller {
  /** Client address, behind trusted proxies the one that they report. */
  readonly address: string
  /** Host as looked up. */
  readonly hostname: string
  readonly secure: boolean
  readonly requestId: string
  /** Takes what the request came to into its access record. */
  readonly note: (noted: Noted) => void
}

/** What a handler of Gatehouse's own says of a request that it answered. */
export interface Noted {
  readonly reason?: string
  readonly client_id?: string
  readonly subject?: string
  readonly grant_id?: string
}

/** A node-style handler of Gatehouse's own: OAuth or the admin API. */
export type OwnHandler = (request: IncomingMessage, response: ServerResponse, caller: Caller) => void

/**
 * Takes over the socket of a handshake for a WebSocket of Gatehouse's own. Never rejects.
 * @returns the status that was answered
 */
export type OwnUpgrade = (req: IncomingMessage, socket: Socket, head: Buffer, address: string) => Promise<number>

/** Answer to a metadata request on a proxied host; headers are flat. */
export interface MetadataAnswer {
  readonly status: number
  readonly headers: readonly string[]
  readonly body: string
}

/** @returns undefined when the path belongs to the backend */
export type Metadata = (proxy: ResourceProxy, method: string, path: string) => MetadataAnswer | undefined

/**
 * A new cookie for a host, as a `Set-Cookie` value; never rejects, and undefined when there is none to be had. Itself undefined
 * when asking makes no sense now.
 */
export type RenewCookie = (proxy: ResourceProxy, claims: BrowserClaims) => Promise<string | undefined> | undefined

/** Everything that handling a request needs; made once. */
export interface EdgeContext {
  readonly config: Config
  readonly hosts: Hosts
  readonly routes: Routes
  readonly challenges: Challenges
  readonly guard: Guard
  readonly mcp: McpGate
  /** Waits for a backend whose own document may be the answer, when it was never asked. */
  readonly metadata: (...request: Parameters<Metadata>) => ReturnType<Metadata> | Promise<MetadataAnswer>
  readonly oauth: OwnHandler
  readonly admin: OwnHandler
  /** For paths that {@link ownsWebSocket}. */
  readonly adminUpgrade: OwnUpgrade
  readonly ownsWebSocket: (path: string) => boolean
  /** Answers `/.gatehouse/` on hosts that take a cookie. */
  readonly hostLogin: OwnHandler
  readonly renewCookie: RenewCookie
  /** Asks whether no node saw a proof of possession before, and remembers it. Never rejects. */
  readonly claimProof: (id: string) => Promise<boolean>
  readonly oauthHost: string
  readonly adminHosts: ReadonlySet<string>
  readonly adminSources: AddressRanges
  readonly trusted: AddressRanges
  readonly upstreams: Upstreams<Exchange>
  readonly plans: UpstreamPlans
  readonly access: AccessLog
  readonly log: Logger
  readonly limits: HeadLimits
  readonly names: (name: string) => HeaderName
  /** Names of the request that is being looked at; read before the next one is. */
  readonly judged: HeaderName[]
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly clock: () => Date
  /** Told when the node stops: every answer then ends its connection. */
  draining: boolean
}

/** Where a request stands. `reading`: its body is judged before it goes on. */
export type Phase = "new" | "reading" | "connecting" | "waiting" | "body" | "spliced" | "done"

/** The socket of an upgrade, and the bytes that came before the upstream had switched. */
export interface UpgradeSocket {
  readonly socket: Socket
  readonly early: Buffer[]
}

/** One request and its answer, from the first look to the access log. */
export interface Exchange {
  readonly edge: EdgeContext
  readonly client: ClientConnection
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly method: string
  /** As received; on an MCP endpoint as they go on. */
  rawHeaders: readonly string[]
  readonly requestId: string
  readonly started: number
  /** Set for an upgrade to WebSocket. */
  readonly upgrade: UpgradeSocket | undefined
  address: string
  scan: HeadScan
  hostname: string
  /** Host with its port, as it goes on. */
  authority: string
  path: string
  query: string
  proxy: Proxy | undefined
  identity: Identity | null
  /** CORS headers that replace the backend's, flat; also on refusals behind the guard. */
  cors: readonly string[] | undefined
  /** For the answer of the backend: a renewed cookie of the host; null when renewal was tried in vain. */
  setCookie: string | null | undefined
  /** For the answer of the backend: `DPoP-Nonce`. */
  nonce: string | undefined
  /** Set behind the gate of an MCP endpoint. */
  mcp: McpExchange | undefined
  /** Changes the answer's body on its way. */
  filter: BodyFilter | undefined
  /** Sends the head of an answer that is judged as a whole, and until then may become another. */
  sendHead: (() => void) | undefined
  reason: string | null
  /** What a handler of our own found out. */
  noted: Noted | undefined
  /** Body bytes sent to the client. */
  bytes: number
  logged: boolean

  phase: Phase
  plan: UpstreamPlan | undefined
  head: string
  upstream: UpstreamConnection<Exchange> | undefined
  retried: boolean
  /** Monotonic milliseconds: end of connecting or of waiting for the head. */
  deadline: number
  uploading: boolean
  /** Body bytes received from the client. */
  received: number
  uploadDone: boolean
  /** The whole body, where it was judged before it goes on. */
  held: Buffer | undefined
  /** Bytes that the gate counts for this exchange. */
  heldBytes: number
  /** Start of a head that came in pieces. */
  partial: Buffer | undefined
  interim: number
  body: ResponseBody | undefined
  lastByte: number
  paused: boolean
}
