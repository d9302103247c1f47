import { ConfigError, configWarnings, loadConfig, readEnvironment } from "./platform/config.ts"
import { logger, reason } from "./platform/log.ts"
import { EvictionError } from "./platform/durability.ts"
import { startNode } from "./node.ts"

/** Oldest Node with the security fixes and the keep-alive behaviour that the edge relies on. */
const [oldestMajor, oldestMinor] = [24, 18] as const

function refuse(text: string): never {
  process.stderr.write(`Gatehouse cannot start: ${text}\n`)
  process.exit(1)
}

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor))
  refuse(`Node ${process.version} is too old; ${oldestMajor}.${oldestMinor} is needed`)

const config = (() => {
  try {
    return loadConfig(readEnvironment())
  } catch (error) {
    if (error instanceof ConfigError) return refuse(error.message)
    throw error
  }
})()

const log = logger(
  config.LOG_LEVEL,
  () => new Date(),
  (line) => process.stdout.write(line),
)
process.stdout.on("error", () => undefined)

for (const warning of configWarnings(config)) log.warning("configuration", warning)

let leaving = false
const node = startNode({ config, log, fatal: (error) => void leave(1, "fatal", error) })

async function leave(code: number, event: string, error?: unknown): Promise<void> {
  if (leaving) return
  leaving = true
  if (error === undefined) log.info(event)
  else {
    log.critical(event, { error: reason(error) })
    if (error instanceof EvictionError || (error as { expected?: boolean }).expected === true)
      process.stderr.write(`Gatehouse cannot run: ${reason(error)}\n`)
  }
  const cut = setTimeout(() => process.exit(code === 0 ? 1 : code), (config.SHUTDOWN_GRACE + 5) * 1000)
  await node.stop().catch((failure: unknown) => log.error("stop_failed", { error: reason(failure) }))
  clearTimeout(cut)
  process.exit(code)
}

process.on("SIGTERM", () => void leave(0, "sigterm"))
process.on("SIGINT", () => void leave(0, "sigint"))
process.on("uncaughtException", (error) => void leave(1, "uncaught_exception", error))
process.on("unhandledRejection", (error) => void leave(1, "unhandled_rejection", error))
