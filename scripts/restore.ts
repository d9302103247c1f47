// Writes an archived log into an empty Redis: node scripts/restore.ts [folder]
import { type Config, ConfigError, loadConfig, readEnvironment } from "../src/platform/config.ts"
import { ChainError } from "../src/platform/event-chain.ts"
import { GatehouseError } from "../src/errors.ts"
import { RestoreError, restoreLog } from "../src/platform/log-restore.ts"
import { decodeSnapshot, snapshotFile } from "../src/projections/snapshot.ts"
import { connectRedis } from "../src/platform/redis.ts"
import { untilReady } from "../src/platform/redis-call.ts"
import { openHome } from "./stack/home.ts"
import { lastPort } from "./stack/own-redis.ts"
import { join } from "node:path"
import { logArchive } from "../src/platform/log-archive.ts"
import { logger } from "../src/platform/log.ts"

const log = logger(
  "ERROR",
  () => new Date(),
  (line) => process.stderr.write(line),
)

async function restore(folder: string | undefined): Promise<string> {
  const config = loadConfig(readEnvironment())
  const from = folder ?? config.ARCHIVE_DIR ?? join(config.GATEHOUSE_HOME, "archive")
  const redis = connectRedis(urlOf(config), "restore", "command", log)
  try {
    await untilReady(redis, 5_000)
    const { head, events, commands } = await restoreLog(
      redis,
      logArchive(from, () => undefined, log),
    )
    const written = `${events} events and ${commands} commands written; the log ends at position ${head.position}, hash ${head.hash}\n`
    return written + warning(config.GATEHOUSE_HOME, head.position)
  } finally {
    redis.disconnect()
  }
}

/** A node that has seen more would take no writes, as with a log that was cut short by somebody. */
function warning(home: string, end: number): string {
  const text = snapshotFile(home, () => undefined, log).load()
  const seen = (text === undefined ? undefined : decodeSnapshot(text))?.position ?? 0
  if (seen <= end) return ""
  return `the node here has seen position ${seen}; if what came after ${end} is lost for good: rm -r ${join(home, "snapshot")}, then just up\n`
}

/** The own Redis may have another port than the usual one. */
function urlOf(config: Config): string {
  const port = config.REDIS_URL === undefined ? lastPort(openHome(config.GATEHOUSE_HOME)) : undefined
  const url = new URL(config.redisUrl)
  if (port !== undefined) url.port = String(port)
  return url.href
}

try {
  process.stdout.write(await restore(process.argv[2]))
} catch (error) {
  const expected = [RestoreError, ChainError, GatehouseError, ConfigError].some((type) => error instanceof type)
  if (!expected) throw error
  process.stderr.write(`not restored: ${(error as Error).message}\n`)
  process.exitCode = 1
}
