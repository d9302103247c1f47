import { addressRanges } from "../../src/edge/client-address.ts"
import { policyOf } from "../../src/policy.ts"
import { type IncomingHttpHeaders, type Server, createServer, request } from "node:http"
import { type Logger, logger } from "../../src/platform/log.ts"
import { mkdtempSync, rmSync } from "node:fs"
import { randomBytes, randomUUID } from "node:crypto"
import type { DocumentFetch } from "../../src/oauth/document-fetch.ts"
import type { EventStore } from "../../src/platform/event-store.ts"
import type { Redis } from "ioredis"
import type { Config } from "../../src/platform/config.ts"
import type { Projections } from "../../src/projections/projections.ts"
import type { World } from "../../src/events/world.ts"
import { type CommandBus, commandBus } from "../../src/platform/command-bus.ts"
import { connectRedis } from "../../src/platform/redis.ts"
import { deciderLoop } from "../../src/platform/decider-loop.ts"
import { deciderModel } from "../../src/commands/decider.ts"
import { emptyWorld } from "../../src/events/world.ts"
import { join } from "node:path"
import { keepLease } from "../../src/platform/lease.ts"
import { loadConfig } from "../../src/platform/config.ts"
import { type OAuthApp, oauthApp } from "../../src/oauth/app.ts"
import { once } from "node:events"
import { projectionRunner } from "../../src/projections/runner.ts"
import { connectedRedis } from "../support/connected-redis.ts"
import { connectedStore } from "../support/connected-store.ts"
import { sha256 } from "../../src/platform/ids.ts"
import { tmpdir } from "node:os"
import { type TtlStore, ttlStore } from "../../src/platform/ttl-store.ts"
import { vault } from "../../src/platform/vault.ts"

/** What a node of these tests is set up with. */
export interface NodeSetup {
  readonly redisUrl: string
  /** The same Redis on another way, for the log alone: a relay can hold a node's view back. */
  readonly logUrl?: string
  readonly masterKey?: string
  readonly env?: Record<string, string>
  /** Also decides commands; one node of an installation does. */
  readonly decides?: boolean
  /** For calls to identity providers. */
  readonly fetch?: typeof fetch
  /** For documents of clients. */
  readonly documents?: DocumentFetch
}

/** The authorization server of one node on a real Redis, behind a plain HTTP listener as the edge would call it. */
export interface OAuthNode {
  readonly issuer: string
  readonly port: number
  readonly config: Config
  readonly world: World
  readonly projections: Projections
  /** Milliseconds that this node's clock is ahead: of the time, or of `at`, milliseconds since the epoch, where it stands still. */
  readonly clock: { offset: number; at?: number | undefined }
  readonly now: () => Date
  readonly logLines: string[]
  readonly log: Logger
  readonly store: EventStore
  readonly bus: CommandBus
  readonly redis: Redis
  readonly ttl: TtlStore
  readonly app: OAuthApp
  ensureSigningKey(): Promise<void>
  /** Submits as an administrator. */
  execute(type: string, data: unknown): Promise<unknown>
  stop(): Promise<void>
}

const admin = { name: "ADMIN", admin: true, token: "admin" }

