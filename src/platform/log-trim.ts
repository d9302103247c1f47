import { available, untilReady } from "./redis-call.ts"
import { keys } from "./redis-keys.ts"
import type { Redis } from "ioredis"
import { redisScript } from "./redis-script.ts"

/** What is to go: the log up to a position, and the commands and decisions up to a stream id (`""` = none). */
export interface TrimRequest {
  readonly position: number
  /** Chain hash at the position, as the archive has it. */
  readonly hash: string
  readonly command: string
  readonly decision: string
}

/** What became of it; `group` still needs something of it. */
export type TrimResult =
  | { readonly status: "trimmed"; readonly events: number }
  | { readonly status: "other" | "last" }
  | { readonly status: "needed"; readonly group: string }

/** Removes the beginning of the log from Redis. @throws GatehouseError `store_unavailable` */
export async function trimLog(redis: Redis, { position, hash, command, decision }: TrimRequest): Promise<TrimResult> {
  await untilReady(redis, 400)
  const names = [keys.events, keys.commands, keys.decisions]
  const reply = (await available(script(redis, names, [position, hash, command, decision]))) as [
    TrimResult["status"],
    (string | number)?,
  ]
  const [status, detail] = reply
  if (status === "trimmed") return { status, events: Number(detail) }
  return status === "needed" ? { status, group: String(detail) } : { status }
}

const script = redisScript("trim")
