import { policyOf } from "../../src/policy.ts"
import { type Logger, logger } from "../../src/platform/log.ts"
import { type World, emptyWorld, find } from "../../src/events/world.ts"
import { loadConfig } from "../../src/platform/config.ts"
import { type Server, createServer } from "node:http"
import { commandBus } from "../../src/platform/command-bus.ts"
import type { EffectOptions } from "../../src/effects/effects.ts"
import type { EventStore } from "../../src/platform/event-store.ts"
import type { Policy } from "../../src/commands/decision.ts"
import type { StoredEvent } from "../../src/events/envelope.ts"
import { challenges } from "../../src/projections/challenges.ts"
import { type ConnectRedis, connectRedis } from "../../src/platform/redis.ts"
import { type DockerParts, docker } from "../../src/effects/docker.ts"
import { dockerQueries } from "../../src/effects/docker-queries.ts"
import { deciderLoop } from "../../src/platform/decider-loop.ts"
import { deciderModel } from "../../src/commands/decider.ts"
import { keepLease } from "../../src/platform/lease.ts"
import { join } from "node:path"
import { mkdtempSync, rmSync } from "node:fs"
import { once } from "node:events"
import { eventFeed } from "../../src/projections/event-feed.ts"
import { type WebhookCallParts } from "../../src/effects/webhook-call.ts"
import type { WebhookParts } from "../../src/effects/webhook-worker.ts"
import { webhookParts } from "../../src/webhook-parts.ts"
import { projectionRunner } from "../../src/projections/runner.ts"
import { randomUUID } from "node:crypto"
import { connectedStore } from "../support/connected-store.ts"
import { tmpdir } from "node:os"
import { startEffects } from "../../src/effects/effects.ts"
import { vault } from "../../src/platform/vault.ts"

/** What a node of these tests is set up with. */
export interface NodeSetup {
  readonly redisUrl: string
  readonly masterKey: Buffer
  readonly env?: Record<string, string>
  /** Also decides commands; one node of an installation does. */
  readonly decides?: boolean
  /** Other waiting times of work on services. */
  readonly dockerParts?: Partial<DockerParts>
  /** Folder below which the node makes its own; the system's by default. */
  readonly parent?: string
}

/** The write path, projections and effects of one node on a real Redis, in this process. */
export interface EffectNode {
  readonly world: World
  readonly store: EventStore
  /** Milliseconds that this node's clock is ahead. */
  readonly clock: { offset: number }
  readonly logLines: string[]
  certificate(name: string): NonNullable<ReturnType<typeof certificateOf>>
  /** Types of the events of a certificate, or of a service, so far. */
  history(name: string, of?: "certificate" | "service"): string[]
  /** Queries of the container engine. */
  readonly engine: ReturnType<typeof dockerQueries>
  /** Submits as an administrator. */
  execute(type: string, data: unknown, secrets?: Readonly<Record<string, string>>): Promise<unknown>
  startEffects(overrides?: Partial<EffectOptions>): { stop(): Promise<void> }
  /** What delivers to webhooks; nobody does unless it is handed to `startEffects`. */
  webhooks(call?: Partial<WebhookCallParts>): WebhookParts
  /** Serves challenge answers from this node's projections. */
  answerChallenges(port: number): Promise<void>
  stop(): Promise<void>
}

const admin = { name: "ADMIN", admin: true, token: "admin" }

