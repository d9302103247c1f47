import { type Durability, durability } from "./platform/durability.ts"
import type { Redis } from "ioredis"
import { type EffectContext, report } from "./effects/effect-context.ts"
import { type Logger, reason } from "./platform/log.ts"
import { accessStream } from "./platform/access-stream.ts"
import { accessTokens } from "./projections/access-token.ts"
import { addressAllowed } from "./events/target-address.ts"
import { apiApp } from "./api/app.ts"
import { commandBus } from "./platform/command-bus.ts"
import type { Config } from "./platform/config.ts"
import { connectRedis } from "./platform/redis.ts"
import { crashPoints } from "./platform/crash-point.ts"
import { deciderLoop } from "./platform/decider-loop.ts"
import { deciderModel } from "./commands/decider.ts"
import { fork } from "./events/world.ts"
import { GatehouseError } from "./errors.ts"
import { healthChecks } from "./health-checks.ts"
import { join } from "node:path"
import { keepLease } from "./platform/lease.ts"
import { listenApi } from "./api/listen.ts"
import { oauthApp } from "./oauth/app.ts"
import { openKeys } from "./projections/certificate-keys.ts"
import type { Policy } from "./commands/decision.ts"
import { projectionRunner } from "./projections/runner.ts"
import { provideOAuthHost } from "./effects/oauth-host.ts"
import { randomUUID } from "node:crypto"
import { redisEventStore } from "./platform/redis-event-store.ts"
import { resourceMetadata } from "./edge/resource-metadata.ts"
import { setTimeout as sleep } from "node:timers/promises"
import { sha256 } from "./platform/ids.ts"
import { startEdge } from "./edge/edge.ts"
import { startEffects } from "./effects/effects.ts"
import { tokenGuard } from "./edge/token-guard.ts"
import { ttlStore } from "./platform/ttl-store.ts"
import { vault as vaultOf } from "./platform/vault.ts"

/** What a node is started with. */
export interface NodeOptions {
  readonly config: Config
  readonly log: Logger
  /** Called once with an error that this node cannot go on with. */
  readonly fatal: (error: unknown) => void
}

/** A running node. */
export interface Node {
  /** Drains, gives leases back, and resolves when nothing runs any more. */
  stop(): Promise<void>
}

