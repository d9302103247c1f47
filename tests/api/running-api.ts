import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type ApiAnswer, api } from "../support/gatehouse.ts"
import { accessReader } from "../../src/platform/access-reader.ts"
import type { CommandBus } from "../../src/platform/command-bus.ts"
import type { Config } from "../../src/platform/config.ts"
import type { EventStore } from "../../src/platform/event-store.ts"
import type { HealthCheck } from "../../src/api/health.ts"
import type { Runner } from "../../src/projections/runner.ts"
import { type EventSketch, commitAfter } from "../support/records.ts"
import { apiApp } from "../../src/api/app.ts"
import { commandBus } from "../../src/platform/command-bus.ts"
import { connectRedis } from "../../src/platform/redis.ts"
import { eventFeed } from "../../src/projections/event-feed.ts"
import { type EventSubscriptions, eventSubscriptions } from "../../src/api/event-subscriptions.ts"
import { deciderLoop } from "../../src/platform/decider-loop.ts"
import { deciderModel } from "../../src/commands/decider.ts"
import { emptyWorld } from "../../src/events/world.ts"
import { endpoints } from "../../src/api/endpoint-table.ts"
import { keepLease } from "../../src/platform/lease.ts"
import { listenApi } from "../../src/api/listen.ts"
import { loadConfig } from "../../src/platform/config.ts"
import { logOf, logTools } from "../../src/log-parts.ts"
import { logger } from "../../src/platform/log.ts"
import { mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { oauthParts } from "../support/oauth-parts.ts"
import { policy } from "../support/decider.ts"
import { projectionRunner } from "../../src/projections/runner.ts"
import { randomBytes, randomUUID } from "node:crypto"
import { connectedStore } from "../support/connected-store.ts"
import { sha256 } from "../../src/platform/ids.ts"
import { tmpdir } from "node:os"
import { webhookParts } from "../../src/webhook-parts.ts"
import { type Vault, vault } from "../../src/platform/vault.ts"

/** The admin API over a real Redis, with a decider and a projection of its own; no edge and no effects. */
export interface RunningApi {
  readonly vault: Vault
  readonly port: number
  readonly adminToken: string
  readonly redis: RedisServer
  readonly store: EventStore
  readonly projections: Runner
  readonly bus: CommandBus
  readonly subscriptions: EventSubscriptions
  /** Lines that were logged. */
  readonly logged: string[]
  /** A call as the administrator, or with another token, or with none (`null`). */
  call<T = Answered>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
    token?: string | null,
  ): Promise<ApiAnswer<T>>
  /** Creates a token. @returns its value */
  token(name: string): Promise<string>
  /** A report of an effect. */
  report(type: string, data: unknown, secrets?: Record<string, string>): Promise<unknown>
  /** One that was undecided decides from now on. */
  decide(): void
  /** Sealed under the same master key. */
  seal(ref: string, value: string): string
  stop(): Promise<void>
}

/** Any JSON object. */
export type Answered = Record<string, unknown>

export interface Overrides {
  readonly env?: Record<string, string>
  readonly checks?: Record<string, HealthCheck>
  readonly perMinute?: number
  /** What the log holds already, in the words of an earlier version. */
  readonly history?: readonly EventSketch[]
  /** Without a decider commands stay queued. */
  readonly undecided?: boolean
}