/** Starts a node; its issuer is `https://auth.localhost:8443`. */
export async function oauthNode({
  redisUrl,
  logUrl = redisUrl,
  masterKey,
  env = {},
  decides = true,
  fetch,
  documents,
}: NodeSetup): Promise<OAuthNode> {
  const config = loadConfig({
    MASTER_KEY: masterKey ?? randomBytes(32).toString("base64"),
    REDIS_URL: redisUrl,
    ADMIN_EMAIL: "admin@example.org",
    HTTPS_PORT: "8443",
    OAUTH_JWT_ALGORITHM: "ES256",
    NODE_ENV: "test",
    ...env,
  })
  const logLines: string[] = []
  const clock: OAuthNode["clock"] = { offset: 0 }
  const now = () => new Date((clock.at ?? Date.now()) + clock.offset)
  const log = logger("DEBUG", now, (line) => void logLines.push(line))
  const store = await connectedStore((name, purpose) => connectRedis(logUrl, name, purpose, log))
  const home = mkdtempSync(join(tmpdir(), "gatehouse-oauth-"))
  const ending = new AbortController()
  const runner = projectionRunner({
    store,
    home,
    log,
    crash: () => undefined,
    blockMs: 200,
    onFatal: (error) => void logLines.push(String(error)),
  })
  const tasks = [runner.run(ending.signal)]
  if (decides) tasks.push(decide(config, store, now, log, ending.signal))
  while (!runner.ready) await new Promise((resolve) => setTimeout(resolve, 5))
  const bus = commandBus(store, runner.awaitOutcome, now)
  const redis = await connectedRedis(redisUrl, "oauth", log)
  const ttl = ttlStore(redis)
  const app = oauthApp({
    config,
    projections: runner,
    bus,
    store,
    vault: vault(Buffer.from(config.MASTER_KEY, "base64")),
    ttl,
    log,
    clock: now,
    trusts: addressRanges(config.TRUSTED_PROXIES).has,
    ...(fetch !== undefined && { fetch }),
    ...(documents !== undefined && { documents }),
  })
  const server: Server = createServer(app.handler).listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    issuer: `https://${config.oauthAuthority}`,
    port: (server.address() as { port: number }).port,
    config,
    world: runner.world,
    projections: runner,
    clock,
    now,
    logLines,
    log,
    store,
    bus,
    redis,
    ttl,
    app,
    ensureSigningKey: app.ensureSigningKey,
    async execute(type, data) {
      const executed = await bus.execute({ type, data, actor: admin }, 10_000)
      if (executed.status === "queued") throw new Error(`${type} is still queued`)
      return executed.result
    },
    async stop() {
      server.close()
      server.closeAllConnections()
      ending.abort()
      await Promise.all(tasks)
      redis.disconnect()
      await store.close()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

function decide(config: Config, store: EventStore, now: () => Date, log: Logger, signal: AbortSignal): Promise<void> {
  const policy = policyOf(config)
  const { lead } = deciderLoop({
    store,
    model: () => deciderModel(emptyWorld(), policy),
    now,
    crash: () => undefined,
    log,
    blockMs: 200,
  })
  return keepLease({ store, name: "decider", holder: randomUUID(), lead, signal, log, beatMs: 500, ttlMs: 5000 })
}

/** Makes an API token. @returns its value */
export async function apiToken(node: OAuthNode, name: string): Promise<string> {
  const value = `acm_${randomBytes(32).toString("base64url")}`
  await node.execute("CreateToken", {
    name,
    cert_email: `${name}@example.org`,
    hash: sha256(value),
    preview: "acm_…",
    secret_ref: `token-${name.toLowerCase()}`,
  })
  return value
}

/** Makes a protected proxy with MCP. @returns its canonical resource */
export async function protectedProxy(
  node: OAuthNode,
  hostname: string,
  auth: object = {},
  mcp: object = {},
  owner?: string,
): Promise<string> {
  await node.execute("CreateProxy", {
    hostname,
    ...(owner !== undefined && { owner }),
    target_url: "http://127.0.0.1:4321",
    cert_email: "a@example.org",
    enable_https: false,
  })
  await node.execute("SetProxyAuth", {
    hostname,
    auth: {
      auth_enabled: true,
      auth_proxy: "auth.localhost",
      auth_mode: "forward",
      auth_required_users: null,
      auth_required_emails: null,
      auth_required_groups: null,
      auth_pass_headers: true,
      auth_excluded_paths: [],
      auth_cookie_name: null,
      auth_header_prefix: "X-Auth-",
      ...auth,
    },
  })
  await node.execute("SetProxyMcp", {
    hostname,
    mcp: {
      mcp_enabled: true,
      mcp_endpoint: "/mcp",
      mcp_scopes: ["mcp:read", "mcp:write"],
      mcp_stateful: false,
      mcp_override_backend: false,
      ...mcp,
    },
  })
  return `https://${hostname}:8443/mcp`
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Target of a redirect. */
  readonly location: URL | undefined
  json<T = Record<string, unknown>>(): T
}

export interface Sending {
  readonly method?: string
  readonly headers?: Record<string, string | string[]>
  readonly form?: Record<string, string | readonly string[]> | URLSearchParams
  readonly json?: unknown
  readonly body?: string
}

/** One request to a node, with the public host name. */
export function send(node: OAuthNode, path: string, sending: Sending = {}): Promise<Answer> {
  const body =
    sending.body ??
    (sending.json !== undefined ? JSON.stringify(sending.json) : sending.form && formBody(sending.form).toString())
  const type = sending.json !== undefined ? "application/json" : "application/x-www-form-urlencoded"
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: "127.0.0.1",
        port: node.port,
        path,
        method: sending.method ?? (body === undefined ? "GET" : "POST"),
        headers: {
          host: new URL(node.issuer).host,
          ...(body !== undefined && { "content-type": type, "content-length": Buffer.byteLength(body) }),
          ...sending.headers,
        },
      },
      (incoming) => {
        const chunks: Buffer[] = []
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
        incoming.on("end", () => {
          const text = Buffer.concat(chunks).toString()
          const { location } = incoming.headers
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            text,
            location: location === undefined ? undefined : new URL(location, node.issuer),
            json: <T>() => JSON.parse(text) as T,
          })
        })
      },
    )
    outgoing.on("error", reject)
    outgoing.end(body)
  })
}

function formBody(form: NonNullable<Sending["form"]>): URLSearchParams {
  if (form instanceof URLSearchParams) return form
  return new URLSearchParams(
    Object.entries(form).flatMap(([name, value]) =>
      (typeof value === "string" ? [value] : value).map((item) => [name, item] as [string, string]),
    ),
  )
}