/** Composition root: constructs every part of a node and wires them. Only this file does. */
export function startNode({ config, log, fatal }: NodeOptions): Node {
  const stopping = new AbortController()
  const { signal } = stopping
  const clock = () => new Date()
  const crash = crashPoints(config.CRASH_AT)
  const connect = (name: string, purpose: "command" | "blocking") => connectRedis(config.redisUrl, name, purpose, log)
  const redis = connect("gatehouse", "command")
  const store = redisEventStore(connect, log)
  const vault = vaultOf(Buffer.from(config.MASTER_KEY, "base64"))
  const projections = projectionRunner({ store, home: config.GATEHOUSE_HOME, log, crash, onFatal: fatal })
  let durable: Durability | undefined
  const mayWrite = () => {
    if (!projections.writable()) throw new GatehouseError("store_unavailable", projections.problem ?? "this node takes no writes now")
    if (durable?.ok === false && !config.ALLOW_WEAK_DURABILITY)
      throw new GatehouseError("store_unavailable", `Redis may lose acknowledged writes (${durable.detail}); see ALLOW_WEAK_DURABILITY`)
  }
  const bus = commandBus(store, projections.awaitOutcome, clock, { crash, mayWrite })
  const holder = randomUUID()
  const effectContext: EffectContext = { config, store, bus, projections, vault, log, crash, now: clock, random: Math.random }
  const ttl = ttlStore(redis)
  const oauth = oauthApp({ config, projections, bus, store, vault, ttl, log, clock })
  const keys = openKeys({ dir: join(config.GATEHOUSE_HOME, "keys"), store, vault, projections, log })
  const checks = healthChecks({ projections, redis, durability: () => durable, edge: () => edge, clock })
  const admin = apiApp({ config, projections, bus, store, vault, log, clock, checks })
  let edge: Awaited<ReturnType<typeof startEdge>> | undefined
  let api: Awaited<ReturnType<typeof listenApi>> | undefined

  async function serve(): Promise<void> {
    api = await listenApi(admin, config.API_PORT)
    while (!projections.ready && !signal.aborted) await sleep(20)
    if (signal.aborted) return
    const tokens = accessTokens({ world: () => projections.world, now: Date.now })
    edge = await startEdge({
      config,
      projections,
      guard: tokenGuard({ tokens, settings: config }),
      metadata: (proxy, method, path) => resourceMetadata(proxy, method, path, config.publicHttpsPort),
      oauth: oauth.handler,
      admin,
      openKey: keys.open,
      allowAddress: (address, { owner }) => addressAllowed(address, owner === "admin", config.TARGET_ALLOW_CIDRS),
      log,
      crash,
      accessSink: accessStream(redis),
      clock,
    })
    log.info("serving", { http: edge.httpPort, https: edge.httpsPort, api: api.port })
  }

  const decide = deciderLoop({ store, model: () => deciderModel(fork(projections.world), policyOf(config)), now: clock, crash, log })
  const lease = { ttlMs: config.LEASE_TTL * 1000, beatMs: (config.LEASE_TTL * 1000) / 3 }
  const running = [
    projections.run(signal),
    keepLease({ store, name: "decider", holder, lead: async (epoch, lost) => (await whenReady(lost), decide(epoch, lost)), signal, log, ...lease }),
    watchDurability(redis, (found) => (durable = found), signal, log),
    serve(),
    prepare(),
  ]
  for (const part of running) part.catch(fatal)
  const effects = startEffects({ ...effectContext, connect, holder, leaseTtlMs: lease.ttlMs, leaseBeatMs: lease.beatMs })

  async function whenReady(lost: AbortSignal): Promise<void> {
    while (!projections.ready && !lost.aborted) await sleep(20)
  }

  /** What every installation needs in its log, asked for until the store takes it. */
  async function prepare(): Promise<void> {
    const { ADMIN_TOKEN, ADMIN_EMAIL } = config
    if (ADMIN_TOKEN === undefined) log.warning("no_admin_token", { reason: "ADMIN_TOKEN is not set; only a stored ADMIN may administer" })
    await whenReady(signal)
    await persistently("admin_token", async () => {
      if (ADMIN_TOKEN === undefined) return
      const preview = `${ADMIN_TOKEN.slice(0, 4)}…`
      await report(effectContext, "RecordAdminToken", { hash: sha256(ADMIN_TOKEN), preview, cert_email: ADMIN_EMAIL ?? null })
    })
    await persistently("signing_key", () => oauth.ensureSigningKey())
    await persistently("oauth_host", () => provideOAuthHost(effectContext))
  }

  async function persistently(what: string, attempt: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      try {
        return await attempt()
      } catch (error) {
        if (!(error instanceof GatehouseError) || error.status < 500) throw error
        log.warning("not_prepared", { what, error: reason(error) })
        await sleep(1000, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  return {
    async stop() {
      await Promise.all([edge?.close(config.SHUTDOWN_GRACE * 1000), api?.close(config.SHUTDOWN_GRACE * 1000)])
      await effects.stop()
      stopping.abort()
      await Promise.allSettled(running)
      await store.close()
      redis.disconnect()
    },
  }
}

const durabilityCheckMs = 60_000

/** Reads the store's durability when it is there, and again every minute. @throws EvictionError */
async function watchDurability(redis: Redis, found: (is: Durability) => void, signal: AbortSignal, log: Logger): Promise<void> {
  let known = false
  while (!signal.aborted) {
    try {
      const is = await durability(redis)
      if (!known && !is.ok) log.warning("weak_durability", { settings: is.detail })
      found(is)
      known = true
    } catch (error) {
      if (!(error instanceof GatehouseError)) throw error
    }
    await sleep(known ? durabilityCheckMs : 250, undefined, { signal }).catch(() => undefined)
  }
}

function policyOf(config: Config): Policy {
  return {
    adminEmail: config.ADMIN_EMAIL ?? null,
    acmeDirectoryUrl: config.ACME_DIRECTORY_URL,
    acmeStagingUrl: config.ACME_STAGING_URL,
    adminHosts: config.ADMIN_HOSTS,
    oauthHosts: [config.oauthAuthority.replace(/:\d+$/, "")],
    targetAllowCidrs: config.TARGET_ALLOW_CIDRS,
    ownPorts: [config.HTTP_PORT, config.HTTPS_PORT, config.API_PORT, Number(new URL(config.redisUrl).port || 6379)],
    renewalThresholdDays: config.RENEWAL_THRESHOLD_DAYS,
  }
}