/** Starts everything; the caller stops it. */
export async function runningApi(overrides: Overrides = {}): Promise<RunningApi> {
  const redis = await redisServer()
  const home = mkdtempSync(join(tmpdir(), "gatehouse-api-"))
  const adminToken = `admin_${randomBytes(24).toString("base64url")}`
  const masterKey = randomBytes(32)
  const config: Config = loadConfig({
    REDIS_URL: redis.url,
    MASTER_KEY: masterKey.toString("base64"),
    HTTPS_PORT: "8443",
    ...overrides.env,
  })
  const logged: string[] = []
  const log = logger(
    "INFO",
    () => new Date(),
    (line) => void logged.push(line),
  )
  const connect = (name: string, purpose: "command" | "blocking") => connectRedis(redis.url, name, purpose, log)
  const parts = logOf(await connectedStore(connect), { ...config, GATEHOUSE_HOME: home }, () => undefined, log)
  const { store } = parts
  if (overrides.history !== undefined) await store.commit(commitAfter(await store.head(), overrides.history))
  const crash = () => undefined
  const now = () => new Date()
  const projections = projectionRunner({
    store,
    home,
    log,
    crash,
    blockMs: 200,
    onFatal: (error) => logged.push(String(error)),
  })
  const stopping = new AbortController()
  const { signal } = stopping
  const decisions = {
    ...policy,
    publicHttpsPort: config.publicHttpsPort,
    targetAllowCidrs: config.TARGET_ALLOW_CIDRS,
  }
  const model = () => deciderModel(emptyWorld(), decisions)
  const { lead, decideAtOnce } = deciderLoop({ store, model, now, crash, log, blockMs: 200 })
  const bus = commandBus(store, projections.awaitOutcome, now, { crash, mayWrite: () => undefined, decideAtOnce })
  const secretsOf = vault(masterKey)
  const oauthRedis = connect("oauth", "command")
  const oauth = oauthParts(oauthRedis)
  const feed = eventFeed(projections, store)
  const subscriptions = eventSubscriptions({
    projections,
    feed,
    log,
    mostPerToken: config.EVENT_STREAMS_PER_TOKEN,
    heartbeatMs: 200,
  })
  const tools = logTools({
    ...parts,
    config: { ...config, GATEHOUSE_HOME: home },
    redis: oauthRedis,
    bus,
    projections,
    crash,
    log,
    now,
    holder: "test",
  })
  const app = apiApp(
    {
      config,
      projections,
      bus,
      store,
      vault: secretsOf,
      log,
      clock: now,
      policy: decisions,
      checks: overrides.checks ?? {},
      oauth,
      subscriptions,
      logTools: tools,
      access: accessReader(oauthRedis),
      webhooks: webhookParts({ config, store, vault: secretsOf, now }, oauthRedis, feed).api,
    },
    { perMinute: overrides.perMinute ?? 100_000 },
  )
  const listener = await listenApi(app.handler, 0, app.upgrade)
  const deciding = new AbortController()
  const decide = (until: AbortSignal) => keepLease({ store, name: "decider", holder: "test", lead, signal: until, log })
  const running = [projections.run(signal), decide(AbortSignal.any([signal, deciding.signal]))]
  const report: RunningApi["report"] = async (type, data, secrets = {}) => {
    const done = await bus.execute({ type, data, secrets, actor: { name: "system:test", admin: true } }, 30_000)
    if (done.status !== "accepted") throw new Error(`${type} was not decided`)
    return done.result
  }
  await report("RecordAdminToken", { hash: sha256(adminToken), preview: "admi…", cert_email: null })
  if (overrides.undecided === true) {
    deciding.abort()
    await running[1]
  }
  const call: RunningApi["call"] = (method, path, body, headers, token = adminToken) =>
    api(listener.port, token ?? undefined, method, path, body, headers)
  return {
    port: listener.port,
    adminToken,
    vault: secretsOf,
    redis,
    store,
    projections,
    bus,
    subscriptions,
    logged,
    call,
    report,
    decide: () => void running.push(decide(signal)),
    seal: (ref, value) => secretsOf.seal(ref, value),
    async token(name) {
      const key = { "idempotency-key": randomUUID() }
      const make = () => call<{ token: string }>("POST", "/api/v1/tokens", { name }, key)
      let made = await make()
      while (made.status === 202) made = await make()
      return made.body.token
    },
    async stop() {
      subscriptions.close()
      await listener.close(500)
      stopping.abort()
      await Promise.allSettled(running)
      await store.close()
      oauthRedis.disconnect()
      await redis.stop()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

/** A body as the table's schema of that operation has it; fails on anything more or less. */
export function conforming(operationId: string, body: unknown): unknown {
  const endpoint = endpoints.find((candidate) => candidate.operationId === operationId)
  if (endpoint === undefined) throw new Error(`no operation ${operationId}`)
  endpoint.response.parse(body)
  return body
}

/** Ends a certificate's open generation with material for it, as the effect would. @returns the key's PEM */
export async function issue(running: RunningApi, cert_name: string, days = 90): Promise<string> {
  const certificate = running.projections.world.objects.certificate.get(cert_name.toLowerCase())!.state
  await running.report("StartAttempt", { cert_name, directory_url: certificate.acme_directory_url })
  const key_ref = `cert-key-${randomBytes(8).toString("hex")}`
  const key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n"
  const secrets = { [key_ref]: running.seal(key_ref, key) }
  if (certificate.issuer === "acme") await running.report("SaveKey", { cert_name, key_ref, csr_pem: "csr" }, secrets)
  const issued_at = new Date().toISOString()
  const expires_at = new Date(Date.now() + days * 86_400_000).toISOString()
  const material = {
    fullchain_pem: "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
    key_ref,
    issued_at,
    expires_at,
    fingerprint_sha256: "00",
  }
  await running.report("RecordIssued", { cert_name, ...material }, certificate.issuer === "acme" ? {} : secrets)
  return key
}
