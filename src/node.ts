import { type Durability, watchDurability } from "./platform/durability.ts"
import { type EffectContext, report } from "./effects/effect-context.ts"
import { type Logger, reason } from "./platform/log.ts"
import { accessReader } from "./platform/access-reader.ts"
import { accessStream } from "./platform/access-stream.ts"
import { addressRanges } from "./edge/client-address.ts"
import { apiApp } from "./api/app.ts"
import { accessSink, oauthAdministration } from "./oauth-administration.ts"
import { counters } from "./platform/counters.ts"
import { requestTally } from "./platform/request-tally.ts"
import { accessColumns, accessRow } from "./edge/access-log.ts"
import { usage } from "./platform/usage.ts"
import { commandBus } from "./platform/command-bus.ts"
import type { Config } from "./platform/config.ts"
import { connectRedis } from "./platform/redis.ts"
import { crashPoints } from "./platform/crash-point.ts"
import { docker } from "./effects/docker.ts"
import { dockerQueries } from "./effects/docker-queries.ts"
import { deciderLoop } from "./platform/decider-loop.ts"
import { deciderModel } from "./commands/decider.ts"
import { eventFeed } from "./projections/event-feed.ts"
import { eventStreamPath } from "./api/event-socket.ts"
import { eventSubscriptions } from "./api/event-subscriptions.ts"
import { gatewayGuard, sharedProofs } from "./gateway-guard.ts"
import { fork } from "./events/world.ts"
import { GatehouseError } from "./errors.ts"
import { healthChecks } from "./health-checks.ts"
import { join } from "node:path"
import { keepLease } from "./platform/lease.ts"
import { listenApi } from "./api/listen.ts"
import { logOf, logTools, workOnLog } from "./log-parts.ts"
import { oauthApp } from "./oauth/app.ts"
import { keepOAuthHygiene } from "./effects/oauth-hygiene.ts"
import { oauthIndex } from "./platform/oauth-index.ts"
import { openKeys } from "./projections/certificate-keys.ts"
import { policyOf } from "./policy.ts"
import { projectionRunner } from "./projections/runner.ts"
import { provideOAuthHost } from "./effects/oauth-host.ts"
import { randomUUID } from "node:crypto"
import { redisEventStore } from "./platform/redis-event-store.ts"
import { resourceMetadata } from "./edge/resource-metadata.ts"
import { setTimeout as sleep } from "node:timers/promises"
import { sha256 } from "./platform/ids.ts"
import { startEdge } from "./edge/edge.ts"
import { startEffects } from "./effects/effects.ts"
import { ttlStore } from "./platform/ttl-store.ts"
import { mayDial, webhookParts } from "./webhook-parts.ts"
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
  const parts = logOf(redisEventStore(connect), config, crash, log)
  const { store } = parts
  const vault = vaultOf(Buffer.from(config.MASTER_KEY, "base64"))
  const projections = projectionRunner({ store, home: config.GATEHOUSE_HOME, log, crash, onFatal: fatal })
  let durable: Durability | undefined
  let prepared = false
  const mayWrite = () => {
    if (!projections.writable())
      throw new GatehouseError("store_unavailable", projections.problem ?? "this node takes no writes now")
    if (durable?.ok === false && !config.ALLOW_WEAK_DURABILITY)
      throw new GatehouseError(
        "store_unavailable",
        `Redis may lose acknowledged writes (${durable.detail}); see ALLOW_WEAK_DURABILITY`,
      )
  }
  const { lead: decide, decideAtOnce } = deciderLoop({
    store,
    model: () => deciderModel(fork(projections.world), policyOf(config)),
    now: clock,
    crash,
    log,
  })
  const bus = commandBus(store, projections.awaitOutcome, clock, { crash, mayWrite, decideAtOnce })
  const holder = randomUUID()
  const logParts = { ...parts, config, redis, bus, projections, crash, log, now: clock, holder }
  const effectContext: EffectContext = {
    config,
    store,
    bus,
    projections,
    vault,
    log,
    crash,
    now: clock,
    random: Math.random,
  }
  const engine = docker(config)
  const ttl = ttlStore(redis)
  const counted = counters(redis, Date.now, (error) => log.debug("event_not_counted", { error: reason(error) }))
  const accessRedis = connect("access-log", "command")
  const used = usage(accessRedis, counted)
  const usageLost = (error: unknown) => log.debug("usage_not_counted", { error: reason(error) })
  const collected = used.collect(usageDelayMs, usageLost)
  const trusts = addressRanges(config.TRUSTED_PROXIES).has
  const oauth = oauthApp({
    config,
    projections,
    bus,
    store,
    vault,
    ttl,
    log,
    clock,
    counters: counted,
    trusts,
    crash,
    usage: used,
  })
  const keys = openKeys({ dir: join(config.GATEHOUSE_HOME, "keys"), store, vault, projections, log })
  const checks = healthChecks({
    projections,
    redis,
    durability: () => durable,
    prepared: () => prepared,
    edge: () => edge,
    clock,
    pingDocker: engine.engine.ping,
    leaseTtlMs: config.LEASE_TTL * 1000,
  })
  const oauthParts = oauthAdministration({
    config,
    projections,
    redis,
    crash,
    bus,
    store,
    vault,
    clock,
    counters: counted,
    usage: used,
    edge: () => edge,
  })
  const feed = eventFeed(projections, store)
  const webhooks = webhookParts(effectContext, redis, feed)
  const subscriptions = eventSubscriptions({ projections, feed, log, mostPerToken: config.EVENT_STREAMS_PER_TOKEN })
  const admin = apiApp({
    config,
    projections,
    bus,
    store,
    vault,
    log,
    clock,
    policy: policyOf(config),
    checks,
    oauth: oauthParts,
    logTools: logTools(logParts),
    access: accessReader(accessRedis),
    engine: dockerQueries(engine, projections, clock),
    subscriptions,
    webhooks: webhooks.api,
  })
  let edge: Awaited<ReturnType<typeof startEdge>> | undefined
  let api: Awaited<ReturnType<typeof listenApi>> | undefined

  async function serve(): Promise<void> {
    api = await listenApi(admin.handler, config.API_PORT, admin.upgrade)
    await until(() => projections.ready, signal)
    if (signal.aborted) return
    edge = await startEdge({
      config,
      projections,
      guard: gatewayGuard(config, projections),
      metadata: (proxy, method, path) => resourceMetadata(proxy, method, path, config.publicHttpsPort),
      oauth: oauth.handler,
      admin: admin.handler,
      adminUpgrade: admin.upgrade,
      adminSockets: [eventStreamPath],
      hostLogin: oauth.hostLogin,
      renewCookie: oauth.renewCookie,
      claimProof: sharedProofs(config, ttl, log),
      openKey: keys.open,
      allowAddress: mayDial(config),
      log,
      crash,
      accessSink: accessSink(accessStream(accessRedis, accessColumns, accessRow), requestTally(counted), collected.add),
      clock,
    })
    log.info("serving", { http: edge.httpPort, https: edge.httpsPort, api: api.port })
  }

  const lease = { ttlMs: config.LEASE_TTL * 1000, beatMs: (config.LEASE_TTL * 1000) / 3 }
  const running = [
    projections.run(signal),
    keepLease({
      store,
      name: "decider",
      holder,
      lead: async (epoch, lost) => (await until(() => projections.writable(), lost), decide(epoch, lost)),
      signal,
      log,
      ...lease,
    }),
    keepOAuthHygiene({
      config,
      store,
      bus,
      projections,
      ttl,
      index: oauthIndex(redis),
      log,
      now: clock,
      holder,
      signal,
      leaseTtlMs: lease.ttlMs,
      leaseBeatMs: lease.beatMs,
    }),
    workOnLog(logParts, { signal, leaseTtlMs: lease.ttlMs, leaseBeatMs: lease.beatMs }),
    watchDurability(redis, (found) => (durable = found), signal, log),
    serve(),
    prepare(),
  ]
  for (const part of running) part.catch(fatal)
  const effects = startEffects({
    ...effectContext,
    connect,
    holder,
    docker: engine,
    webhooks: webhooks.worker,
    leaseTtlMs: lease.ttlMs,
    leaseBeatMs: lease.beatMs,
  })

  async function until(holds: () => boolean, aborted: AbortSignal): Promise<void> {
    while (!holds() && !aborted.aborted) await sleep(20)
  }

  /** What every installation needs in its log, asked for until the store takes it. */
  async function prepare(): Promise<void> {
    const { ADMIN_TOKEN, ADMIN_EMAIL } = config
    if (ADMIN_TOKEN === undefined)
      log.warning("no_admin_token", { reason: "ADMIN_TOKEN is not set; only a stored ADMIN may administer" })
    await until(() => projections.ready, signal)
    await persistently("admin_token", async () => {
      if (ADMIN_TOKEN === undefined) return
      const preview = `${ADMIN_TOKEN.slice(0, 4)}…`
      await report(effectContext, "RecordAdminToken", {
        hash: sha256(ADMIN_TOKEN),
        preview,
        cert_email: ADMIN_EMAIL ?? null,
      })
    })
    await persistently("signing_key", () => oauth.ensureSigningKey())
    prepared = true
    await persistently("oauth_host", () => provideOAuthHost(effectContext))
  }

  async function persistently(what: string, attempt: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      try {
        return await attempt()
      } catch (error) {
        if (!(error instanceof GatehouseError)) throw error
        log.warning("not_prepared", { what, error: reason(error) })
        // A refusal stays one: the node goes on without, and the administrator reads why.
        if (error.status < 500) return
        await sleep(1000, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  return {
    async stop() {
      subscriptions.close()
      await Promise.all([edge?.close(config.SHUTDOWN_GRACE * 1000), api?.close(config.SHUTDOWN_GRACE * 1000)])
      await effects.stop()
      stopping.abort()
      await Promise.allSettled(running)
      await collected.flush()
      await counted.flush()
      await store.close()
      redis.disconnect()
      accessRedis.disconnect()
    },
  }
}

/** Usage is counted together this often: one call a token, not one a request. */
const usageDelayMs = 2000
