import { type NodeCore, until } from "./node-core.ts"
import type { TtlStore } from "./platform/ttl-store.ts"
import { keepLease } from "./platform/lease.ts"
import { keepOAuthHygiene } from "./effects/oauth-hygiene.ts"
import { oauthIndex } from "./platform/oauth-index.ts"
import { workOnLog } from "./log-parts.ts"

/** What a node does for the log until `signal` is aborted: follows it, decides when it leads, and looks after what it leaves. */
export function nodeDuties(core: NodeCore, ttl: TtlStore, signal: AbortSignal): readonly Promise<void>[] {
  const { projections, redis, leaseTtlMs: ttlMs, leaseBeatMs: beatMs } = core
  const lead = async (epoch: number, lost: AbortSignal) => {
    await until(() => projections.writable(), lost)
    await core.decide(epoch, lost)
  }
  return [
    projections.run(signal),
    keepLease({ ...core, name: "decider", lead, signal, ttlMs, beatMs }),
    keepOAuthHygiene({ ...core, ttl, index: oauthIndex(redis), signal }),
    workOnLog(core, { ...core, signal }),
    core.watchDurability(signal),
  ]
}