export async function effectNode({
  redisUrl,
  masterKey,
  env = {},
  decides = true,
  dockerParts = {},
  parent = tmpdir(),
}: NodeSetup): Promise<EffectNode> {
  const config = loadConfig({
    MASTER_KEY: masterKey.toString("base64"),
    REDIS_URL: redisUrl,
    ADMIN_EMAIL: "admin@example.org",
    ACME_HTTP_TIMEOUT: "5",
    ACME_POLL_INTERVAL_SECONDS: "0.05",
    NODE_ENV: "test",
    ...env,
  })
  const logLines: string[] = []
  const clock = { offset: 0 }
  const now = () => new Date(Date.now() + clock.offset)
  const log = logger("DEBUG", now, (line) => void logLines.push(line))
  const connect: ConnectRedis = (name, purpose) => connectRedis(redisUrl, name, purpose, log)
  const store = await connectedStore(connect)
  const stop = new AbortController()
  const home = mkdtempSync(join(parent, "gatehouse-node-"))
  const onFatal = (error: Error) => void logLines.push(`${error.message}\n`)
  const projections = projectionRunner({ store, home, log, crash: () => undefined, onFatal, blockMs: 200 })
  const events: StoredEvent[] = []
  projections.listen((news) => void events.push(...news))
  const bus = commandBus(store, projections.awaitOutcome, now)
  const tasks = [projections.run(stop.signal)]
  if (decides) tasks.push(decide(store, policyOf(config), now, log, stop.signal))
  const running: { stop(): Promise<void> }[] = []
  let server: Server | undefined
  return {
    world: projections.world,
    store,
    clock,
    logLines,
    engine: dockerQueries(docker(config), projections, now),
    certificate(name) {
      const found = certificateOf(projections.world, name)
      if (found === undefined) throw new Error(`no certificate ${name}`)
      return found
    },
    history: (name, of = "certificate") =>
      events.filter(({ kind, id }) => kind === of && id === name).map(({ type }) => type),
    async execute(type, data, secrets = {}) {
      const sealed = Object.fromEntries(
        Object.entries(secrets).map(([ref, text]) => [ref, vault(masterKey).seal(ref, text)]),
      )
      const executed = await bus.execute({ type, data, actor: admin, secrets: sealed }, 10_000)
      if (executed.status === "queued") throw new Error(`${type} is still queued`)
      return executed.result
    },
    startEffects(overrides = {}) {
      const effects = startEffects({
        config,
        connect,
        store,
        bus,
        projections,
        vault: vault(masterKey),
        docker: { ...docker(config), drainMs: 300, lostMs: 1000, ...dockerParts },
        log,
        crash: () => undefined,
        now,
        random: () => 0.5,
        holder: randomUUID(),
        // Long enough for a machine that is busy with other tests; whoever waits for its end makes it shorter.
        leaseTtlMs: 10_000,
        leaseBeatMs: 100,
        ...overrides,
      })
      running.push(effects)
      return effects
    },
    webhooks(call) {
      const redis = connect("webhooks", "command")
      const feed = eventFeed(projections, store)
      running.push({ stop: async () => (feed.close(), redis.disconnect()) })
      return webhookParts({ config, store, vault: vault(masterKey), now }, redis, feed, call).worker
    },
    async answerChallenges(port) {
      const answers = challenges(projections, Date.now)
      server = createServer((incoming, outgoing) => {
        const answer = answers.keyAuthorization((incoming.url ?? "").replace("/.well-known/acme-challenge/", ""))
        outgoing.writeHead(answer === undefined ? 404 : 200).end(answer)
      }).listen(port, "127.0.0.1")
      await once(server, "listening")
    },
    async stop() {
      await Promise.all(running.map((effects) => effects.stop()))
      stop.abort()
      await Promise.all(tasks)
      await store.close()
      server?.close()
      rmSync(home, { recursive: true })
    },
  }
}

function certificateOf(world: World, name: string) {
  return find(world, "certificate", name)
}

function decide(store: EventStore, policy: Policy, now: () => Date, log: Logger, signal: AbortSignal): Promise<void> {
  const model = () => deciderModel(emptyWorld(), policy)
  const { lead } = deciderLoop({ store, model, now, crash: () => undefined, log, blockMs: 200 })
  return keepLease({ store, name: "decider", holder: randomUUID(), lead, signal, log, beatMs: 500, ttlMs: 5000 })
}
