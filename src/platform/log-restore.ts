import { ChainError, genesisHash, verifyChain } from "./event-chain.ts"
import type { EventRecord, Head } from "./event-store.ts"
import type { LogArchive } from "./log-archive.ts"
import type { Redis } from "ioredis"
import type { Segment } from "./segment.ts"
import { eventRecord } from "./redis-tail.ts"
import { isAfter } from "./audit-trail.ts"
import { deciderGroup, keys } from "./redis-keys.ts"

/** What a restored log is like. */
export interface Restored {
  readonly head: Head
  readonly events: number
  readonly commands: number
}

/** A Redis whose log is not the beginning of the archived one. */
export class RestoreError extends Error {
  override name = "RestoreError"
}

/**
 * Writes the archived log into an empty Redis: events, commands and decisions under their own ids. A restore that was cut goes
 * on where it ended. Vault entries are in no archive.
 * @throws RestoreError, ChainError
 */
export async function restoreLog(redis: Redis, archive: LogArchive): Promise<Restored> {
  const files = await archive.files()
  if (files.length === 0) throw new RestoreError(`there is no segment in ${archive.folder}`)
  // A decider would take what is written here for new commands.
  if ((await redis.exists(keys.lease("decider"))) === 1)
    throw new RestoreError("a node runs on this Redis; stop it first")
  let head: Head = { position: 0, hash: genesisHash }
  let [events, commands] = [0, 0]
  let there = await lastEvent(redis)
  for (const file of files) {
    if (file.first !== head.position + 1) {
      // A second file of the same run, which another node wrote and did not record.
      if (file.last <= head.position) continue
      throw new RestoreError(`the archive has no segment with position ${head.position + 1}`)
    }
    const segment = await archive.load(file)
    const records = segment.events.slice()
    head = verifyChain(head, records)
    const known = records.find(({ position }) => position === there?.position)
    if (known !== undefined && known.hash !== there!.hash) throw foreign(there!)
    if (known !== undefined) there = { ...known, position: known.position }
    events += await addEvents(redis, records, there?.position ?? 0)
    commands += await addTrail(redis, segment)
  }
  if (there !== undefined && there.position > head.position) throw foreign(there)
  const decided = await settleCommands(redis)
  await redis.hset(keys.head, "seq", head.position, "hash", head.hash, "decided", decided)
  return { head, events, commands }
}

/** All that was restored is decided: the decider begins after it. @returns the newest command */
async function settleCommands(redis: Redis): Promise<string> {
  const last = (await redis.xrevrange(keys.commands, "+", "-", "COUNT", 1))[0]?.[0] ?? "0-0"
  await redis.xgroup("CREATE", keys.commands, deciderGroup, last, "MKSTREAM").catch(async (error: Error) => {
    if (!error.message.startsWith("BUSYGROUP")) throw error
    await redis.xgroup("SETID", keys.commands, deciderGroup, last)
  })
  return last
}

function foreign({ position }: EventRecord): RestoreError {
  return new RestoreError(`Redis holds another log, up to position ${position}; restore into an empty one`)
}

async function lastEvent(redis: Redis): Promise<EventRecord | undefined> {
  const [entry] = await redis.xrevrange(keys.events, "+", "-", "COUNT", 1)
  try {
    return entry && eventRecord(entry)
  } catch (error) {
    if (error instanceof ChainError) throw new RestoreError("Redis holds something else under the name of the log")
    throw error
  }
}

async function addEvents(redis: Redis, events: readonly EventRecord[], after: number): Promise<number> {
  const missing = events.filter(({ position }) => position > after)
  await Promise.all(
    missing.map(({ position, kind, id, type, schema, data, meta, hash }) => {
      const fields = { kind, id, type, schema, data: JSON.stringify(data), meta: JSON.stringify(meta), hash }
      return redis.xadd(keys.events, `${position}-0`, ...Object.entries(fields).flat())
    }),
  )
  return missing.length
}

async function addTrail(redis: Redis, { commands, decisions }: Segment): Promise<number> {
  const after = async (key: string) => (await redis.xrevrange(key, "+", "-", "COUNT", 1))[0]?.[0] ?? "0-0"
  const [command, decision] = [await after(keys.commands), await after(keys.decisions)]
  const received = commands.slice().filter(({ entry }) => isAfter(entry, command))
  await Promise.all(received.map(({ entry, raw }) => redis.xadd(keys.commands, entry, "command", raw)))
  await Promise.all(
    decisions
      .slice()
      .filter(({ id }) => isAfter(id, decision))
      .map(({ id, entry, outcome }) =>
        redis.xadd(keys.decisions, id, "outcome", JSON.stringify(outcome), "entry", entry),
      ),
  )
  return received.length
}
