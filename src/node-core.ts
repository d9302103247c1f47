import { type Durability, watchDurability } from "./platform/durability.ts"
import { type Log, logOf } from "./log-parts.ts"
import { type ConnectRedis, connectRedis } from "./platform/redis.ts"
import { type Decider, deciderLoop } from "./platform/decider-loop.ts"
import { type Runner, projectionRunner } from "./projections/runner.ts"
import type { Config } from "./platform/config.ts"
import type { EffectContext } from "./effects/effect-context.ts"
import { GatehouseError } from "./errors.ts"
import type { Logger } from "./platform/log.ts"
import type { Redis } from "ioredis"
import { commandBus } from "./platform/command-bus.ts"
import { crashPoints } from "./platform/crash-point.ts"
import { deciderModel } from "./commands/decider.ts"
import { fork } from "./events/world.ts"
import { policyOf } from "./policy.ts"
import { randomUUID } from "node:crypto"
import { redisEventStore } from "./platform/redis-event-store.ts"
import { setTimeout as sleep } from "node:timers/promises"
import { vault } from "./platform/vault.ts"

/** What a node is started with. */
export interface NodeOptions {
  readonly config: Config
  readonly log: Logger
  /** Called once with an error that this node cannot go on with. */
  readonly fatal: (error: unknown) => void
}

/** The log with its decider and its projections, and everything else that all parts of a node work with. */
export interface NodeCore extends EffectContext, Log {
  readonly projections: Runner
  readonly connect: ConnectRedis
  readonly redis: Redis
  /** This node in every lease. */
  readonly holder: string
  /** How long a lease lasts, and how often it is renewed; milliseconds. */
  readonly leaseTtlMs: number
  readonly leaseBeatMs: number
  readonly decide: Decider["lead"]
  /** What was found last; undefined before the first look. */
  readonly durability: () => Durability | undefined
  watchDurability(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** Makes the core of a node; nothing of it runs yet. */
export function nodeCore({ config, log, fatal }: NodeOptions): NodeCore {
  const now = () => new Date()
  const crash = crashPoints(config.CRASH_AT)
  const connect: ConnectRedis = (name, purpose) => connectRedis(config.redisUrl, name, purpose, log)
  const redis = connect("gatehouse", "command")
  const parts = logOf(redisEventStore(connect), config, crash, log)
  const { store } = parts
  const projections = projectionRunner({ store, home: config.GATEHOUSE_HOME, log, crash, onFatal: fatal })
  let durable: Durability | undefined
  const mayWrite = () => {
    if (!projections.writable())
      throw new GatehouseError("store_unavailable", projections.problem ?? "this node takes no writes now")
    if (durable?.ok === false && !config.ALLOW_WEAK_DURABILITY)
      throw new GatehouseError(
        "store_unavailable",
        `Redis may lose acknowledged writes (${durable.detail}); see ALLOW_WEAK_DURABILITY`,
      )
  }
  const model = () => deciderModel(fork(projections.world), policyOf(config))
  const { lead, decideAtOnce } = deciderLoop({ store, model, now, crash, log })
  const leaseTtlMs = config.LEASE_TTL * 1000
  return {
    ...parts,
    ...{ config, log, crash, now, random: Math.random, connect, redis, projections },
    bus: commandBus(store, projections.awaitOutcome, now, { crash, mayWrite, decideAtOnce }),
    vault: vault(Buffer.from(config.MASTER_KEY, "base64")),
    holder: randomUUID(),
    ...{ leaseTtlMs, leaseBeatMs: leaseTtlMs / 3 },
    decide: lead,
    durability: () => durable,
    watchDurability: (signal) => watchDurability(redis, (found) => (durable = found), signal, log),
    async close() {
      await store.close()
      redis.disconnect()
    },
  }
}

/** Resolves when a condition of this node holds, or with the abort. */
export async function until(holds: () => boolean, aborted: AbortSignal): Promise<void> {
  while (!holds() && !aborted.aborted) await sleep(20)
}
